"""BatchNormalization with TensorFlow's fused kernel, and with held statistics. Imports only keras."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("thaw")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras's BatchNormalization over the channels of [batch, height, width, channels], in one kernel per direction.

    Keras 3 writes the normalisation as a dozen operations, each a pass over memory: a fifth of a training step on
    a CPU, and most of the time in which a graph of MobileNetV2 is traced. Same weights, same numbers.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the weights.

        Raises:
          ValueError: the input is not [batch, height, width, channels], or is to be normalised over another axis.
        """
        if len(input_shape) != 4 or self.axis not in (-1, 3):
            raise ValueError(f"{self.name} normalises the last of four axes, got axis {self.axis} of {input_shape}")
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: Any = None) -> tf.Tensor:
        """In training, normalises by the batch's statistics and updates the moving ones; otherwise by the moving ones.

        In float32 the second case is Keras's code: there, one kernel was not faster. For bfloat16 Keras would cast to
        float32 and back, which took as long as bfloat16 saves in a convolution; the kernel computes in float32.
        """
        if not (training and self.trainable):
            if inputs.dtype != tf.bfloat16:
                return super().call(inputs, training=training, mask=mask)
            return tf.compat.v1.nn.fused_batch_norm(
                inputs, self.gamma, self.beta, mean=self.moving_mean, variance=self.moving_variance,
                epsilon=self.epsilon, is_training=False,
            )[0]  # fmt: skip
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(inputs, self.gamma, self.beta, epsilon=self.epsilon)
        values = tf.cast(tf.size(inputs) // inputs.shape[-1], variance.dtype)
        # The kernel returns the variance over (values - 1); Keras remembers the one over all values.
        for moving, seen in ((self.moving_mean, mean), (self.moving_variance, variance * (values - 1) / values)):
            moving.assign(moving * self.momentum + seen * (1 - self.momentum))
        return outputs


def normalizations(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    """The model's normalisation layers, input to output."""
    return [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]


@contextlib.contextmanager
def normalization_held(model: keras.Model) -> Iterator[None]:
    """Context in which a call with training=True normalises by the moving statistics and leaves them unchanged.

    A BatchNormalization that is not trainable runs in inference mode; the gradients of its scale and offset can still
    be taken, by watching them.
    """
    layers = normalizations(model)
    before = [layer.trainable for layer in layers]
    for layer in layers:
        layer.trainable = False
    try:
        yield
    finally:
        for layer, trainable in zip(layers, before, strict=True):
            layer.trainable = trainable
