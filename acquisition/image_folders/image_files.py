"""Opens a user's image files and reports what is wrong with one. Imports Pillow and no TensorFlow."""

from __future__ import annotations

import hashlib
import io
import math
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageCms, ImageOps

from acquisition.tfrecords.image_headers import LEAST_SIDE_PX, MOST_PIXELS, found_in
from experiment.errors import ThawError, is_own_mistake

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK")
"""Pillow's modes with up to eight bits per channel."""
KEPT_FORMATS, KEPT_MODES = ("PNG", "JPEG", "MPO"), ("1", "L", "P", "RGB")
"""Formats that TensorFlow decodes as a viewer shows them, if nothing rotates the image or makes a part transparent."""
_GREY_MODES = ("1", "L")
_JPEGS = ("JPEG", "MPO")
"""Pillow's name for a JPEG followed by further pictures, such as a phone's photo with a depth map."""
_PNG_BYTES_PER_PIXEL = 2
"""For photographs, approximately."""

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
"""By EXIF's orientation: what makes the image upright. ImageOps.exif_transpose would also write EXIF again, which
raises a TypeError if another entry is malformed."""
_TURNED = (5, 6, 7, 8)
"""Values of EXIF's orientation that swap width and height."""
_WITH_EXIF = (*_JPEGS, "WEBP")
"""Formats whose EXIF is read without decoding the picture."""
_ANIMATED = ("GIF", "PNG", "WEBP")
"""The first picture of any other file with several (a camera's preview behind its photograph) is the photograph."""
# What Pillow raises for bytes that are not an image, or a damaged one; is_own_mistake recognises our own errors.
_DAMAGE = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, AttributeError, OverflowError,
    NotImplementedError, struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip


@dataclass(frozen=True)
class Header:
    """What a file's header declares.

    Attributes:
      width, height: pixels, as the image is displayed (with EXIF's orientation).
      size_bytes: bytes of its record: the file's, or about those of the PNG that is made of it.
      grey: whether it has one channel.
    """

    width: int
    height: int
    size_bytes: int
    grey: bool


def image_header(path: Path) -> Header:
    """Reads the header of a file. Decodes nothing.

    Raises:
      ThawError: the file can't be used; the message names it, says why and what to do.
    """
    if not path.is_file():
        raise ThawError(f"{path}: not a readable file. Expected an image file; correct its path or its permissions.")
    try:
        with _opened(path) as image:
            if problem := _problem(image):
                raise ThawError(f"{path}: {problem}")
            width, height = image.size
            # For a PNG this would decode the whole image.
            turned = image.format in _WITH_EXIF and image.getexif().get(_ORIENTATION) in _UPRIGHT
            sideways = turned and image.getexif().get(_ORIENTATION) in _TURNED
            kept = image.format in KEPT_FORMATS and image.mode in KEPT_MODES and not turned
            size_bytes = path.stat().st_size if kept else _PNG_BYTES_PER_PIXEL * width * height
            grey = image.mode in _GREY_MODES
    except _DAMAGE as error:
        if is_own_mistake(error):
            raise
        raise ThawError(f"{path}: {_unreadable(path, error)}") from error
    return Header(*((height, width) if sideways else (width, height)), size_bytes, grey)


def load_image(source: Path | bytes, name: str, enough_px: int | None = None) -> Image.Image:
    """The whole image in RGB, turned as EXIF says; transparent parts become white.

    Args:
      source: a file, or its bytes.
      name: of the file, for messages.
      enough_px: a JPEG may be decoded at a half, a quarter or an eighth of its size, if its shorter side keeps so many
        pixels; none: at full size.

    Raises:
      ThawError: it can't be decoded.
    """
    try:
        with _opened(source) as image:
            orientation = image.getexif().get(_ORIENTATION)
            if enough_px is not None and image.format in _JPEGS:
                scale = enough_px / min(image.size)
                image.draft(image.mode, (math.ceil(image.width * scale), math.ceil(image.height * scale)))
            upright = image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image
            if upright.mode in ("LA", "PA", "RGBA") or "transparency" in upright.info:
                layered = upright.convert("RGBA")
                white = Image.new("RGBA", layered.size, "white")
                return Image.alpha_composite(white, layered).convert("RGB")
            return _rgb_of_inks(upright) if upright.mode == "CMYK" else upright.convert("RGB")
    except _DAMAGE as error:
        if is_own_mistake(error):
            raise
        raise ThawError(
            f"{name}: damaged or cut short ({error}). Expected a complete image; replace it or leave it out."
        ) from error


def _rgb_of_inks(image: Image.Image) -> Image.Image:
    """A CMYK image in sRGB, by its own profile; by simple subtraction if it has no usable profile."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        made = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (KeyError, ImageCms.PyCMSError, OSError):
        made = None
    return made or image.convert("RGB")


def fitted(image: Image.Image, height: int, width: int) -> Image.Image:
    """The image in that size: a side too long for the proportions is cropped evenly at both ends."""
    if image.size == (width, height):
        return image
    return ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)


def content_id(image: Image.Image) -> str:
    """Hash of an RGB image's size and pixels."""
    return hashlib.sha256(f"{image.width}x{image.height}".encode() + image.tobytes()).hexdigest()[:32]


def stays_as_it_is(content: bytes) -> bool:
    """Whether TensorFlow decodes the file as a viewer shows it, so that a record may hold the file itself."""
    with _opened(content) as image:
        if image.format not in KEPT_FORMATS or image.mode not in KEPT_MODES or found_in(content) is not None:
            return False
        # What found_in misses, such as an orientation in a compressed block.
        if "transparency" in image.info or image.getexif().get(_ORIENTATION) in _UPRIGHT:
            return False
        return image.format != "PNG" or is_whole_png(content)


def is_whole_png(content: bytes) -> bool:
    """Whether TensorFlow's decoder accepts a PNG: every block's checksum is right, palette and end are present.

    Pillow decodes some PNG files that it does not accept.
    """
    place, names = 8, []
    while place + 12 <= len(content):
        length, name = struct.unpack(">I4s", content[place : place + 8])
        block = content[place + 4 : place + 8 + length]
        if content[place + 8 + length : place + 12 + length] != struct.pack(">I", zlib.crc32(block)):
            return False
        names.append(name)
        place += 12 + length
        if name == b"IEND":
            break
    has_palette = content[25:26] != b"\x03" or b"PLTE" in names
    return names[:1] == [b"IHDR"] and names[-1:] == [b"IEND"] and has_palette


def reduced(image: Image.Image, side_px: int) -> Image.Image:
    """The image, resized so that its shorter side has so many pixels."""
    scale = side_px / min(image.size)
    size = max(side_px, round(image.width * scale)), max(side_px, round(image.height * scale))
    return image.resize(size, Image.Resampling.LANCZOS)


def jpeg_bytes(image: Image.Image) -> bytes:
    """The image as JPEG of quality 92, colours at full resolution."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92, subsampling=0)
    return buffer.getvalue()


def png_bytes(image: Image.Image) -> bytes:
    """The image as PNG."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _opened(source: Path | bytes) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on sizes and broken EXIF, which are checked here
        return Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS)


def _problem(image: Image.Image) -> str | None:
    width, height = image.size
    if image.mode not in MODES:
        return f"its pixels have Pillow's mode {image.mode}; save it with 8 bits a channel, as RGB or grey"
    if image.format in _ANIMATED and getattr(image, "n_frames", 1) > 1:
        return "it is an animation; save one frame of it as an image"
    if min(width, height) < LEAST_SIDE_PX:
        return f"it has {width} x {height} pixels; expected {LEAST_SIDE_PX} at least on each side. Leave it out"
    if width * height > MOST_PIXELS:
        return (
            f"it declares {width} x {height} pixels; expected {MOST_PIXELS // 10**6} million at most. Make it smaller"
        )
    return None


def _unreadable(path: Path, error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "you may not read it; correct its permissions"
    if isinstance(error, Image.DecompressionBombError):
        return f"it declares more than {MOST_PIXELS // 10**6} million pixels; make it smaller"
    if path.stat().st_size == 0:
        return "an empty file; leave it out"
    return f"not an image that can be read as {', '.join(FORMATS[:-1])} or {FORMATS[-1]}; convert it or leave it out"
