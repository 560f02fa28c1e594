"""Data, target, sources and transfers as the configuration names them. Imports pydantic, nothing from Thaw."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, ParamSpec, get_args, get_origin

import pydantic
from typing_extensions import Self

Asked = ParamSpec("Asked")
Control = Literal["self", "random", "shuffled_labels"]
MOST_LETTERS = 100
"""Bytes of a name, which is part of names of files and folders; these have 255 at most."""


def like(pattern: str, words: str) -> pydantic.AfterValidator:
    """Rejects text that the pattern does not match as a whole, in words; pydantic's own message shows the pattern."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"expected {words}, got {text!r}")
        return text

    return pydantic.AfterValidator(check)


Name = Annotated[
    str, pydantic.Field(max_length=MOST_LETTERS),
    like("[a-z][a-z0-9]*(_[a-z0-9]+)*", "lower-case letters and digits, joined by _, beginning with a letter"),
]  # fmt: skip
Architecture = Name
"""`original` or `remastered`, the report's two networks, or one of `backbones`."""

CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip


def _composed(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names in Unicode's NFC: é is one character, as keyboards write it, and not e and an accent, as on macOS."""
    return tuple(unicodedata.normalize("NFC", name) for name in names)


ClassNames = Annotated[tuple[str, ...], pydantic.AfterValidator(_composed)]
Fraction = Annotated[float, pydantic.Field(gt=0, lt=1)]
Epochs = Annotated[int, pydantic.Field(ge=1, le=100_000)]
BatchSize = Annotated[int, pydantic.Field(ge=1, le=65_536)]
LearningRate = Annotated[float, pydantic.Field(ge=1e-9, le=1)]
"""Adam's learning rates. Smaller ones change no float32 weight, and larger ones replace all weights at the first
step."""
SidePx = Annotated[int, pydantic.Field(ge=1, le=4096)]
Channels = Annotated[int, pydantic.Field(ge=1, le=4)]
MOST = 2**53
"""Largest whole number: up to here, floats and all readers of JSON represent each one exactly."""


def types_in(annotation: Any) -> set[type]:
    """The types that occur in an annotation."""
    parts = get_args(annotation)
    if get_origin(annotation) is dict:
        parts = parts[1:]
    if parts:
        return set().union(*map(types_in, parts))
    return {annotation} if isinstance(annotation, type) else set()


def _leaves(value: Any) -> Iterator[Any]:
    """The values within lists and mappings."""
    if isinstance(value, list | tuple | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _leaves(part)
    else:
        yield value


class NotValid(Exception):
    """A check asked for a field that was left out because its value is wrong (experiment/checks/hidden_problems.py)."""


def judged(check: Callable[Asked, Iterable[str]], *args: Asked.args, **kwargs: Asked.kwargs) -> Iterator[str]:
    """What a check reports before it reads a field that has no valid value; everything, if all fields are valid.

    Args:
      check: gives one problem after the other.
      *args, **kwargs: of the check.
    """
    try:
        yield from check(*args, **kwargs)
    except NotValid:
        return  # another message names what is wrong with the field


class Settings(pydantic.BaseModel):
    """A section of the configuration: frozen, unknown keys refused, described by the strings below its fields."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Called for a missing attribute; a missing field was left out because its value is wrong."""
            if name in type(self).model_fields:
                raise NotValid(name)
            return super().__getattr__(name)

    def problems(self) -> Iterable[str]:
        """What is wrong between fields that are valid one by one; for sections to override."""
        return ()

    @pydantic.model_validator(mode="after")
    def _check(self) -> Self:
        if problems := list(self.problems()):
            raise ValueError("\n".join(problems))
        return self

    @pydantic.field_validator("*", mode="before")
    @classmethod
    def _check_numbers(cls, value: Any, info: pydantic.ValidationInfo) -> Any:
        """Pydantic would take `draws: yes` for 1, `strict: 1` for true, `""` for a path, and integers beyond floats."""
        types = types_in(cls.model_fields[info.field_name or ""].annotation)
        for one in _leaves(value):
            if Path in types and isinstance(one, str) and not one.strip():
                raise ValueError("expected a path, got empty text, which would mean the current folder. Write the path "
                                 "(a dot for the current folder), or leave the key out")  # fmt: skip
            if types & {int, float} and isinstance(one, bool):
                raise ValueError(f"expected a number, got {one}. YAML reads yes, on and true as True, and no, off and "
                                 "false as False; write a number")  # fmt: skip
            if types & {int, float} and isinstance(one, int) and abs(one) > MOST:
                raise ValueError(f"expected a number up to {MOST}, got one of {len(str(abs(one)))} digits")
            if bool in types and one is not None and not isinstance(one, bool):
                raise ValueError(f"expected true or false, got {one!r}")
        return value


class Data(Settings):
    """Where the images are and how their records are laid out."""

    path: Path | None = None
    """Folder of TFRecords; none: the first place where Thaw finds CIFAR-10 (docs/howto/data.md)."""
    image_key: str = "image"
    """Feature with the image as PNG or JPEG bytes."""
    label_key: str = "label"
    """Feature with the class's number, from 0."""
    id_key: str = "id"
    """Feature with the image's id; records without it get one made from their bytes."""
    image_shape: tuple[SidePx, SidePx, Channels] = (32, 32, 3)
    """Height and width (4,096 at most) and channels of the images that networks see."""
    resize: bool = False
    """True: images may have any size. They are cropped evenly at both ends to the proportions of image_shape, then
    resized. False: every image must have image_shape."""
    classes: ClassNames = CIFAR10_CLASSES
    """Class names in the order of their labels."""
    val_fraction: Fraction = 0.2
    """Share of each class's training images that are val (CIFAR-10: 1,000 per class)."""
    val_key: str | None = None
    """Feature that is 1 for training images that are val, else 0; none: val_fraction decides. `thaw init` writes it, so
    that each group and each set of near-duplicates is in one split."""
    group_key: str | None = None
    """Feature with the name of the image's group: images that depend on each other, such as near-duplicates or those of
    one person. Intervals allow for it. Requires val_key. `thaw init` writes it; none: no image depends on another."""

    def problems(self) -> Iterator[str]:
        """What is wrong: one feature for two things, or a val split that would divide groups."""
        keys: dict[str, str] = {}
        for key in ("image_key", "label_key", "id_key", "val_key", "group_key"):
            feature = getattr(self, key)
            if feature is not None and (other := keys.setdefault(feature, key)) != key:
                yield f"{other} and {key} both name the feature {feature!r}; expected a feature of its own for each"
        if self.group_key is not None and self.val_key is None:
            yield (f"group_key is {self.group_key!r}, but val_key is not set, so val would divide groups. Name the "
                   "feature of the records that is 1 for val images as val_key, or leave group_key out")  # fmt: skip


class Augmentation(Settings):
    """Copies added to every training image, as in the 2022 report."""

    mirror: bool = True
    """Add the mirror image. False if it is an image of another class, as with arrows that point left or right."""
    noisy_copies: Annotated[int, pydantic.Field(ge=0, le=100)] = 1
    """Copies with Gaussian noise added."""
    noise_stddev: Annotated[float, pydantic.Field(gt=0, le=255)] = 10.0
    """Standard deviation of the Gaussian noise, in grey levels of 255."""

    @property
    def copies(self) -> int:
        """Records per training image, including the image itself."""
        return 1 + int(self.mirror) + self.noisy_copies


class Target(Settings):
    """The domain transferred to; the first class is label 0."""

    name: Name = "cars_trucks"
    """Name for titles."""
    classes: ClassNames = ("automobile", "truck")
    """Classes to tell apart."""


class Source(Settings):
    """A domain whose trained model is transferred: classes of the data, or weights from a file; or a control."""

    classes: ClassNames = ()
    """Empty: the weights are read from the file of a backbone, and nothing is trained (unless `control` says
    otherwise)."""
    control: Control | None = None
    """A control after Yosinski et al. (2014), to separate the causes of a gain; never chosen, and part of no claim.
    `self`: trained on every training image of the target's own classes, including those of the draws; `random`: initial
    weights, nothing is trained; `shuffled_labels`: trained on `classes` with labels permuted. `self` and `random` take
    no classes."""

    def problems(self) -> Iterator[str]:
        """What is wrong: classes for a control that takes none, or no classes for one that needs them."""
        if self.control in ("self", "random") and self.classes:
            yield f"control {self.control} takes no classes, got {', '.join(self.classes)}; leave them out"
        if self.control == "shuffled_labels" and not self.classes:
            yield "control shuffled_labels needs classes: those whose images it is trained on"

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
    """`original` or `remastered`, the report's Tables 1 and 2, or one of `backbones`."""

    @property
    def id(self) -> str:
        return f"{self.source}__{self.architecture}"


def val_count(images: int, val_fraction: float) -> int:
    """Val images of a class with that many training images: the rounded share, but at least one if there is any."""
    return min(images, max(1, round(images * val_fraction)))
