"""A frozen value of settings with some of its fields changed. Imports pydantic and nothing of ours."""

from __future__ import annotations

from typing import Any, TypeVar

import pydantic

Model = TypeVar("Model", bound=pydantic.BaseModel)


def changed(model: Model, /, **changes: Any) -> Model:
    """The same with other values of some fields, checked as a whole: pydantic's model_copy would check nothing.

    Args:
      model: what to begin with; positional, for there are fields of that name.
      changes: field to value.

    Raises:
      pydantic.ValidationError: there is no such field, or the values are not valid or don't fit each other.
    """
    kept = {name: getattr(model, name) for name in model.model_fields_set}
    return type(model).model_validate({**kept, **changes})
