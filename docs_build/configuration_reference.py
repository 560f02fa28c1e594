"""Writes docs/configuration.md from the configuration's own types and docstrings. Imports only config.

Run `python -m docs_build.configuration_reference > docs/configuration.md` after changing a setting; a test compares.
"""

from __future__ import annotations

import inspect
import typing

import pydantic
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from experiment.config import ExperimentConfig

HEADING = """# Configuration

Every setting, as `experiment/config.py` defines it. Presets are in `experiment/presets/`; `--set key.subkey=value`
overrides one setting. An unknown key is refused.
"""


def reference() -> str:
    """The page as Markdown: one table for the experiment, one for each section within it."""
    # If a section has its own default, its values are shown instead of the type's.
    sections: list[tuple[str, type[pydantic.BaseModel], object]] = [("", ExperimentConfig, None)]
    parts = [HEADING]
    for prefix, model, example in sections:
        rows = [_row(prefix, name, field, example) for name, field in model.model_fields.items()]
        title = f"`{prefix.rstrip('.')}`" if prefix else "The experiment"
        about = inspect.cleandoc(model.__doc__ or "")
        parts.append("\n".join([f"## {title}\n", about, "", "| key | default | meaning |",
                                "|---|---|---|", *rows, ""]))  # fmt: skip
        for name, field in model.model_fields.items():
            within = _models_within(field.annotation)
            sections += [(f"{prefix}{name}{suffix}.", inner, field.default) for inner, suffix in within]
    return "\n".join(parts)


def _row(prefix: str, name: str, field: FieldInfo, example: object) -> str:
    if isinstance(example, pydantic.BaseModel):
        default = f"`{_plain(getattr(example, name))}`"
    elif field.is_required():
        default = "required"
    elif isinstance(field.default, pydantic.BaseModel):
        default = "see below"
    else:
        default = f"`{_plain(field.default)}`" if field.default is not PydanticUndefined else ""
    return f"| `{prefix}{name}` | {default} | {' '.join((field.description or '').split())} |"


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else "null" if value is None else value


def _models_within(annotation: object) -> list[tuple[type[pydantic.BaseModel], str]]:
    """Settings models in a field's type, each with a placeholder for its place in a list or mapping."""
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return [(annotation, "")]
    kinds = {dict: ".<name>", tuple: "[]"}
    suffix = next((ending for kind, ending in kinds.items() if typing.get_origin(annotation) is kind), "")
    found = [model for argument in typing.get_args(annotation) for model, _ in _models_within(argument)]
    return [(model, suffix) for model in found]


if __name__ == "__main__":
    print(reference(), end="")
