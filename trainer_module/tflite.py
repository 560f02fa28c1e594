"""TFLite files of a trained model, in float and in int8, compared with its SavedModel. Imports source, no TFX."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from pipeline.errors import ThawError
from trainer_module.source import KERAS_FILE

FILES = {"float": "model.tflite", "int8": "model_int8.tflite"}
READ_BATCH = 250
MOST_FLOAT_DIFFERENCE = 1e-3
"""Of probabilities; 1e-6 was measured, so more is no rounding but a conversion that went wrong."""


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How a TFLite file compares with the SavedModel on the same images.

    Attributes:
      size_bytes: of the file.
      equal_decisions: share of the images whose most probable class is the same.
      largest_probability_difference: over all images and classes.
      accuracy: the file's, a fraction.
      saved_model_accuracy: the SavedModel's on these images, a fraction.
    """

    size_bytes: int
    equal_decisions: float
    largest_probability_difference: float
    accuracy: float
    saved_model_accuracy: float


def convert(model: keras.Model, calibration: np.ndarray | None = None) -> bytes:
    """A TFLite file: uint8 images [batch, height, width, channels] to float32 `probabilities` [batch, classes].

    Args:
      model: uint8 images to logits; one logit for two classes.
      calibration: uint8 training images, from which the range of each activation is taken for weights and arithmetic
        in int8; none: everything stays float32.
    """
    # As constants: the converter can end the process where it has to freeze variables of Keras.
    weights, statistics = (
        [keras.ops.convert_to_numpy(variable) for variable in variables]
        for variables in (model.trainable_variables, model.non_trainable_variables)
    )
    module = tf.Module()

    @tf.function(autograph=False, input_signature=[tf.TensorSpec(model.input_shape, tf.uint8, name="images")])
    def classify(images: tf.Tensor) -> dict[str, tf.Tensor]:
        # As serving.ServedModel answers; `compared` would show any difference.
        logits, _ = model.stateless_call(weights, statistics, images, training=False)
        if logits.shape[-1] > 1:
            return {"probabilities": tf.nn.softmax(logits)}
        positive = tf.sigmoid(logits)
        return {"probabilities": tf.concat([1 - positive, positive], axis=-1)}

    module.classify = classify
    converter = tf.lite.TFLiteConverter.from_concrete_functions([classify.get_concrete_function()], module)
    if calibration is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image[np.newaxis]] for image in calibration)
    return bytes(converter.convert())


def predict(content: bytes, images: np.ndarray) -> np.ndarray:
    """Probabilities float32 [images, classes] by a TFLite file, for uint8 images."""
    interpreter = tf.lite.Interpreter(model_content=content)
    [taken], [given] = interpreter.get_input_details(), interpreter.get_output_details()
    found = []
    for batch in _batches(images):
        interpreter.resize_tensor_input(taken["index"], batch.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(taken["index"], batch)
        interpreter.invoke()
        found.append(interpreter.get_tensor(given["index"]))
    return np.concatenate(found)


def served_probabilities(folder: Path, images: np.ndarray) -> np.ndarray:
    """Probabilities float32 [images, classes] by a SavedModel, asked with PNG bytes as a client would."""
    answer = tf.saved_model.load(str(folder)).signatures["serving_bytes"]
    encoded = (tf.stack([tf.io.encode_png(image) for image in batch]) for batch in _batches(images))
    return np.concatenate([answer(image_bytes=batch)["probabilities"].numpy() for batch in encoded])


def export(
    model_folder: Path, out: Path, calibration: np.ndarray, images: np.ndarray, labels: np.ndarray
) -> dict[str, Agreement]:
    """Writes FILES and compares each with the SavedModel.

    Args:
      model_folder: of an exported candidate: a SavedModel with KERAS_FILE beside it.
      out: folder for the files; made when absent.
      calibration: uint8 training images [images, height, width, channels].
      images, labels: what is compared on; uint8 as above, int [images].

    Returns:
      The agreement of each file, by its key in FILES.

    Raises:
      ThawError: the float file does not give what the SavedModel gives.
    """
    model = keras.saving.load_model(model_folder / KERAS_FILE, compile=False, safe_mode=True)
    served = served_probabilities(model_folder, images)
    out.mkdir(parents=True, exist_ok=True)
    agreements = {}
    for kind, examples in (("float", None), ("int8", calibration)):
        content = convert(model, examples)
        (out / FILES[kind]).write_bytes(content)
        agreements[kind] = compared(served, predict(content, images), labels, len(content))
    difference = agreements["float"].largest_probability_difference
    if not difference <= MOST_FLOAT_DIFFERENCE:
        raise ThawError(
            f"{out / FILES['float']} differs from the SavedModel {model_folder} by {difference:.2g} in a probability; "
            f"at most {MOST_FLOAT_DIFFERENCE:g} is rounding. Do not use the file: model and SavedModel in that folder "
            "are not the same, or TensorFlow Lite converted it wrongly."
        )
    return agreements


def compared(served: np.ndarray, lite: np.ndarray, labels: np.ndarray, size_bytes: int) -> Agreement:
    """Compares probabilities [images, classes] of a SavedModel and of a TFLite file of so many bytes."""
    decided, decided_lite = served.argmax(axis=1), lite.argmax(axis=1)
    return Agreement(
        size_bytes=size_bytes,
        equal_decisions=float(np.mean(decided == decided_lite)),
        largest_probability_difference=float(np.abs(served - lite).max()),
        accuracy=float(np.mean(decided_lite == labels)),
        saved_model_accuracy=float(np.mean(decided == labels)),
    )


def _batches(images: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(images), READ_BATCH):
        yield images[start : start + READ_BATCH]
