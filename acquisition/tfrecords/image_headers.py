r"""What in an encoded image a decoder of TensorFlow ignores, and a viewer does not. Imports nothing of ours.

The patterns hold for RE2 (TensorFlow's tf.strings.regex_*) and, by `compiled`, for Python. They name bytes below 128
alone, since RE2 reads others as UTF-8; \C is any byte.
"""

from __future__ import annotations

import re

# Tag 0x0112 of a TIFF directory, one integer from 2 to 8, in both byte orders; or the same in XMP, as Pillow reads it.
_LITTLE = r"II\*\x00\C*\x12\x01[\x01\x03\x04\x09]\x00\x01\x00\x00\x00[\x02-\x08]"
_BIG = r"MM\x00\*\C*\x01\x12\x00[\x01\x03\x04\x09]\x00\x00\x00\x01\x00{0,3}[\x02-\x08]"
TURNED = rf'{_LITTLE}|{_BIG}|tiff:Orientation(?:="|>)[2-8]|Raw profile type (?:exif|APP1)'
"""An orientation other than upright, or a compressed block that may hold one."""
AFTER_PNG_HEADER = r"IDAT\C*"
"""The pixels of a PNG and what follows; TRANSPARENT and ANIMATED may be looked for in what precedes alone."""
TRANSPARENT = r"tRNS"
"""A colour, or a palette's entries, of a PNG that are transparent."""
ANIMATED = r"acTL"
"""The mark of an animated PNG."""

LEAST_SIDE_PX = 8
MOST_PIXELS = 100_000_000
"""A file of a few bytes can declare more pixels than memory holds."""

IN_WORDS = {
    TURNED: "its EXIF orientation is not upright, and Thaw does not rotate it; save it upright",
    TRANSPARENT: "a part of it is transparent; put it on a white background",
    ANIMATED: "it is an animation; save one frame of it as an image",
}


def found_in(image: bytes) -> str | None:
    """A sentence on an encoded PNG or JPEG by these patterns; empty: no objection."""
    if _searched(TURNED).search(image):
        return IN_WORDS[TURNED]
    if image.startswith(b"\x89PNG"):
        before = image.partition(b"IDAT")[0]
        return next((IN_WORDS[one] for one in (TRANSPARENT, ANIMATED) if _searched(one).search(before)), None)
    return None


def _searched(pattern: str) -> re.Pattern[bytes]:
    return re.compile(pattern.replace(r"\C", r"[\x00-\xff]").encode())
