"""What one image's way through a network costs, before and after the network is built. Imports no TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence

from experiment.backbones import FAMILIES, MOBILENET_V2, MOST_SIDE_PX, Backbone
from experiment.config import Architecture, ExperimentConfig

# Floating-point operations of one image's forward pass, in millions: both of the report's architectures by layer
# (two per multiply-add), MobileNetV2 at 224 pixels and alpha 1 (Sandler et al., CVPR 2018: 300M multiply-adds).
CONVOLUTION_MFLOP = (1.77, 18.87, 9.44, 18.87, 9.44, 18.87)
DENSE_MFLOP = {"original": (1.05, 0.07), "remastered": ()}
MOBILENET_MFLOP_224 = 600.0


def forward_mflop(config: ExperimentConfig, architecture: Architecture, freeze_count: int) -> float:
    """Millions of operations of one image's forward pass above the frozen layers, as a plan takes them."""
    backbone = config.backbones.get(architecture)
    if backbone is not None:  # a part is taken for as dear as another
        return _whole_mflop(backbone) * (1 - freeze_count / backbone.most_frozen)
    shrunk = min(1.0, MOST_SIDE_PX / max(config.data.image_shape[:2]))
    scale = config.data.image_shape[0] * config.data.image_shape[1] * shrunk**2 / 1024
    return scale * sum((CONVOLUTION_MFLOP + DENSE_MFLOP[architecture])[freeze_count:])


def _whole_mflop(backbone: Backbone) -> float:
    """Of a backbone with nothing frozen; 0 where nobody has counted them."""
    if not backbone.is_mobilenet_v2:
        return backbone.mflop
    share = (backbone.side_px or 0) / FAMILIES[MOBILENET_V2].image_size_px
    return MOBILENET_MFLOP_224 * backbone.width**1.55 * share**2


def counted_mflop(multiply_adds: Sequence[int]) -> float:
    """The same of a network that was built, nothing frozen.

    Args:
      multiply_adds: of the Network.
    """
    return round(2e-6 * multiply_adds[0], 3)
