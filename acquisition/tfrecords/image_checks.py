"""Checks encoded images by their headers and by decoding. Imports TensorFlow lazily."""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Sequence

from acquisition.tfrecords import image_headers
from experiment.errors import counted

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JPEG_SIGNATURE = b"\xff\xd8\xff"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
"""Channels by PNG colour type; a palette (3) holds RGB colours."""

Shape = tuple[int, int, int]


def header_problem(image: bytes, shape: Shape, resize: bool) -> str | None:
    """What is wrong with an image by its header, or None.

    Reads only the header, so that an image that declares gigapixels costs nothing.

    Args:
      image: encoded bytes, PNG or JPEG.
      shape: the expected (height, width, channels), pixels.
      resize: whether another height and width is allowed, and grey for RGB.
    """
    if not image.startswith((_PNG_SIGNATURE, _JPEG_SIGNATURE)):
        start = image[:8].hex(" ") or "nothing"
        return f"the image bytes are neither PNG nor JPEG (they begin with {start})"
    found = image_shape(image)
    if found is None:
        return "the image bytes can't be decoded: the header is damaged or cut short"
    if resize and (problem := _unfit(found, shape)):
        return problem
    if not resize and found != shape:
        return f"the image has {_words(found)}; expected {_words(shape)} (data.image_shape)"
    problem = image_headers.found_in(image)
    return f"the image would not be decoded as a viewer shows it: {problem}" if problem else None


def _unfit(found: Shape, shape: Shape) -> str | None:
    """What is wrong with an image's (height, width, channels) if images are resized, or None."""
    height, width, channels = found
    if channels not in {1, shape[2]}:
        return f"the image has {_words(found)}; expected {counted(shape[2], 'channel')} (data.image_shape), or grey"
    if min(height, width) < image_headers.LEAST_SIDE_PX:
        return f"the image has {_words(found)}; expected {image_headers.LEAST_SIDE_PX} pixels at least on each side"
    if height * width > image_headers.MOST_PIXELS:
        return f"the image declares {_words(found)}; expected {image_headers.MOST_PIXELS // 10**6} million at most"
    return None


def image_shape(image: bytes) -> Shape | None:
    """Height, width and channels that a PNG's or JPEG's header declares; None if it declares nothing valid."""
    if image.startswith(_PNG_SIGNATURE):
        return _png_shape(image)
    return _jpeg_shape(image) if image.startswith(_JPEG_SIGNATURE) else None


@functools.cache  # tracing it takes longer than decoding a small data set
def make_decoder(shape: Shape) -> Callable[[Sequence[bytes]], list[int]]:
    """Returns a function that decodes images and gives the positions of those that can't be decoded.

    It uses Transform's decoder, so an image that passes here passes there. A whole batch is decoded by one compiled
    loop; only when that fails are its images decoded one by one.

    Args:
      shape: (height, width, channels) that the headers declare, pixels.
    """
    import tensorflow as tf

    def decode(image: tf.Tensor) -> tf.Tensor:
        return tf.io.decode_image(image, channels=shape[2], expand_animations=False)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def decode_all(images: tf.Tensor) -> tf.Tensor:
        # One value of each image, so that all are decoded but none is kept in memory.
        return tf.map_fn(
            lambda image: tf.reduce_max(decode(image)),
            images,
            fn_output_signature=tf.TensorSpec([], tf.uint8),
            parallel_iterations=8,
        )

    def undecodable(images: Sequence[bytes]) -> list[int]:
        try:
            decode_all(tf.constant(list(images), tf.string))
        except tf.errors.InvalidArgumentError:
            return [index for index, image in enumerate(images) if not _decodes(decode, image)]
        return []

    return undecodable


def _decodes(decode: Callable[[bytes], object], image: bytes) -> bool:
    import tensorflow as tf

    try:
        decode(image)
    except tf.errors.InvalidArgumentError:
        return False
    return True


def _png_shape(image: bytes) -> Shape | None:
    if len(image) < 33 or image[12:16] != b"IHDR":
        return None
    width, height, _, colour_type = struct.unpack(">IIBB", image[16:26])
    channels = _PNG_CHANNELS.get(colour_type)
    return None if channels is None else (height, width, channels)


def _jpeg_shape(image: bytes) -> Shape | None:
    import tensorflow as tf

    try:
        height, width, channels = tf.io.extract_jpeg_shape(image).numpy().tolist()
    except tf.errors.InvalidArgumentError:
        return None
    return height, width, channels


def _words(shape: Shape) -> str:
    height, width, channels = shape
    return f"{height} x {width} pixels (height x width) and {counted(channels, 'channel')}"
