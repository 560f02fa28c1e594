"""Contents other than pixels: found in a graph, in Python and by Pillow. Runs TensorFlow and Pillow on small images."""

import io
import random
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, PngImagePlugin

from acquisition.tfrecords import image_headers
from trainer_module.export import image_blocks

pytestmark = pytest.mark.slow  # imports TensorFlow

PIXELS = Image.fromarray(np.random.default_rng(3).integers(0, 256, (16, 16, 3), np.uint8))
LITTLE_6, BIG_6 = (
    b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0",
    b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0",
)


def jpeg(*blocks: tuple[int, bytes], **options: object) -> bytes:
    """A JPEG with further blocks (mark, content) behind those that Pillow writes first."""
    buffer = io.BytesIO()
    PIXELS.save(buffer, "JPEG", **options)
    content = buffer.getvalue()
    more = b"".join(struct.pack(">BBH", 0xFF, mark, len(data) + 2) + data for mark, data in blocks)
    place = 4 + int.from_bytes(content[4:6], "big")
    return content[:place] + more + content[place:]


def png(*blocks: tuple[bytes, bytes], late: bool = False) -> bytes:
    """A PNG with further blocks (name, content) before its pixels, or behind."""
    buffer = io.BytesIO()
    PIXELS.save(buffer, "PNG")
    content = buffer.getvalue()
    more = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in blocks
    )
    place = content.index(b"IEND" if late else b"IDAT") - 4
    return content[:place] + more + content[place:]


def exif(first: int | None, thumbnail: int | None = None, note: bytes = b"") -> bytes:
    """EXIF with an orientation of the picture, one of the thumbnail, and a comment."""
    tags = Image.Exif()
    if first is not None:
        tags[0x0112] = first
    tags[0x010F], tags[0x927C] = "a camera", note
    if thumbnail is not None:
        tags.get_ifd(1)[0x0112] = thumbnail
    return tags.tobytes()


XMP = b'http://ns.adobe.com/xap/1.0/\0<rdf tiff:Orientation="6"/>'
PNG_XMP = (b"iTXt", b'XML:com.adobe.xmp\0\0\0\0\0<rdf tiff:Orientation="6"/>')
UPRIGHT = {
    "comment of a jpeg": jpeg((0xFE, LITTLE_6)),
    "comment that quotes EXIF": jpeg((0xFE, b"Exif\0\0" + LITTLE_6)),
    "comment that quotes XMP": jpeg((0xFE, XMP)),
    "profile of a jpeg": jpeg((0xE2, b"ICC_PROFILE\0\1\1" + BIG_6)),
    "thumbnail": jpeg(exif=exif(1, thumbnail=6)),
    "note of the camera": jpeg(exif=exif(1, note=LITTLE_6 + BIG_6)),
    "XMP left behind": jpeg((0xE1, XMP), exif=exif(1)),
    "no orientation": jpeg(exif=exif(None)),
    "text of a png": png((b"tEXt", b"Comment\0" + b"acTL IDAT tRNS")),
    "upright png": png((b"eXIf", exif(1)[6:])),
    "picture behind the pixels": jpeg() + jpeg(exif=exif(6)),
}
TURNED = {
    "little": jpeg((0xE1, b"Exif\0\0" + LITTLE_6)),
    "big": jpeg((0xE1, b"Exif\0\0" + BIG_6)),
    "behind a comment": jpeg((0xFE, b"a comment"), (0xE1, b"Exif\0\0" + BIG_6)),
    "behind fill bytes": jpeg((0xFF, b""), (0xE1, b"Exif\0\0" + BIG_6)).replace(b"\xff\xff\0\2", b"\xff\xff\xff"),
    "beside a thumbnail": jpeg(exif=exif(6, thumbnail=1)),
    "XMP": jpeg((0xE1, XMP)),
    "XMP beside EXIF without one": jpeg((0xE1, XMP), exif=exif(None)),
    "png": png((b"eXIf", LITTLE_6)),
    "late in a png": png((b"eXIf", LITTLE_6), late=True),
    "png with the name of the block": png((b"eXIf", b"Exif\0\0" + BIG_6)),
    "XMP of a png": png(PNG_XMP),
}


GRAPH = tf.function(
    image_blocks.blocks_of, autograph=False,
    input_signature=[tf.TensorSpec([None], tf.string), tf.TensorSpec([None], tf.bool), tf.TensorSpec([None], tf.bool)],
)  # fmt: skip


def in_graph(images: list[bytes]) -> tuple[image_headers.Blocks, list[bool]]:
    encoded = tf.constant(images, tf.string)
    kinds = (np.array([one.startswith(start) for one in images], bool)
             for start in (image_headers.PNG_SIGNATURE, image_headers.JPEG_SIGNATURE))  # fmt: skip
    found = GRAPH(encoded, *map(tf.constant, kinds))
    return found, image_blocks.is_turned(found).numpy().tolist()


def by_pillow(image: bytes) -> bool:
    return Image.open(io.BytesIO(image)).getexif().get(0x0112) in range(2, 9)


@pytest.mark.parametrize(("images", "turned"), [(UPRIGHT, False), (TURNED, True)], ids=["upright", "turned"])
def test_an_orientation_counts_where_a_viewer_finds_it(images: dict[str, bytes], turned: bool) -> None:
    names = dict.fromkeys(images, turned)
    found = in_graph(list(images.values()))[1]
    assert dict(zip(images, found, strict=True)) == names
    assert {name: image_headers.found_in(one) == image_headers.TURNED_WORDS for name, one in images.items()} == names
    assert {name: by_pillow(one) for name, one in images.items()} == names


def test_transparency_behind_a_comment_that_names_the_pixels_is_found() -> None:
    comment = PngImagePlugin.PngInfo()
    comment.add_text("Comment", "IDAT and acTL")
    buffer = io.BytesIO()
    PIXELS.save(buffer, "PNG", pnginfo=comment, transparency=PIXELS.getpixel((0, 0)))
    content = buffer.getvalue()
    # Pillow writes the comment last of what precedes the pixels; other programs write it first.
    place, chunk = content.index(b"tEXt") - 4, struct.calcsize(">I4sI") + len(b"Comment\0IDAT and acTL")
    moved = content[:33] + content[place : place + chunk] + content[33:place] + content[place + chunk :]
    assert Image.open(io.BytesIO(moved)).info["transparency"] == PIXELS.getpixel((0, 0))
    for image in (content, moved):
        assert image_headers.found_in(image) == image_headers.IN_WORDS[image_headers.TRANSPARENT]
        assert image_blocks.holds(in_graph([image])[0].names, image_headers.TRANSPARENT).numpy().tolist() == [True]


def test_the_graph_finds_what_python_finds_in_damaged_images() -> None:
    rng = random.Random(20)
    images = [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a"]
    sound = [*UPRIGHT.values(), *TURNED.values()]
    for _ in range(500):
        image = bytearray(rng.choice(sound))
        for _ in range(rng.randrange(1, 6)):
            image[rng.randrange(3, min(200, len(image)))] = rng.choice((0, 1, 2, 0x12, 0x7F, 0x80, 0xDA, 0xE1, 0xFF))
        images.append(bytes(image[: rng.choice((len(image), rng.randrange(len(image))))]))
    found, turned = in_graph(images)
    for place, image in enumerate(images):
        blocks = image_headers.blocks_of(image)
        if image.startswith((image_headers.PNG_SIGNATURE, image_headers.JPEG_SIGNATURE)):
            assert image_headers.Blocks(*(field[place].numpy() for field in found)) == blocks
            assert turned[place] == image_headers.is_turned(blocks)


def test_a_file_of_blocks_alone_costs_no_more_than_their_limit() -> None:
    many = b"\xff\xd8" + b"\xff\xfe\0\2" * (10 * image_headers.MOST_BLOCKS)
    found, _ = in_graph([many])
    assert len(found.rest.numpy()[0]) == len(many) - 2 - 4 * image_headers.MOST_BLOCKS
