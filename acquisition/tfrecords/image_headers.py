r"""Properties of an encoded image that TensorFlow's decoders ignore and a viewer does not. Imports nothing from Thaw.

Patterns hold for RE2 (TensorFlow's tf.strings.regex_*) and, by `searched`, for Python. They name only bytes below 128,
since RE2 reads others as UTF-8; \C is any byte. They are searched only in the blocks that may hold such a property, not
in comments or pixels: trainer_module/export/image_blocks.py finds the blocks in a graph as `blocks_of` does here.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

PNG_SIGNATURE, JPEG_SIGNATURE = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
EXIF_HEADER = b"Exif\0\0"
MOST_BLOCKS = 1000
"""Most blocks of a file that are read one by one; the bytes after them are searched as a whole."""

# An entry of a TIFF directory: 12 bytes with the tag 0x0112 and one integer, in both byte orders.
_LITTLE = r"\x12\x01[\x01\x03\x04\x09]\x00\x01\x00\x00\x00[\x02-\x08]"
_BIG = r"\x01\x12\x00[\x01\x03\x04\x09]\x00\x00\x00\x01\x00{0,3}[\x02-\x08]"
_ENTRIES_BEFORE = r"^(?:\C{12})*"
ORIENTED = rf"{_ENTRIES_BEFORE}(?:\x12\x01|\x01\x12)"
"""A TIFF directory's entries with an orientation, be it upright."""
TURNED_ENTRY = rf"{_ENTRIES_BEFORE}(?:{_LITTLE}|{_BIG})"
"""A TIFF directory's entries with an orientation other than upright."""
TURNED_TEXT = r'tiff:Orientation(?:="|>)[2-8]|Raw profile type (?:exif|APP1)'
"""The same in XMP, as Pillow reads it; or the name of a compressed block that may hold one."""
TURNED_SOMEWHERE = rf"(?:Exif\x00\x00|eXIf)(?:II\*\x00\C*{_LITTLE}|MM\x00\*\C*{_BIG})|{TURNED_TEXT}"
"""The same, for bytes whose blocks are not known."""
TRANSPARENT = r"tRNS\x00"
"""In the names of a PNG's blocks: a colour, or a palette's entries, that are transparent."""
ANIMATED = r"acTL\x00"
"""In the names of a PNG's blocks: the mark of an animated PNG."""

LEAST_SIDE_PX = 8
MOST_PIXELS = 100_000_000
"""A file of a few bytes can declare more pixels than memory holds."""

TURNED_WORDS = "its EXIF orientation is not upright, and Thaw does not rotate it; save it upright"
IN_WORDS = {
    TRANSPARENT: "a part of it is transparent; put it on a white background",
    ANIMATED: "it is an animation; save one frame of it as an image",
}


class Blocks(NamedTuple):
    """The contents of a PNG or JPEG other than its pixels.

    Attributes:
      exif: content of its EXIF blocks, from the TIFF header on.
      text: content of blocks that may hold XMP or a profile.
      names: of a PNG's blocks before the pixels, each followed by a zero; empty for a JPEG.
      rest: the bytes after the last block that was read, unless they are a JPEG's pixels.
    """

    exif: bytes
    text: bytes
    names: bytes
    rest: bytes


def found_in(image: bytes) -> str | None:
    """A sentence on an encoded PNG or JPEG by these patterns; empty: no objection."""
    blocks = blocks_of(image)
    if is_turned(blocks):
        return TURNED_WORDS
    return next((IN_WORDS[one] for one in (TRANSPARENT, ANIMATED) if searched(one, blocks.names)), None)


def is_turned(blocks: Blocks) -> bool:
    """Whether the orientation is other than upright, or can't be known. EXIF's comes before XMP's, as in Pillow."""
    entries = _directory(blocks.exif)
    if searched(TURNED_ENTRY, entries) or searched(TURNED_SOMEWHERE, blocks.rest):
        return True
    return not searched(ORIENTED, entries) and searched(TURNED_TEXT, blocks.text)


def blocks_of(image: bytes) -> Blocks:
    """The blocks of an encoded image; nothing if it is neither PNG nor JPEG."""
    if image.startswith(PNG_SIGNATURE):
        return _png_blocks(image)
    return _jpeg_blocks(image) if image.startswith(JPEG_SIGNATURE) else Blocks(b"", b"", b"", image)


def _jpeg_blocks(image: bytes) -> Blocks:
    exif, text, place = b"", b"", 2
    for _ in range(MOST_BLOCKS):
        head = image[place : place + 4].ljust(4, b"\0")
        length = int.from_bytes(head[2:], "big")
        if head[0] != 0xFF or not 0xC0 <= head[1] <= 0xFE or 0xD0 <= head[1] <= 0xD9 or length < 2:
            break
        if head[1] == 0xDA:
            return Blocks(exif, text, b"", b"")
        content = image[place + 4 : place + 2 + length]
        if head[1] == 0xE1 and content.startswith(EXIF_HEADER):
            exif += content[len(EXIF_HEADER) :]
        elif head[1] == 0xE1:
            text += content
        place += 2 + length
    return Blocks(exif, text, b"", image[place:])


def _png_blocks(image: bytes) -> Blocks:
    exif, text, names, place = b"", b"", b"", len(PNG_SIGNATURE)
    for _ in range(MOST_BLOCKS):
        head = image[place : place + 8].ljust(8, b"\0")
        length, name = int.from_bytes(head[:4], "big"), head[4:]
        if name == b"IDAT" or not name.isalpha() or length >= 1 << 31:
            break
        content = image[place + 8 : place + 8 + length]
        names += name + b"\0"
        if name == b"eXIf":
            exif += content.removeprefix(EXIF_HEADER)
        elif name in (b"iTXt", b"tEXt", b"zTXt"):
            text += content
        place += 12 + length
    return Blocks(exif, text, names, image[place:])


def _directory(tiff: bytes) -> bytes:
    """The entries of a TIFF's first directory, where an orientation is."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return b""
    [start] = struct.unpack(f"{order}I", tiff[4:8])
    [count] = struct.unpack(f"{order}H", tiff[start : start + 2].ljust(2, b"\0"))
    return tiff[start + 2 : start + 2 + 12 * count]


def searched(pattern: str, text: bytes) -> bool:
    """Whether the text contains the pattern, in Python."""
    return re.search(pattern.replace(r"\C", r"[\x00-\xff]").encode(), text) is not None
