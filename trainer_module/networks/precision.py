"""Which layers of a training step compute in bfloat16. Imports experiment and normalization.

Only training steps do: features of frozen layers, recalibrated statistics and every score are float32, so a ledger
holds the accuracy of the network that is served. Weights, batch statistics, losses and logits are float32 always. A
kernel is rounded to bfloat16 where it is used, and the sums of its products are kept in float32 by the processor. On a
CPU (docs/precision.md) dropout, depthwise and narrow convolutions, ReLU6 and additions are faster in float32.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import keras
from keras.layers import Layer

from experiment.stack import Precision
from trainer_module.networks.normalization import FusedBatchNormalization

AS_LAYER_BEFORE = (keras.layers.Flatten, keras.layers.MaxPooling2D, FusedBatchNormalization)
"""Layers that do little with each value, so they compute in the type of their input. By exact type, as below."""
LEAST_PRODUCTS = 16
"""Multiply-adds of a convolution in bfloat16 per value read or written; with fewer, casts take longer than it saves."""
HEAD = "head"
"""The classification layer's name; it computes in float32."""


@contextlib.contextmanager
def computed_in(precision: Precision, layers: Iterable[Layer]) -> Iterator[None]:
    """Context in which a call of these layers computes in `precision`; their weights stay float32.

    A tf.function that is traced in it keeps that precision.

    Args:
      precision: float32 changes nothing.
      layers: float32 layers, each after the one whose output it takes.
    """
    changed = _in_bfloat16(layers) if precision == "bfloat16" else []
    before = [layer.dtype_policy for layer in changed]
    for layer in changed:
        layer.dtype_policy = "mixed_bfloat16"
    try:
        yield
    finally:
        for layer, policy in zip(changed, before, strict=True):
            layer.dtype_policy = policy


def _in_bfloat16(layers: Iterable[Layer]) -> list[Layer]:
    """The layers that are faster in it; Keras casts the inputs of the others."""
    found: list[Layer] = []
    fits = False
    for layer in layers:
        fits = fits if type(layer) in AS_LAYER_BEFORE else _is_faster(layer)
        found += [layer] * fits
    return found


def _is_faster(layer: Layer) -> bool:
    if type(layer) is keras.layers.Conv2D:
        height, width, channels, filters = layer.kernel.shape
        return height * width * channels * filters >= LEAST_PRODUCTS * (channels + filters)
    return type(layer) is keras.layers.Dense and layer.name != HEAD
