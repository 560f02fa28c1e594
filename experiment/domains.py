"""Target, sources and transfers as the configuration names them. Imports pydantic and nothing of ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args, get_origin

import pydantic

Architecture = Literal["original", "remastered", "mobilenet_v2", "own"]
PRETRAINED: tuple[Architecture, ...] = ("mobilenet_v2", "own")
"""Architectures whose source's weights are read from a file, not trained here."""
Control = Literal["self", "random", "shuffled_labels"]
Name = Annotated[str, pydantic.Field(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")]

MOST = 2**53
"""Of any whole number: up to here floats, and whatever reads JSON, know each one."""


def _types(annotation: Any) -> set[type]:
    """The types that values of an annotation are made of."""
    parts = get_args(annotation)
    if get_origin(annotation) is dict:
        parts = parts[1:]
    if parts:
        return set().union(*map(_types, parts))
    return {annotation} if isinstance(annotation, type) else set()


def _leaves(value: Any) -> Iterator[Any]:
    """The values within lists and mappings."""
    if isinstance(value, list | tuple | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _leaves(part)
    else:
        yield value


class Settings(pydantic.BaseModel):
    """A section of the configuration: frozen, unknown keys refused, described by the strings below its fields."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    @pydantic.field_validator("*", mode="before")
    @classmethod
    def _check_numbers(cls, value: Any, info: pydantic.ValidationInfo) -> Any:
        """Pydantic would take `draws: yes` for 1, `strict: 1` for true, and integers that no float can hold."""
        types = _types(cls.model_fields[info.field_name or ""].annotation)
        for one in _leaves(value):
            if types & {int, float} and isinstance(one, bool):
                raise ValueError(f"expected a number, got {one}. YAML reads yes, on and true as True, and no, off and "
                                 "false as False; write a number")  # fmt: skip
            if types & {int, float} and isinstance(one, int) and abs(one) > MOST:
                raise ValueError(f"expected a number up to {MOST}, got one of {len(str(abs(one)))} digits")
            if bool in types and one is not None and not isinstance(one, bool):
                raise ValueError(f"expected true or false, got {one!r}")
        return value


class Target(Settings):
    """The domain transferred to; the first class is label 0."""

    name: Name = "cars_trucks"
    """For titles."""
    classes: tuple[str, ...] = ("automobile", "truck")
    """Classes to tell apart."""


class Source(Settings):
    """A domain whose trained model is transferred: classes of the data, or weights from a file; or a control."""

    classes: tuple[str, ...] = ()
    """Empty: the weights are read from a file, ImageNet's or those of `own.model`, and nothing is trained (unless
    `control` says otherwise)."""
    control: Control | None = None
    """After Yosinski et al. (2014), to tell causes of a gain apart; never chosen and in no claim. `self`: trained on
    every training image of the target's own classes, those of the draws among them; `random`: initial weights, nothing
    is trained; `shuffled_labels`: trained on `classes` with labels permuted. `self` and `random` take no classes."""

    @pydantic.model_validator(mode="after")
    def _check(self) -> Source:
        if self.control in ("self", "random") and self.classes:
            raise ValueError(f"control {self.control} takes no classes, got {list(self.classes)}; leave them out")
        if self.control == "shuffled_labels" and not self.classes:
            raise ValueError("control shuffled_labels needs classes: those whose images it is trained on")
        return self

    @property
    def is_pretrained(self) -> bool:
        """True where the weights are read from a file."""
        return not self.classes and self.control is None

    @property
    def is_trained(self) -> bool:
        """True where training on images of the data makes the weights."""
        return bool(self.classes) or self.control == "self"


class Transfer(Settings):
    """One (source, architecture) pair."""

    source: str
    """One of `sources`."""
    architecture: Architecture
    """`original` and `remastered` are the report's Tables 1 and 2; `own` is that of `own.model`."""

    @property
    def id(self) -> str:
        return f"{self.source}__{self.architecture}"


def val_count(images: int, val_fraction: float) -> int:
    """Val images of a class with that many training images: the rounded share, yet one at least where there is any."""
    return min(images, max(1, round(images * val_fraction)))
