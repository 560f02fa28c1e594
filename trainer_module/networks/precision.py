"""Which layers compute in bfloat16, and in which dtype each layer is made. Imports experiment and normalization.

Weights, batch statistics, losses and logits are float32 always. A kernel is rounded to bfloat16 where it is used, and
the sums of its products are kept in float32 by the processor. On a CPU (docs/performance.md) dropout, depthwise
convolutions, ReLU6 and additions are faster in float32, the casts included.
"""

from __future__ import annotations

import keras
from keras.layers import Layer

from experiment.stack import Precision
from trainer_module.networks.normalization import FusedBatchNormalization

IN_BFLOAT16 = (
    keras.layers.Conv2D, keras.layers.Dense, keras.layers.Flatten, keras.layers.MaxPooling2D, FusedBatchNormalization,
)  # fmt: skip
"""By exact type; every other layer computes in float32, and Keras casts what it takes."""


def layer_dtype(made: type[Layer], name: str, precision: Precision) -> str:
    """Keras's dtype policy of a layer: `float32`, or `mixed_bfloat16`, which keeps the weights in float32.

    Args:
      made: the layer's type.
      name: of the layer; the head computes in float32.
      precision: of the network.
    """
    return "mixed_bfloat16" if precision == "bfloat16" and made in IN_BFLOAT16 and name != "head" else "float32"
