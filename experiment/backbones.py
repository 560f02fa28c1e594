"""The networks that an experiment can name, and the settings of those read from a file. Imports only domains."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, get_args

import pydantic
from pydantic import PositiveFloat

from experiment.changes import changed
from experiment.domains import Settings

Small = Literal["original", "remastered"]
"""The report's two networks."""
MAX_FREEZE_COUNT: dict[str, int] = {"original": 8, "remastered": 6}
"""Their freezable layers, input to output (Tables 1 and 2 of the report)."""
MOST_SIDE_PX = 32
"""Side that larger images are reduced to for them. They were designed for it; at 64 pixels they are less accurate after
the same training time (docs/adr/0025-baselines-at-32-pixels.md)."""
MOBILENET_V2 = "MobileNetV2"
MOBILENET_V2_BLOCKS = 18
"""The parts of MobileNetV2: its blocks."""
MOST_PARTS = 8
"""Parts that any other backbone is cut into."""
LEAST_FAMILY_PX = 32
"""Side of the smallest images that the families of keras.applications take; some require more."""

Scale = Literal["0..255", "0..1", "-1..1", "torch", "caffe"]
"""What a model expects pixels to be; the last two as keras.applications.imagenet_utils.preprocess_input has them."""


@dataclasses.dataclass(frozen=True)
class Family:
    """What Thaw knows about a family of keras.applications.

    Attributes:
      scale: what its preprocess_input makes of pixels; 0..255 where layers of the model itself do that.
      image_size_px: side of the images that its ImageNet weights were trained on.
      weights: name of Keras's file of ImageNet weights without the top, `{alpha}` being the width.
      takes_alpha: whether it comes in several widths.
    """

    scale: Scale
    image_size_px: int
    weights: str
    takes_alpha: bool = False


_ORDERED = "_weights_tf_dim_ordering_tf_kernels_notop.h5"
FAMILIES: dict[str, Family] = {
    MOBILENET_V2: Family("-1..1", 224, "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_224_no_top.h5", True),
    "MobileNet": Family("-1..1", 224, "mobilenet_{alpha}_224_tf_no_top.h5", True),
    "MobileNetV3Small": Family("0..255", 224, "weights_mobilenet_v3_small_224_{alpha}_float_no_top_v2.h5", True),
    "MobileNetV3Large": Family("0..255", 224, "weights_mobilenet_v3_large_224_{alpha}_float_no_top_v2.h5", True),
    "NASNetMobile": Family("-1..1", 224, "nasnet_mobile_no_top.h5"),
    "NASNetLarge": Family("-1..1", 331, "nasnet_large_no_top.h5"),
    "Xception": Family("-1..1", 299, f"xception{_ORDERED}"),
    "InceptionV3": Family("-1..1", 299, f"inception_v3{_ORDERED}"),
    "InceptionResNetV2": Family("-1..1", 299, f"inception_resnet_v2{_ORDERED}"),
    **{f"VGG{depth}": Family("caffe", 224, f"vgg{depth}{_ORDERED}") for depth in (16, 19)},
    **{f"ResNet{depth}": Family("caffe", 224, f"resnet{depth}{_ORDERED}") for depth in (50, 101, 152)},
    **{f"ResNet{depth}V2": Family("-1..1", 224, f"resnet{depth}v2{_ORDERED}") for depth in (50, 101, 152)},
    **{f"DenseNet{depth}": Family("torch", 224, f"densenet{depth}{_ORDERED}") for depth in (121, 169, 201)},
    **{
        f"EfficientNetB{number}": Family("0..255", side, f"efficientnetb{number}_notop.h5")
        for number, side in enumerate((224, 240, 260, 300, 380, 456, 528, 600))
    },
    **{
        f"EfficientNetV2{name}": Family("0..255", side, f"efficientnetv2-{name.lower()}_notop.h5")
        for name, side in {"B0": 224, "B1": 240, "B2": 260, "B3": 300, "S": 384, "M": 480, "L": 480}.items()
    },
    **{
        f"ConvNeXt{name}": Family("0..255", 224, f"convnext_{name.lower()}_notop.h5")
        for name in ("Tiny", "Small", "Base", "Large", "XLarge")
    },
}
"""By its name in keras.applications."""


class Backbone(Settings):
    """A network whose weights are read from a file: either a `family` of keras.applications, or your own `model`."""

    family: str | None = None
    """Name in keras.applications, such as MobileNetV2 or EfficientNetB0."""
    model: Path | None = None
    """A .keras file: one input of images, one output (docs/howto/own_source.md). Its classification layer is left
    out."""
    image_size_px: Annotated[int, pydantic.Field(ge=16, le=1024)] | None = None
    """Images are resized to this inside the network; none: for a family, the side of its ImageNet training; for a
    model, its own input size, or that of the data."""
    alpha: PositiveFloat | None = None
    """Width multiplier of a MobileNet family; none: 1."""
    weights: Path | None = None
    """A family's ImageNet weights (.h5, no top); none: the first place where Thaw finds them (docs/howto/data.md)."""
    scale: Scale | None = None
    """Pixel values that a model expects (`torch` and `caffe` are names of keras.applications). None: `0..255`, for a
    model that begins with a layer that scales them."""
    features: str | None = None
    """Name of the layer of a model whose output the head classifies; none: the input of the last dense layer, or the
    model's output."""
    sha256: str = ""
    """SHA-256 of the file; filled in by a run."""
    mflop: float = 0.0
    """Millions of operations of one image; filled in by a run."""
    parts: int = 0
    """Number of parts that it can be cut into; filled in by a run."""

    def problems(self) -> Iterator[str]:
        """What is wrong: neither or both of family and model, or settings that don't apply to the one given."""
        if (self.family is None) == (self.model is None):
            yield ("expected one of `family`, a name of keras.applications such as MobileNetV2, and `model`, a .keras "
                   f"file; got {'neither' if self.family is None else 'both'}")  # fmt: skip
            return
        kind, other = ("family", "model") if self.family else ("model", "family")
        strange = {"family": ("scale", "features"), "model": ("alpha", "weights")}[kind]
        given = [name for name in strange if getattr(self, name) is not None]
        if given:
            yield f"a {kind} takes no {' and no '.join(given)}, which belong to a {other}; leave them out"
        if self.family is not None:
            yield from self._family_problems(self.family)

    def _family_problems(self, family: str) -> Iterator[str]:
        if family not in FAMILIES:
            yield f"keras.applications has no family {family!r} that Thaw knows; it knows {', '.join(FAMILIES)}"
            return
        if self.alpha is not None and not FAMILIES[family].takes_alpha:
            wide = ", ".join(name for name, one in FAMILIES.items() if one.takes_alpha)
            yield f"{family} has one width, so it takes no alpha; leave it out. Those with widths: {wide}"
        if self.image_size_px is not None and self.image_size_px < LEAST_FAMILY_PX:
            yield f"{family} takes images of {LEAST_FAMILY_PX} pixels a side or more, got {self.image_size_px}"

    @property
    def is_mobilenet_v2(self) -> bool:
        """True for the report's own backbone, which is cut at its blocks."""
        return self.family == MOBILENET_V2

    @property
    def most_frozen(self) -> int:
        """Parts that can be frozen; their upper bound if they were not counted yet."""
        return MOBILENET_V2_BLOCKS if self.is_mobilenet_v2 else self.parts or MOST_PARTS

    @property
    def width(self) -> float:
        """The width multiplier."""
        return self.alpha or 1.0

    @property
    def side_px(self) -> int | None:
        """Side of the images that the network sees; none: the model's own, or the data's."""
        return self.image_size_px or (FAMILIES[self.family].image_size_px if self.family else None)

    @property
    def pixels(self) -> Scale:
        """Pixel values that the network's first layer expects."""
        return FAMILIES[self.family].scale if self.family else self.scale or "0..255"

    @property
    def keras_weights(self) -> str:
        """A family's file of ImageNet weights, by the name that it has in Keras's cache."""
        assert self.family is not None
        width = str(self.width)
        if self.family == "MobileNet":
            width = f"{self.width if self.width == 1 else 10 * self.width:.1f}".replace(".", "_")
        return FAMILIES[self.family].weights.format(alpha=width)

    @property
    def file(self) -> Path | None:
        """Where the weights are read from, if that is known."""
        return self.model or self.weights

    def with_file(self, path: Path) -> Backbone:
        """A copy that reads its weights from this file."""
        return changed(self, **{"model" if self.model else "weights": path})

    @property
    def in_words(self) -> str:
        """`MobileNetV2, alpha 0.35, 96 pixels`, or the model's file."""
        if self.family is None:
            return str(self.model)
        width = [f"alpha {self.width:g}"] if FAMILIES[self.family].takes_alpha else []
        return ", ".join([self.family, *width, f"{self.side_px} pixels"])


def is_backbone(architecture: str) -> bool:
    """True for a name of `backbones`, false for the report's two networks."""
    return architecture not in get_args(Small)


def network_in_words(architecture: str) -> str:
    """`the original network`, `the backbone mobilenet_v2`."""
    return f"the backbone {architecture}" if is_backbone(architecture) else f"the {architecture} network"


def unit_of(architecture: str) -> str:
    """What is frozen, one by one."""
    return "part" if is_backbone(architecture) else "layer"


def from_scratch_in_words(architecture: str, baseline: str) -> str:
    """What transfers with an architecture are compared with, as in "a gain over ..."."""
    network = "the same architecture" if architecture == baseline else network_in_words(baseline)
    return f"{network} from random weights"
