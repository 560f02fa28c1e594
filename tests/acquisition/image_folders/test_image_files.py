"""Hostile and odd image files: each is named with what is wrong. Uses real files and Pillow, no TensorFlow."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageCms, ImageOps

from acquisition.image_folders.image_files import fitted, image_header, load_image, png_bytes, stays_as_it_is
from experiment.errors import ThawError


def image_size_of(path: Path) -> tuple[int, int]:
    """Width and height by the file's head."""
    header = image_header(path)
    return header.width, header.height


def declaring(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to have that many pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def animation(path: Path) -> Path:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    return saved(path, frames[0], save_all=True, append_images=frames[1:])


def webp_declaring(width: int, height: int) -> bytes:
    """A lossless WebP that says it has this size, and has no pixels."""
    body = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + bytes(65)
    return b"RIFF" + struct.pack("<I", 12 + len(body)) + b"WEBPVP8L" + struct.pack("<I", len(body)) + body


def test_what_is_wrong_with_a_file_is_said_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("these are words")
    (tmp_path / "empty.png").touch()
    (tmp_path / "huge.png").write_bytes(declaring(60_000, 60_000))
    (tmp_path / "large.png").write_bytes(declaring(11_000, 10_000))
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "lost.png").symlink_to(tmp_path / "nowhere")
    saved(tmp_path / "deep.png", Image.new("I;16", (16, 16)))
    saved(tmp_path / "small.png", Image.new("RGB", (16, 7)))
    animation(tmp_path / "moving.gif")
    animation(tmp_path / "moving.png")
    animation(tmp_path / "moving.webp")
    (tmp_path / "huge.webp").write_bytes(webp_declaring(16_383, 16_383))
    (tmp_path / "large.webp").write_bytes(webp_declaring(11_000, 10_000))
    expected = {
        "text.png": "not an image that can be read", "empty.png": "an empty file",
        "huge.png": "more than 100 million pixels",
        "large.png": "declares 11000 x 10000 pixels",
        "folder.png": "not a readable file", "lost.png": "not a readable file",
        "deep.png": "Pillow's mode I;16",
        "small.png": "16 x 7 pixels; expected 8",
        "moving.gif": "an animation", "moving.png": "an animation", "moving.webp": "an animation",
        "huge.webp": "more than 100 million pixels", "large.webp": "declares 11000 x 10000 pixels",
    }  # fmt: skip
    for name, words in expected.items():
        with pytest.raises(ThawError, match=words) as caught:
            image_size_of(tmp_path / name)
        assert name in str(caught.value)


def test_a_wrong_extension_does_no_harm(tmp_path: Path) -> None:
    assert image_size_of(saved(tmp_path / "really_png.jpg", Image.new("RGB", (20, 10)), format="PNG")) == (20, 10)


def test_an_image_that_is_cut_short_is_refused_when_it_is_decoded(tmp_path: Path) -> None:
    path = saved(tmp_path / "cut.png", Image.effect_noise((64, 64), 50))
    path.write_bytes(path.read_bytes()[:-200])
    assert image_size_of(path) == (64, 64)
    with pytest.raises(ThawError, match=r"cut\.png: damaged or cut short"):
        load_image(path, str(path))


def test_a_photograph_is_turned_as_its_camera_was_held(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path / "turned.jpg", Image.new("RGB", (20, 10)), exif=exif)
    assert image_size_of(path) == load_image(path, "").size == (10, 20)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    image = load_image(png_bytes(Image.new(mode, (9, 9))), "")
    assert (image.mode, image.size) == ("RGB", (9, 9))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_webp_becomes_the_pixels_that_it_has(tmp_path: Path, mode: str) -> None:
    pixels = Image.effect_noise((20, 10), 80).convert(mode)
    path = saved(tmp_path / "a.webp", pixels, lossless=True, exact=True)
    assert load_image(path, "").tobytes() == pixels.convert("RGB").tobytes()
    assert not stays_as_it_is(path.read_bytes())


def test_a_webp_is_turned_as_its_camera_was_held(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path / "turned.webp", Image.new("RGB", (20, 10)), exif=exif)
    assert image_size_of(path) == load_image(path, "").size == (10, 20)


@pytest.mark.parametrize(
    "profile", [None, b"damaged", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()]
)
def test_four_inks_become_three_colours_whatever_their_profile(tmp_path: Path, profile: bytes | None) -> None:
    inks = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    path = saved(tmp_path / "inks.jpg", inks, quality=100, icc_profile=profile)
    red = load_image(path, "").getpixel((8, 8))
    assert isinstance(red, tuple) and red[0] > 240 and max(red[1:]) < 15
    assert not stays_as_it_is(path.read_bytes())


def test_what_is_transparent_is_laid_on_white() -> None:
    assert load_image(png_bytes(Image.new("RGBA", (9, 9), (10, 20, 30, 0))), "").getpixel((4, 4)) == (255, 255, 255)


def test_fitting_cuts_both_ends_alike_and_leaves_a_fitting_image_as_it_is() -> None:
    image = Image.new("RGB", (30, 10), "red")
    image.paste("blue", (10, 0, 20, 10))
    assert fitted(image, 10, 10).getcolors() == [(100, (0, 0, 255))]
    assert fitted(image, 10, 30) is image


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_an_image_is_turned_as_pillow_turns_it(tmp_path: Path, orientation: int, mode: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = Image.effect_noise((20, 10), 80).convert(mode)
    path = saved(tmp_path / "turned.png", pixels, exif=exif)
    wanted = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    assert load_image(path, "turned.png").tobytes() == wanted.tobytes()


def test_an_odd_entry_of_exif_does_not_make_a_photo_unusable(tmp_path: Path) -> None:
    entries = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + struct.pack("<HHI4s", 0x011A, 2, 3, b"ab\0\0")
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entries + bytes(4)  # a resolution that is text
    path = saved(tmp_path / "odd.jpg", Image.new("RGB", (20, 10)), exif=exif)
    with pytest.raises(TypeError):
        ImageOps.exif_transpose(Image.open(path))
    assert image_size_of(path) == load_image(path, "odd.jpg").size == (10, 20)
