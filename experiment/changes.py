"""Settings with some fields changed, and settings as a file has them. Imports pydantic, nothing from Thaw."""

from __future__ import annotations

from typing import Any, TypeVar

import pydantic

Model = TypeVar("Model", bound=pydantic.BaseModel)


def changed(model: Model, /, **changes: Any) -> Model:
    """A copy with other values for some fields, validated as a whole; pydantic's model_copy would validate nothing.

    Args:
      model: the settings to copy; positional, because some settings have a field of that name.
      changes: field to value.

    Raises:
      pydantic.ValidationError: there is no such field, or the values are not valid or don't fit each other.
    """
    kept = {name: getattr(model, name) for name in model.model_fields_set}
    return type(model).model_validate({**kept, **changes})


def as_written(model: pydantic.BaseModel, **dumping: Any) -> dict[str, Any]:
    """JSON values that give the same settings when they are read; null is left out where it is the default.

    A null that is not the default, such as `schedule.max_steps`, has a meaning: pydantic's exclude_none would lose it.

    Args:
      model: the settings.
      dumping: further arguments of model_dump, such as `exclude`.
    """
    written = _without_default_nulls(model, model.model_dump(mode="json", **dumping))
    assert isinstance(written, dict)
    return written


def _without_default_nulls(value: Any, dumped: Any) -> Any:
    if isinstance(value, pydantic.BaseModel):
        fields = type(value).model_fields
        return {
            name: _without_default_nulls(getattr(value, name), part)
            for name, part in dumped.items()
            if part is not None or fields[name].default is not None
        }
    if isinstance(value, dict):
        return {name: _without_default_nulls(value[name], part) for name, part in dumped.items()}
    if isinstance(value, tuple | list):
        return [_without_default_nulls(one, part) for one, part in zip(value, dumped, strict=True)]
    return dumped
