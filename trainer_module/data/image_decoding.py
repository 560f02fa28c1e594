"""Decodes images, names their brightness and contrast, and makes features dense. Imports only TensorFlow."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

BRIGHTNESS_EDGES = (106.5, 131.7)
"""Terciles of the mean grey level of CIFAR-10's training images."""


CONTRAST_EDGES = (42.3, 56.2)
"""Terciles of the standard deviation of the grey level within an image, on the same images."""


def decode_images(encoded: tf.Tensor, image_shape: tuple[int, int, int], resize: bool = False) -> tf.Tensor:
    """Decodes PNG or JPEG bytes [batch] to uint8 [batch, *image_shape]; training and serving both call this.

    Args:
      encoded: string [batch].
      image_shape: height, width, channels.
      resize: fit images of other sizes (see fit_image); else another size is an error.
    """
    image = tf.TensorSpec(image_shape, tf.uint8)
    return tf.map_fn(lambda content: _decode_image(content, image_shape, resize), encoded, fn_output_signature=image)


def decoded_and_serialized(
    encoded: tf.Tensor, image_shape: tuple[int, int, int], resize: bool
) -> tuple[tf.Tensor, tf.Tensor]:
    """decode_images, and each image as serialized tensor; one loop, since loops cost more than their content."""

    def decode(content: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = _decode_image(content, image_shape, resize)
        return image, tf.io.serialize_tensor(image)

    signature = (tf.TensorSpec(image_shape, tf.uint8), tf.TensorSpec([], tf.string))
    return tf.map_fn(decode, encoded, fn_output_signature=signature)


def _decode_image(content: tf.Tensor, image_shape: tuple[int, int, int], resize: bool) -> tf.Tensor:
    image = tf.io.decode_image(content, channels=image_shape[-1], expand_animations=False)
    return fit_image(image, image_shape) if resize else tf.ensure_shape(image, image_shape)


def fit_image(image: tf.Tensor, image_shape: tuple[int, int, int]) -> tf.Tensor:
    """The middle of an image, in the proportions of image_shape, at its size; an image of that size stays unchanged.

    Args:
      image: uint8 [any height, any width, channels].
      image_shape: height, width, channels.
    """
    height, width, channels = image_shape
    found = tf.shape(image)
    rows = tf.maximum(1, tf.minimum(found[0], found[1] * height // width))
    columns = tf.maximum(1, tf.minimum(found[1], found[0] * width // height))
    top, left = (found[0] - rows) // 2, (found[1] - columns) // 2
    middle = tf.ensure_shape(image[top : top + rows, left : left + columns], [None, None, channels])
    # Bilinear with a filter as wide as the scale, or else reduced images would show aliasing.
    resized = tf.image.resize(middle, (height, width), antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)


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


def dense(feature: Any) -> tf.Tensor:
    """A required single-valued feature as [batch], whether the schema made it dense or sparse."""
    if isinstance(feature, tf.SparseTensor):
        feature = tf.sparse.to_dense(feature)
    return tf.reshape(feature, [-1])


def ids_or_digests(feature: Any, encoded: tf.Tensor) -> tf.Tensor:
    """The records' own ids, or a fingerprint of the image bytes where a record has none."""
    fingerprints = tf.strings.join(["image_", tf.strings.as_string(tf.strings.to_hash_bucket_fast(encoded, 2**62))])
    if feature is None:
        return fingerprints
    if isinstance(feature, tf.SparseTensor):
        rows = tf.shape(encoded, tf.int64)[0]
        feature = tf.sparse.to_dense(tf.sparse.reset_shape(feature, [rows, 1]), default_value="")
    ids = tf.reshape(feature, [-1])
    return tf.where(ids == "", fingerprints, ids)
