"""Turns a network into TensorFlow Lite files and runs them. Imports TensorFlow, nothing from Thaw."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf


def float_content(model: keras.Model) -> bytes:
    """The model as a TFLite file in 32-bit floats.

    Args:
      model: uint8 images to logits, one for two classes.
    """
    return _converter(model, tf.uint8).convert()


def int8_content(model: keras.Model, images: np.ndarray) -> bytes:
    """The model as a TFLite file in 8-bit integers throughout.

    Args:
      model: as in float_content.
      images: uint8 [images, height, width, channels], from which the ranges of activations are taken.
    """
    # Integers need a float input to quantise: the network is rebuilt on one, with the same weights.
    twin = keras.models.clone_model(model, input_tensors=keras.Input(model.input_shape[1:], name="pixels"))
    twin.set_weights(model.get_weights())
    converter = _converter(twin, tf.float32)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.representative_dataset = lambda: _calibration(images)
    return converter.convert()


def probabilities_of(content: bytes, images: np.ndarray) -> np.ndarray:
    """Output of this module's TFLite file for each image, float32 [images, classes].

    Args:
      content: the file.
      images: uint8 [images, height, width, channels].
    """
    interpreter = tf.lite.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    [given], [answered] = interpreter.get_input_details(), interpreter.get_output_details()
    answers = []
    for image in images:
        interpreter.set_tensor(given["index"], image[np.newaxis])
        interpreter.invoke()
        answers.append(interpreter.get_tensor(answered["index"])[0])
    return np.stack(answers)


def _converter(model: keras.Model, dtype: tf.DType) -> tf.lite.TFLiteConverter:
    # TensorFlow 2.16's converter ends the process over variables of Keras 3, so the weights are constants.
    weights = [
        [keras.ops.convert_to_numpy(variable) for variable in variables]
        for variables in (model.trainable_variables, model.non_trainable_variables)
    ]

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([1, *model.input_shape[1:]], dtype, name="image")])
    def infer(image: tf.Tensor) -> tf.Tensor:
        logits, _ = model.stateless_call(*weights, image, training=False)
        if logits.shape[-1] > 1:
            return tf.nn.softmax(logits)
        positive = tf.sigmoid(logits)
        return tf.concat([1 - positive, positive], axis=-1)

    return tf.lite.TFLiteConverter.from_concrete_functions([infer.get_concrete_function()])


def _calibration(images: np.ndarray) -> Iterator[list[np.ndarray]]:
    """One image at a time; the first holds a 0 and a 255, so that the file's input is the pixels themselves."""
    first = images[0].copy()
    first.flat[:2] = 0, 255
    for image in (first, *images[1:]):
        yield [image[np.newaxis].astype(np.float32)]
