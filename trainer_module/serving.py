"""The SavedModel that is evaluated and served: its signatures. Imports preprocessing and training, no TFX component."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf
import tensorflow_transform as tft

from trainer_module import features, preprocessing
from trainer_module.settings import ModelSettings


class ServedModel(tf.Module):
    """A trained model with everything between a request's bytes and named probabilities.

    Args:
      model: uint8 images to logits.
      settings: class names, image shape, and the feature that holds the image.
      transform_graph: folder that Transform wrote.
    """

    def __init__(self, model: keras.Model, settings: ModelSettings, transform_graph: str):
        super().__init__()
        self._infer = _inference_with_constants(model)
        self._settings = settings
        self._transform = tft.TFTransformOutput(transform_graph)
        self._transform_layer = self._transform.transform_features_layer()
        self._class_names = tf.constant(settings.classes)

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Serialized raw tf.Example protos [batch] to class names, probabilities and logits."""
        spec = {self._settings.image_key: tf.io.FixedLenFeature([], tf.string)}
        parsed = tf.io.parse_example(_sound(examples), spec)
        return self._answer(self._decode(parsed[self._settings.image_key]))

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def serve_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """PNG or JPEG bytes [batch] to class names, probabilities and logits."""
        return self._answer(self._decode(image_bytes))

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def transform_features(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Serialized raw tf.Example protos [batch] to the transformed features."""
        parsed = tf.io.parse_example(_sound(examples), self._transform.raw_feature_spec())
        return dict(self._transform_layer(parsed))

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def score_transformed(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Serialized examples of a domain [batch] to class indices [batch], int64; what the Evaluator calls.

        It trusts its examples, which the pipeline wrote: it is no signature for requests.
        """
        parsed = tf.io.parse_example(examples, {features.IMAGE: tf.io.FixedLenFeature([], tf.string)})
        pixels = tf.io.decode_raw(parsed[features.IMAGE], tf.uint8)
        images = tf.reshape(pixels, [-1, *self._settings.image_shape])
        return {"class_index": tf.argmax(self._answer(images)["probabilities"], axis=-1)}

    def _decode(self, encoded: tf.Tensor) -> tf.Tensor:
        # Records were inspected before they are transformed; requests come from anywhere.
        with tf.control_dependencies([_assert_size(encoded, self._settings.image_shape)]):
            return preprocessing.decode_images(tf.identity(encoded), self._settings.image_shape)

    def _answer(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = self._infer(tf.ensure_shape(images, [None, *self._settings.image_shape]))
        if logits.shape[-1] == 1:
            positive = tf.sigmoid(logits)
            probabilities = tf.concat([1 - positive, positive], axis=-1)  # [batch, 2]
        else:
            probabilities = tf.nn.softmax(logits)  # [batch, classes]
        names = tf.gather(self._class_names, tf.argmax(probabilities, axis=-1))
        return {"class_names": names, "probabilities": probabilities, "logits": logits}


def _inference_with_constants(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """Images to logits [batch, units] as a graph that the signatures share, with the weights as its constants.

    For each variable, SavedModel would trace a dozen operations that save and restore it. The module must not hold the
    model, or its variables are saved all the same.
    """
    weights = [
        [keras.ops.convert_to_numpy(variable) for variable in variables]
        for variables in (model.trainable_variables, model.non_trainable_variables)
    ]

    @tf.function(autograph=False)
    def infer(images: tf.Tensor) -> tf.Tensor:
        logits, _ = model.stateless_call(*weights, images, training=False)
        return logits

    return infer


def _sound(examples: tf.Tensor) -> tf.Tensor:
    """Serialized tf.Example protos [batch] written anew; fails with DataLossError where one is none.

    TensorFlow 2.16's parse_example reads bytes by a parser of its own, and what is no sound protocol buffer can end the
    process (docs/reliability.md).
    """
    # One empty proto more: decode_proto refuses a batch of none.
    padded = tf.concat([examples, [""]], axis=0)
    _, [parsed] = tf.io.decode_proto(padded, "tensorflow.Example", ["features"], [tf.string], sanitize=True)
    count = tf.ones([tf.size(padded), 1], tf.int32)
    return tf.io.encode_proto(count, [parsed], ["features"], "tensorflow.Example")[:-1]


def _assert_size(encoded: tf.Tensor, image_shape: tuple[int, int, int]) -> tf.Operation:
    """Fails where an image [batch] is no PNG or JPEG, or declares another size; reads headers alone.

    A few bytes can declare gigapixels, and decoding makes room for them before it finds that they are missing.
    """
    padded = tf.strings.join([encoded, "\0" * 24])
    is_png = tf.strings.substr(padded, 0, 8) == b"\x89PNG\r\n\x1a\n"
    is_jpeg = tf.strings.substr(padded, 0, 3) == b"\xff\xd8\xff"
    sizes = tf.io.decode_raw(
        tf.strings.substr(padded, 16, 8), tf.int32, little_endian=False
    )  # [batch, (width, height)]
    jpeg_sizes = tf.map_fn(
        lambda content: tf.io.extract_jpeg_shape(content)[1::-1],
        tf.boolean_mask(encoded, is_jpeg),
        fn_output_signature=tf.TensorSpec([2], tf.int32),
    )
    sizes = tf.tensor_scatter_nd_update(sizes, tf.where(is_jpeg), jpeg_sizes)
    height, width, _ = image_shape
    sound = (is_png | is_jpeg) & tf.reduce_all(sizes == [width, height], axis=-1)
    message = f"expected PNG or JPEG of {height} x {width} pixels (height x width); images of the request that are not:"
    return tf.debugging.Assert(tf.reduce_all(sound), [message, tf.where(~sound)[:, 0]])


def export(model: keras.Model, settings: ModelSettings, transform_graph: str, folder: Path) -> None:
    """Writes the SavedModel with its signatures into the folder."""
    served = ServedModel(model, settings, transform_graph)
    tf.saved_model.save(
        served,
        str(folder),
        signatures={
            "serving_default": served.serve_examples,
            "serving_bytes": served.serve_bytes,
            "transform_features": served.transform_features,
            features.SCORE_SIGNATURE: served.score_transformed,
        },
    )
