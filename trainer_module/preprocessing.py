"""preprocessing_fn of the Transform node: encoded images to uint8 pixels, labels, slices. Imports features alone."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from experiment import features

BRIGHTNESS_EDGES = (106.5, 131.7)
"""Terciles of the mean grey level of CIFAR-10's training images."""
CONTRAST_EDGES = (42.3, 56.2)
"""Terciles of the standard deviation of the grey level within an image, on the same images."""


def preprocessing_fn(inputs: dict[str, Any], custom_config: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Turns raw records into what every later step reads; needs no pass over the data.

    Args:
      inputs: the raw features by name: encoded image (string), label (int64), id (string, may be absent).
      custom_config: `image_key`, `label_key`, `id_key`, and `image_shape` (height, width, channels).

    Returns:
      IMAGE: string [batch], a serialized uint8 tensor of image_shape whose last height * width * channels bytes are the
        pixels; LABEL: int64 [batch]; ID: string [batch]; BRIGHTNESS and CONTRAST: string [batch].
    """
    encoded = _dense(inputs[custom_config["image_key"]])  # [batch]
    height, width, channels = custom_config["image_shape"]
    # [batch, height, width, channels] and [batch]
    images, serialized = _decoded_and_serialized(encoded, (height, width, channels))
    brightness, contrast = image_bands(images)
    return {
        features.IMAGE: serialized,
        features.LABEL: _dense(inputs[custom_config["label_key"]]),
        features.ID: _ids(inputs.get(custom_config["id_key"]), encoded),
        features.BRIGHTNESS: brightness,
        features.CONTRAST: contrast,
    }


def decode_images(encoded: tf.Tensor, image_shape: tuple[int, int, int]) -> tf.Tensor:
    """Decodes PNG or JPEG bytes [batch] to uint8 [batch, *image_shape]; an image of another size is an error."""
    image = tf.TensorSpec(image_shape, tf.uint8)
    return tf.map_fn(lambda content: _decode_image(content, image_shape), encoded, fn_output_signature=image)


def _decoded_and_serialized(encoded: tf.Tensor, image_shape: tuple[int, int, int]) -> tuple[tf.Tensor, tf.Tensor]:
    """decode_images, and each image as serialized tensor; one loop, since loops cost more than their content."""

    def decode(content: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = _decode_image(content, image_shape)
        return image, tf.io.serialize_tensor(image)

    signature = (tf.TensorSpec(image_shape, tf.uint8), tf.TensorSpec([], tf.string))
    return tf.map_fn(decode, encoded, fn_output_signature=signature)


def _decode_image(content: tf.Tensor, image_shape: tuple[int, int, int]) -> tf.Tensor:
    image = tf.io.decode_image(content, channels=image_shape[-1], expand_animations=False)
    return tf.ensure_shape(image, image_shape)


def image_bands(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Brightness and contrast band [batch] of uint8 images [batch, height, width, channels].

    Grey is the mean over channels; brightness its mean, contrast its standard deviation over the pixels.
    """
    grey = tf.reduce_mean(tf.cast(images, tf.float32), axis=-1)  # [batch, height, width]
    mean = tf.reduce_mean(grey, axis=[1, 2])
    deviation = tf.math.reduce_std(grey, axis=[1, 2])
    return (
        _band(mean, BRIGHTNESS_EDGES, ("dark", "medium", "bright")),
        _band(deviation, CONTRAST_EDGES, ("low", "medium", "high")),
    )


def _band(values: tf.Tensor, edges: tuple[float, float], names: tuple[str, str, str]) -> tf.Tensor:
    index = tf.cast(values >= edges[0], tf.int32) + tf.cast(values >= edges[1], tf.int32)
    return tf.gather(tf.constant(names), index)


def _dense(feature: Any) -> tf.Tensor:
    """A required single-valued feature as [batch], whether the schema made it dense or sparse."""
    if isinstance(feature, tf.SparseTensor):
        feature = tf.sparse.to_dense(feature)
    return tf.reshape(feature, [-1])


def _ids(feature: Any, encoded: tf.Tensor) -> tf.Tensor:
    """The records' own ids, or a fingerprint of the image bytes where a record has none."""
    fingerprints = tf.strings.join(["image_", tf.strings.as_string(tf.strings.to_hash_bucket_fast(encoded, 2**62))])
    if feature is None:
        return fingerprints
    if isinstance(feature, tf.SparseTensor):
        rows = tf.shape(encoded, tf.int64)[0]
        feature = tf.sparse.to_dense(tf.sparse.reset_shape(feature, [rows, 1]), default_value="")
    ids = tf.reshape(feature, [-1])
    return tf.where(ids == "", fingerprints, ids)
