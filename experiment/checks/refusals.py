"""What a setting that pydantic rejects should have been, in YAML's terms. Imports only pydantic."""

from __future__ import annotations

import difflib
from typing import Any, get_args

import pydantic

_EXPECTED = {
    "missing": "required, and not given",
    "tuple_type": "expected a list, such as [a, b]",
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "dict_type": "expected keys with values, such as {a: 1}",
    "model_type": "expected keys with values, such as {a: 1}",
}
"""By the type of pydantic's error."""
_SHORTER = (("Input should be ", "expected "), ("greater than or equal to", "at least"),
            ("less than or equal to", "at most"), ("greater than", "more than"))  # fmt: skip
"""Words of pydantic's other errors."""


def expected(kind: str, text: str) -> str:
    """What was expected.

    Args:
      kind: type of pydantic's error.
      text: its message.
    """
    for words, shorter in _SHORTER:
        text = text.replace(words, shorter)
    return _EXPECTED.get(kind, text)


def closest_key(model: type[pydantic.BaseModel], place: tuple[Any, ...]) -> str | None:
    """The section's key that is most similar to the unknown key at the end of a place; none if no key is similar."""
    for part in place[:-1]:
        if part in model.model_fields:
            model = next(_models_in(model.model_fields[part].annotation), model)
    return next(iter(difflib.get_close_matches(str(place[-1]), model.model_fields, 1)), None)


def _models_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
