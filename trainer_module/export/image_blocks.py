"""Finds the contents of encoded images other than pixels in a TensorFlow graph, as image_headers does in Python.

Imports acquisition.tfrecords.image_headers and TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from acquisition.tfrecords import image_headers
from acquisition.tfrecords.image_headers import Blocks

Step = Callable[[tf.Tensor, Blocks, tf.Tensor], tuple[Blocks, tf.Tensor, tf.Tensor]]
"""Takes an image, the findings so far and the next block's place, int32; also returns whether another block follows."""


def blocks_of(encoded: tf.Tensor, is_png: tf.Tensor, is_jpeg: tf.Tensor) -> Blocks:
    """The blocks of images [batch], as image_headers.blocks_of finds them; each field is a string tensor [batch].

    Args:
      encoded: the images.
      is_png, is_jpeg: which of them are PNGs and JPEGs, bool [batch].
    """
    fields = [tf.fill([tf.size(encoded)], b"") for _ in Blocks._fields]
    for chosen, start, step in ((is_png, len(image_headers.PNG_SIGNATURE), _png_step), (is_jpeg, 2, _jpeg_step)):
        found = _walked(tf.boolean_mask(encoded, chosen), start, step)
        fields = [tf.tensor_scatter_nd_update(field, tf.where(chosen), one)
                  for field, one in zip(fields, found, strict=True)]  # fmt: skip
    return Blocks(*fields)


def is_turned(blocks: Blocks) -> tf.Tensor:
    """image_headers.is_turned for blocks of images [batch]: bool [batch]."""
    entries = tf.map_fn(_directory, blocks.exif)
    turned = holds(entries, image_headers.TURNED_ENTRY) | holds(blocks.rest, image_headers.TURNED_SOMEWHERE)
    return turned | (~holds(entries, image_headers.ORIENTED) & holds(blocks.text, image_headers.TURNED_TEXT))


def holds(texts: tf.Tensor, pattern: str) -> tf.Tensor:
    """Which texts [batch] hold a pattern of image_headers: bool [batch]."""
    return tf.strings.regex_full_match(texts, rf"\C*(?:{pattern})\C*")


def _walked(images: tf.Tensor, start: int, step: Step) -> Blocks:
    def walk(image: tf.Tensor) -> Blocks:
        def body(count: tf.Tensor, _: tf.Tensor, place: tf.Tensor, found: Blocks) -> tuple[tf.Tensor, ...]:
            found, place, further = step(image, found, place)
            return count + 1, further & (count + 1 < image_headers.MOST_BLOCKS), place, found

        first = (0, tf.constant(True), tf.constant(start), Blocks(*[tf.constant(b"")] * len(Blocks._fields)))
        _, _, place, found = tf.while_loop(lambda _, further, *rest: further, body, first)
        return found._replace(rest=_part(image, place, tf.strings.length(image)))

    return tf.map_fn(walk, images, fn_output_signature=Blocks(*[tf.TensorSpec([], tf.string)] * len(Blocks._fields)))


def _png_step(image: tf.Tensor, found: Blocks, place: tf.Tensor) -> tuple[Blocks, tf.Tensor, tf.Tensor]:
    name, length = _part(image, place + 4, 4), _number(image, place, 4)
    is_block = tf.strings.regex_full_match(name, "[A-Za-z]{4}") & (name != b"IDAT") & (length < 1 << 31)
    length = _at_most(length, image)

    def with_block() -> tuple[Blocks, tf.Tensor]:
        content = _part(image, place + 8, length)
        exif = tf.strings.regex_replace(content, r"^Exif\x00\x00", "")
        is_text = tf.strings.regex_full_match(name, "iTXt|tEXt|zTXt")
        return found._replace(
            exif=_joined_where(name == b"eXIf", found.exif, exif),
            text=_joined_where(is_text, found.text, content),
            names=found.names + name + b"\0",
        ), _at_most(place + length + 12, image)  # fmt: skip

    found, place = tf.cond(is_block, with_block, lambda: (found, place))
    return found, place, is_block


def _jpeg_step(image: tf.Tensor, found: Blocks, place: tf.Tensor) -> tuple[Blocks, tf.Tensor, tf.Tensor]:
    mark, length = _number(image, place, 2) - 0xFF00, _at_most(_number(image, place + 2, 2), image)
    alone = (mark >= 0xD0) & (mark <= 0xD9)
    is_block = (mark >= 0xC0) & (mark <= 0xFE) & ~alone & (length >= 2)
    is_end = is_block & (mark == 0xDA)

    def with_block() -> tuple[Blocks, tf.Tensor]:
        content = _part(image, place + 4, length - 2)
        is_exif = tf.strings.regex_full_match(content, r"Exif\x00\x00\C*")
        exif = tf.strings.substr(content, tf.minimum(len(image_headers.EXIF_HEADER), tf.strings.length(content)), -1)
        return found._replace(
            exif=_joined_where((mark == 0xE1) & is_exif, found.exif, exif),
            text=_joined_where((mark == 0xE1) & ~is_exif, found.text, content),
        ), tf.where(is_end, tf.strings.length(image), _at_most(place + length + 2, image))  # fmt: skip

    found, place = tf.cond(is_block, with_block, lambda: (found, place))
    return found, place, is_block & ~is_end


def _directory(tiff: tf.Tensor) -> tf.Tensor:
    """image_headers' entries of the first directory of a TIFF."""
    order = _part(tiff, 0, 4)
    is_little = order == b"II*\0"
    start = _at_most(_number(tiff, 4, 4, is_little), tiff)
    count = tf.cast(_number(tiff, start, 2, is_little), tf.int32)
    is_tiff = (is_little | (order == b"MM\0*")) & (tf.strings.length(tiff) >= 8)
    return tf.where(is_tiff, _part(tiff, start + 2, 12 * count), b"")


def _number(text: tf.Tensor, place: tf.Tensor, size: int, is_little: tf.Tensor | bool = False) -> tf.Tensor:
    """The number encoded by so many bytes, with zeros after the text's end; int64."""
    part = tf.strings.substr(_part(text, place, size) + b"\0" * size, 0, size)
    parts = tf.cast(tf.io.decode_raw(part, tf.uint8), tf.int64)
    return tf.reduce_sum(tf.where(is_little, parts[::-1], parts) * [256**power for power in range(size - 1, -1, -1)])


def _part(text: tf.Tensor, place: tf.Tensor, size: tf.Tensor | int) -> tf.Tensor:
    """The bytes from a place on, fewer if the text ends."""
    return tf.strings.substr(text, tf.minimum(place, tf.strings.length(text)), size)


def _at_most(place: tf.Tensor, text: tf.Tensor) -> tf.Tensor:
    """The place, but at most the text's end, so that additions to a number near 2**32 do not overflow."""
    return tf.cast(tf.minimum(tf.cast(place, tf.int64), tf.cast(tf.strings.length(text), tf.int64)), tf.int32)


def _joined_where(wanted: tf.Tensor, texts: tf.Tensor, more: tf.Tensor) -> tf.Tensor:
    return texts + tf.where(wanted, more, b"")
