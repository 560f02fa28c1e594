"""Which layers of a training step compute in bfloat16. Imports experiment and normalization.

Only training steps do: features of frozen layers, recalibrated statistics and every score are float32, so a ledger
holds the accuracy of the network that is served. Weights, batch statistics, losses and logits are float32 always. A
kernel is rounded to bfloat16 where it is used, and the sums of its products are kept in float32 by the processor. On a
CPU (docs/precision.md) dropout, depthwise convolutions, ReLU6 and additions are faster in float32, the casts included.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import keras
from keras.layers import Layer

from experiment.stack import Precision
from trainer_module.networks.normalization import FusedBatchNormalization

IN_BFLOAT16 = (
    keras.layers.Conv2D, keras.layers.Dense, keras.layers.Flatten, keras.layers.MaxPooling2D, FusedBatchNormalization,
)  # fmt: skip
"""By exact type; every other layer computes in float32, and Keras casts what it takes."""
HEAD = "head"
"""The classification layer's name; it computes in float32."""


@contextlib.contextmanager
def computed_in(precision: Precision, layers: Iterable[Layer]) -> Iterator[None]:
    """Within it, a call of these layers computes in `precision`; their weights stay float32.

    A tf.function that is traced within it computes so ever after.

    Args:
      precision: float32 changes nothing.
      layers: float32 layers; those of other types than IN_BFLOAT16, and the head, stay as they are.
    """
    changed = [layer for layer in layers if type(layer) in IN_BFLOAT16 and layer.name != HEAD]
    before = [layer.dtype_policy for layer in changed]
    if precision == "bfloat16":
        for layer in changed:
            layer.dtype_policy = "mixed_bfloat16"
    try:
        yield
    finally:
        for layer, policy in zip(changed, before, strict=True):
            layer.dtype_policy = policy
