"""The SavedModel that is evaluated and served: its signatures. Imports networks and data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft

from acquisition.tfrecords import image_headers
from experiment import features
from experiment.training_settings import ModelSettings
from trainer_module.data.image_decoding import decode_images
from trainer_module.export.image_blocks import blocks_of, holds, is_turned


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
        self._transform_raw = _untracked(self._transform.transform_features_layer())
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
        return dict(self._transform_raw(parsed))

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def score_transformed(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Serialized examples of a domain [batch] to class indices [batch], int64; what the Evaluator calls.

        It does not check its examples, which the pipeline wrote, so it is not a signature for requests.
        """
        parsed = tf.io.parse_example(examples, {features.IMAGE: tf.io.FixedLenFeature([], tf.string)})
        pixels = tf.io.decode_raw(parsed[features.IMAGE], tf.uint8)
        images = tf.reshape(pixels, [-1, *self._settings.image_shape])
        return {"class_index": tf.argmax(self._answer(images)["probabilities"], axis=-1)}

    def _decode(self, encoded: tf.Tensor) -> tf.Tensor:
        # Records were inspected before they are transformed; requests come from anywhere.
        with tf.control_dependencies([assert_usable(encoded, self._settings.image_shape, self._settings.resize)]):
            return decode_images(tf.identity(encoded), self._settings.image_shape, self._settings.resize)

    def _answer(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        # An empty batch gets one black image: oneDNN's convolutions reject empty batches.
        count = tf.shape(images)[0]
        padded = tf.pad(images, [[0, tf.cast(count == 0, tf.int32)], [0, 0], [0, 0], [0, 0]])
        logits = self._infer(tf.ensure_shape(padded, [None, *self._settings.image_shape]))[:count]
        if logits.shape[-1] == 1:
            positive = tf.sigmoid(logits)
            probabilities = tf.concat([1 - positive, positive], axis=-1)  # [batch, 2]
        else:
            probabilities = tf.nn.softmax(logits)  # [batch, classes]
        names = tf.gather(self._class_names, tf.argmax(probabilities, axis=-1))
        return {"class_names": names, "probabilities": probabilities, "logits": logits}


def _inference_with_constants(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """Images to logits [batch, units] as a graph that the signatures share, with the weights as its constants.

    For each variable, SavedModel would trace a dozen operations that save and restore it. The module must not refer to
    the model, or its variables are saved all the same.
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


def _untracked(layer: Callable[..., Any]) -> Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]:
    """The layer as a function that the module does not track.

    For a tracked layer of Keras, SavedModel traces a signature that nobody calls: three seconds the first time. If the
    transform graph held resources, such as a vocabulary, saving would fail and say so; ours holds none.
    """
    return lambda raw: layer(raw)


def _sound(examples: tf.Tensor) -> tf.Tensor:
    """Parses and serializes tf.Example protos [batch] again; fails with DataLossError if one is invalid.

    TensorFlow 2.16's parse_example has its own parser, and an invalid protocol buffer can end the process
    (docs/reliability.md).
    """
    # One extra empty proto: decode_proto rejects an empty batch.
    padded = tf.concat([examples, [""]], axis=0)
    _, [parsed] = tf.io.decode_proto(padded, "tensorflow.Example", ["features"], [tf.string], sanitize=True)
    count = tf.ones([tf.size(padded), 1], tf.int32)
    return tf.io.encode_proto(count, [parsed], ["features"], "tensorflow.Example")[:-1]


def assert_usable(encoded: tf.Tensor, image_shape: tuple[int, int, int], resize: bool) -> tf.Operation:
    """Fails if an image [batch] would be decoded to something that training can't have seen.

    First it checks headers: not a PNG or JPEG, another size (a few bytes can declare gigapixels, and decoding allocates
    memory for them before it finds that they are missing), another colour type, an orientation, an animation. Then it
    decodes the images that may be transparent.
    """
    padded = tf.strings.join([encoded, "\0" * 26])
    is_png = tf.strings.substr(padded, 0, 8) == b"\x89PNG\r\n\x1a\n"
    is_jpeg = tf.strings.substr(padded, 0, 3) == b"\xff\xd8\xff"
    # Of an empty batch, decode_raw gives an array without columns.
    sizes = tf.io.decode_raw(tf.strings.substr(padded, 16, 8), tf.int32, little_endian=False)
    sizes = tf.reshape(sizes, [-1, 2])  # [batch, (width, height)]
    kinds = tf.io.decode_raw(tf.strings.substr(padded, 24, 2), tf.uint8)
    kinds = tf.reshape(tf.cast(kinds, tf.int32), [-1, 2])  # [batch, (bits, colours)]
    jpeg_shapes = tf.map_fn(tf.io.extract_jpeg_shape, tf.boolean_mask(encoded, is_jpeg),
                            fn_output_signature=tf.TensorSpec([3], tf.int32))  # fmt: skip
    sizes = tf.tensor_scatter_nd_update(sizes, tf.where(is_jpeg), jpeg_shapes[:, 1::-1])
    height, width, channels = image_shape
    sound = (is_png | is_jpeg) & (_resizable(sizes) if resize else tf.reduce_all(sizes == [width, height], axis=-1))
    wanted = (
        f"{image_headers.LEAST_SIDE_PX} pixels or more a side and {image_headers.MOST_PIXELS // 10**6} million at most"
        if resize else f"{height} x {width} pixels (height x width)"
    )  # fmt: skip
    size = f"expected PNG or JPEG of {wanted}; images of the request that are not:"
    blocks = blocks_of(encoded, is_png, is_jpeg)
    checks = {
        size: sound,
        _COLOURS[channels]: tf.where(
            is_png, _png_colours_fit(kinds, channels),
            tf.scatter_nd(tf.where(is_jpeg), _in(jpeg_shapes[:, 2], {1, channels}), tf.shape(is_jpeg, tf.int64)),
        ),
        _words(image_headers.TURNED_WORDS): ~is_turned(blocks),
        _words(image_headers.IN_WORDS[image_headers.ANIMATED]): ~holds(blocks.names, image_headers.ANIMATED),
    }  # fmt: skip
    asserted = [_assert_all(fit, words) for words, fit in checks.items()]
    may_be_transparent = is_png & (_in(kinds[:, 1], {4, 6}) | holds(blocks.names, image_headers.TRANSPARENT))
    with tf.control_dependencies(asserted):
        return _assert_all(
            _opaque(encoded, may_be_transparent), _words(image_headers.IN_WORDS[image_headers.TRANSPARENT])
        )


def _opaque(encoded: tf.Tensor, may_be_transparent: tf.Tensor) -> tf.Tensor:
    """bool [batch]: images without a transparent pixel; decodes those of the mask."""
    opaque = tf.map_fn(lambda content: tf.reduce_min(tf.io.decode_png(content, channels=4)[..., 3]) == 255,
                       tf.boolean_mask(encoded, may_be_transparent), fn_output_signature=tf.bool)  # fmt: skip
    return tf.tensor_scatter_nd_update(~may_be_transparent, tf.where(may_be_transparent), opaque)


def _resizable(sizes: tf.Tensor) -> tf.Tensor:
    """Whether images of sizes [batch, (width, height)], as headers declare them, may be decoded and resized."""
    sides = tf.cast(sizes, tf.int64)
    enough = tf.reduce_all(sides >= image_headers.LEAST_SIDE_PX, axis=-1)
    return enough & (tf.reduce_prod(sides, axis=-1) <= image_headers.MOST_PIXELS)


_COLOURS = {
    3: "expected RGB or grey of 8 bits a channel; images of the request that are not (CMYK, or 16 bits of grey):",
    1: "expected grey images, as those that the model was trained on; images of the request that are not:",
}


def _png_colours_fit(kinds: tf.Tensor, channels: int) -> tf.Tensor:
    """Whether PNGs [batch] of (bits, colour type) [batch, 2] are decoded as those of the experiment's records."""
    bits, colours = kinds[:, 0], kinds[:, 1]
    # Grey of 16 bits becomes RGB by its upper bits here; thaw init rejects it, and records of RGB can't hold it.
    return _in(colours, {0, 4}) if channels == 1 else (bits <= 8) | _in(colours, {2, 6})


def _in(values: tf.Tensor, wanted: set[int]) -> tf.Tensor:
    return tf.reduce_any(values[:, tf.newaxis] == sorted(wanted), axis=-1)


def _words(problem: str) -> str:
    return f"the model was trained on other images ({problem}); those of the request:"


def _assert_all(fit: tf.Tensor, message: str) -> tf.Operation:
    return tf.debugging.Assert(tf.reduce_all(fit), [message, tf.where(~fit)[:, 0]])


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
