"""Settings of the architectures whose weights are read from a file. Imports domains alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pydantic
from pydantic import PositiveFloat

from experiment.domains import Settings

Scale = Literal["0..255", "0..1", "-1..1", "torch", "caffe"]
"""What a model expects pixels to be; the last two as keras.applications.imagenet_utils.preprocess_input has them."""


class MobileNet(Settings):
    """The size of MobileNetV2 and of the images it sees."""

    image_size_px: Annotated[int, pydantic.Field(ge=32, le=224)] = 96
    """Images are resized to this inside the model."""
    alpha: PositiveFloat = 1.0
    """Width multiplier."""
    weights: Path | None = None
    """ImageNet weights (.h5, no top); none: the first place of the README's list that has them."""


class OwnModel(Settings):
    """The architecture `own`: a Keras model of yours, or one of keras.applications that was saved."""

    model: Path
    """A .keras file: one input of images, one output. Its classification layer is left out."""
    scale: Scale | None = None
    """What the model expects pixels to be, `torch` and `caffe` being names of keras.applications; none: `0..255`, for a
    model that begins with a layer which scales them."""
    features: str | None = None
    """Name of the layer whose output is classified; none: what goes into the last dense layer, or the model's
    output."""
    image_size_px: Annotated[int, pydantic.Field(ge=16, le=512)] | None = None
    """Images are resized to this inside the model; none: the model's own size, or that of the data."""
    sha256: str = ""
    """Of the file; filled in by a run."""
    mflop: float = 0.0
    """Millions of operations of one image; filled in by a run."""
    parts: int = 0
    """That it can be cut into; filled in by a run."""


Small = Literal["original", "remastered"]
"""The report's two networks, which can be trained from random weights wherever images can be."""
MOST_SIDE_PX = 64
"""At which the report's two networks see larger images: they were made for 32 pixels, and their dense layers grow with
the square of the side."""
# Freezable layers, input to output (Tables 1 and 2 of the report; 18 blocks of MobileNetV2; at most 8 parts of a model
# of your own).
MAX_FREEZE_COUNT: dict[str, int] = {"original": 8, "remastered": 6, "mobilenet_v2": 18, "own": 8}


ARCHITECTURES = {
    "original": "the original network",
    "remastered": "the remastered network",
    "mobilenet_v2": "MobileNetV2",
    "own": "your own model",
}


def from_scratch_in_words(architecture: str, baseline: str) -> str:
    """What transfers with an architecture are held against, as in "a gain over ..."."""
    network = "the same architecture" if architecture == baseline else ARCHITECTURES[baseline]
    return f"{network} from random weights"


UNITS = {"mobilenet_v2": "block", "own": "part"}
"""What is frozen, one by one, where it is no single layer."""
