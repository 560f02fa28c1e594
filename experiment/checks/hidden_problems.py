"""Problems between valid fields that pydantic does not report if another field is wrong. Imports only pydantic and
domains.

Pydantic checks a section's `problems` only if every field is valid. This module builds a section from its valid fields
alone and checks it all the same. A check that reads a missing field ends (`domains.judged`), so nothing is reported
that depends on the corrected value.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, get_origin

import pydantic

from experiment.domains import NotValid, Settings, judged, types_in

Place = tuple[int | str, ...]
"""Keys and positions that lead to a value, as in pydantic's `loc`."""
Problems = list[tuple[Place, str]]
"""Sentences, each with the place of its section."""
WRONG_KEY = "[key]"
"""What pydantic adds to the place of a mapping's key that is wrong."""


def hidden_problems(model: type[Settings], settings: dict[str, Any], wrong: Sequence[Place]) -> Problems:
    """Problems between valid fields, in every section that has a wrong field.

    Args:
      model: the settings' class.
      settings: as YAML gives them.
      wrong: the places of all that pydantic found wrong with them.
    """
    found: Problems = []
    _valid_part(model, settings, wrong, (), found)
    return found


def _valid_part(model: type[Settings], raw: Any, wrong: Sequence[Place], at: Place, found: Problems) -> Settings:
    """The section built from its valid fields; adds its problems to those found."""
    if not wrong:
        return model.model_validate(raw)
    if () in wrong:  # no section at all, or one whose fields are valid and don't fit each other: pydantic says so
        return _without(model.model_construct(), model.model_fields)
    known = {}
    for name in model.model_fields.keys() & raw.keys():
        try:
            known[name] = _valid_value(
                model.model_fields[name].annotation, raw[name], _below(name, wrong), (*at, name), found
            )
        except NotValid:
            continue
    lacking = {str(place[0]) for place in wrong} | _meant_by_unknown_keys(model, raw, wrong, whole=not at)
    part = _without(model.model_construct(**known), lacking - known.keys())
    found += [(at, problem) for problem in judged(part.problems)]
    return part


def _valid_value(annotation: Any, raw: Any, wrong: Sequence[Place], at: Place, found: Problems) -> Any:
    """The value of a field; of sections, and lists and mappings of them, the valid part.

    Raises:
      NotValid: no part of it is valid.
    """
    if not wrong:
        return pydantic.TypeAdapter(annotation).validate_python(raw)
    section = next((one for one in types_in(annotation) if issubclass(one, Settings)), None)
    if section is None or () in wrong or any(place[-1] == WRONG_KEY for place in wrong):
        raise NotValid
    if get_origin(annotation) is dict:
        return {key: _valid_part(section, one, _below(key, wrong), (*at, key), found) for key, one in raw.items()}
    if get_origin(annotation) is tuple:
        return tuple(_valid_part(section, one, _below(i, wrong), (*at, i), found) for i, one in enumerate(raw))
    return _valid_part(section, raw, wrong, at, found)


def _below(key: int | str, wrong: Sequence[Place]) -> list[Place]:
    """The wrong places within the value of a key, relative to it."""
    return [place[1:] for place in wrong if place[0] == key]


def _without(part: Settings, names: Iterable[str]) -> Settings:
    for name in names:
        part.__dict__.pop(name, None)  # reading it then raises NotValid
    return part


def _meant_by_unknown_keys(
    model: type[Settings], raw: dict[str, Any], wrong: Sequence[Place], *, whole: bool
) -> set[str]:  # fmt: skip
    """Fields that may have been given under a misspelled name: their defaults are not what was asked for.

    In a section with an unknown key, all fields that are not given; in the `whole` configuration, those with a similar
    name.
    """
    not_given = model.model_fields.keys() - raw.keys()
    unknown = {str(place[0]) for place in wrong} - model.model_fields.keys()
    if unknown and not whole:
        return set(not_given)
    return {name for key in unknown for name in difflib.get_close_matches(key, not_given)}
