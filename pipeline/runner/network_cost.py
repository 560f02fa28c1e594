"""What one image's way through a network costs, before and after the network is built. Imports no TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence

from experiment.backbones import MAX_FREEZE_COUNT, MOST_SIDE_PX
from experiment.config import Architecture, ExperimentConfig

# Floating-point operations of one image's forward pass, in millions: both of the report's architectures by layer
# (two per multiply-add), MobileNetV2 at 224 pixels and alpha 1 (Sandler et al., CVPR 2018: 300M multiply-adds).
CONVOLUTION_MFLOP = (1.77, 18.87, 9.44, 18.87, 9.44, 18.87)
DENSE_MFLOP = {"original": (1.05, 0.07), "remastered": ()}
MOBILENET_MFLOP_224 = 600.0


def forward_mflop(config: ExperimentConfig, architecture: Architecture, freeze_count: int) -> float:
    """Millions of operations of one image's forward pass above the frozen layers, as a plan takes them."""
    if architecture == "mobilenet_v2":
        settings = config.mobilenet_v2
        whole = MOBILENET_MFLOP_224 * settings.alpha**1.55 * (settings.image_size_px / 224) ** 2
        return whole * (1 - freeze_count / MAX_FREEZE_COUNT[architecture])
    if architecture == "own":  # a part is taken for as dear as another
        own = config.own
        return own.mflop * (1 - freeze_count / max(1, own.parts)) if own else 0.0
    shrunk = min(1.0, MOST_SIDE_PX / max(config.data.image_shape[:2]))
    scale = config.data.image_shape[0] * config.data.image_shape[1] * shrunk**2 / 1024
    return scale * sum((CONVOLUTION_MFLOP + DENSE_MFLOP[architecture])[freeze_count:])


def counted_mflop(multiply_adds: Sequence[int]) -> float:
    """The same of a network that was built, nothing frozen.

    Args:
      multiply_adds: of the Network.
    """
    return round(2e-6 * multiply_adds[0], 3)
