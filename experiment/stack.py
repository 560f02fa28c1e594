"""The software and hardware that figures depend on, as one value. Imports nothing from Thaw and no TensorFlow."""

from __future__ import annotations

import dataclasses
from typing import Literal

Device = Literal["CPU", "GPU"]
Precision = Literal["float32", "bfloat16"]
"""Of activations and kernels in training; weights are float32 always."""


@dataclasses.dataclass(frozen=True)
class Stack:
    """What trained a model, besides code, settings and data: another stack gives other figures for the same settings.

    Attributes:
      tensorflow, keras, numpy, scikit_learn, scipy: versions; numpy draws the random numbers, and may change its
        streams with a version; scikit-learn solves heads by scipy's optimiser.
      precision: of activations and kernels, `float32` or `bfloat16`.
      onednn: whether TensorFlow uses oneDNN's kernels.
      device: where the arithmetic is done.
    """

    tensorflow: str
    keras: str
    numpy: str
    scikit_learn: str
    scipy: str
    precision: str
    onednn: bool
    device: Device

    @property
    def in_words(self) -> str:
        """In words, for a sentence or a table."""
        onednn = "with oneDNN" if self.onednn else "without oneDNN"
        return (
            f"TensorFlow {self.tensorflow}, Keras {self.keras}, numpy {self.numpy}, scikit-learn {self.scikit_learn}, "
            f"scipy {self.scipy}, {self.precision}, {onednn}, on {self.device}"
        )
