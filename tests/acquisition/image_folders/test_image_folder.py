"""A folder of class folders: what is refused, what is chosen, and who is in the test split. Imports no TensorFlow."""

from __future__ import annotations

import io
import os
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from acquisition.image_folders import image_folder
from acquisition.image_folders.image_folder import (
    LEAST_TEST,
    OwnImage,
    choose_size,
    chosen_for_test,
    find_images,
    image_sizes,
)
from experiment.errors import ThawError

IDS = st.sets(st.integers(0, 0xFFFF).map("{:04x}".format), min_size=2)


def picture(number: int, size: tuple[int, int] = (16, 16)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), np.uint8))


def read_images(
    folder: Path, classes: dict[str, list[Path]], *progress: Any
) -> tuple[list[OwnImage], list[str], list[bytes]]:
    """image_folder.read_images, and the bytes of each image."""
    with tempfile.TemporaryFile() as kept:
        images, repeated = image_folder.read_images(folder, classes, kept, *progress)
        return images, repeated, [image.encoded(kept) for image in images]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of eight different images each."""
    for offset, name in enumerate(("rose", "tulip")):
        (tmp_path / name).mkdir()
        for number in range(8):
            picture(8 * offset + number).save(tmp_path / name / f"{number}.png")
    return tmp_path


def test_what_systems_leave_behind_is_passed_over(folder: Path) -> None:
    for name in (".DS_Store", "rose/Thumbs.db", "rose/.hidden.png", "readme.txt"):
        (folder / name).touch()
    assert {name: len(paths) for name, paths in find_images(folder).items()} == {"rose": 8, "tulip": 8}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: picture(0).save(folder / "loose.PNG"), "loose.PNG lies in .*of which class"),
        (lambda folder: [picture(0).save(folder / f"{n}.png") for n in range(6)], "and 1 more lie in"),
        (lambda folder: (folder / "rose" / "red").mkdir(), "a folder within the class 'rose'"),
        (lambda folder: (folder / "rose" / "0.png").unlink(), "'rose' has 7 images .*Expected 8"),
        (lambda folder: (folder / "lily").mkdir(), "'lily' has 0 images"),
        (lambda folder: (folder / "rose").rename(folder / "ro\nse"), "can't be printed"),
        (lambda folder: (folder / "rose").rename(folder.parent / "gone"), "holds one class, 'tulip'"),
        (lambda folder: [(folder / a).rename(folder / b) for a, b in (("rose", "Train"), ("tulip", "test"))],
         "split already, into Train, test"),
    ],
)  # fmt: skip
def test_a_folder_of_another_kind_is_explained(folder: Path, spoil: Callable[[Path], object], message: str) -> None:
    spoil(folder)
    with pytest.raises(ThawError, match=message):
        find_images(folder)


def test_a_place_without_classes_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, message in (("nowhere", "does not exist"), ("file", "is a file"), (".", "nothing that is a class")):
        with pytest.raises(ThawError, match=message):
            find_images(tmp_path / name)


@pytest.mark.parametrize("mode", [0o000, 0o444])
def test_a_folder_that_may_not_be_read_is_named(mode: int) -> None:
    # pytest's own folders are closed to others, and nothing is closed to root.
    with tempfile.TemporaryDirectory(dir="/tmp") as temporary:
        closed = Path(temporary) / "rose"
        closed.mkdir()
        (closed / "0.png").touch()
        Path(temporary).chmod(0o755)
        closed.chmod(mode)
        user = os.geteuid()
        try:
            if user == 0:
                os.seteuid(65534)
            with pytest.raises(ThawError, match="rose can't be read: Permission denied"):
                find_images(Path(temporary))
        finally:
            os.seteuid(user)
            closed.chmod(0o755)


def test_all_files_that_cant_be_used_are_counted_and_the_first_named(folder: Path) -> None:
    for number in range(7):
        (folder / "rose" / f"{number}.png").write_bytes(b"")
    with pytest.raises(ThawError, match=r"^7 files can't be used:\n(.*empty file.*\n){5}and 2 more$"):
        image_sizes(find_images(folder))


def test_a_damaged_image_is_named_when_it_is_read(folder: Path) -> None:
    victim = folder / "rose" / "3.png"
    victim.write_bytes(victim.read_bytes()[:-300])
    with pytest.raises(ThawError, match=r"^1 file can't be used:\n.*3\.png: damaged"):
        read_images(folder, find_images(folder))


def test_an_image_in_two_classes_is_refused(folder: Path) -> None:
    picture(0).save(folder / "tulip" / "again.bmp")
    with pytest.raises(ThawError, match=r"again\.bmp: the very same image is in .*rose/0\.png"):
        read_images(folder, find_images(folder))


def test_repeated_images_count_once(folder: Path) -> None:
    picture(0).save(folder / "rose" / "again.bmp")
    progress: list[int] = []
    images, repeated, pngs = read_images(folder, find_images(folder), progress.append)
    assert repeated == ["rose/again.bmp"] and len(images) == len(set(pngs)) == 16
    assert progress == list(range(1, 18))


def test_what_tensorflow_decodes_as_a_viewer_shows_it_is_kept_byte_for_byte(folder: Path) -> None:
    picture(50, (300, 200)).save(folder / "rose" / "photo.jpg")
    picture(51, (20, 40)).convert("L").save(folder / "rose" / "grey.jpg")
    images, _, contents = read_images(folder, find_images(folder))
    kept = {image.file: content for image, content in zip(images, contents, strict=True)}
    assert all(content == (folder / file).read_bytes() for file, content in kept.items())


def test_what_tensorflow_would_decode_otherwise_is_made_an_upright_opaque_png(folder: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    picture(50, (30, 20)).save(folder / "rose" / "turned.jpg", exif=turned)
    Image.new("RGBA", (16, 16), (255, 0, 0, 0)).save(folder / "rose" / "clear.png")
    picture(52, (17, 16)).save(folder / "rose" / "old.bmp")
    images, _, contents = read_images(folder, find_images(folder))
    made = {image.file: Image.open(io.BytesIO(content)) for image, content in zip(images, contents, strict=True)}
    assert [made[f"rose/{name}"].format for name in ("turned.jpg", "clear.png", "old.bmp")] == ["PNG"] * 3
    assert made["rose/turned.jpg"].size == (20, 30)
    assert made["rose/clear.png"].mode == "RGB" and made["rose/clear.png"].getpixel((0, 0)) == (255, 255, 255)


def test_too_few_different_images_are_refused(folder: Path) -> None:
    picture(0).save(folder / "rose" / "1.png")
    with pytest.raises(ThawError, match="'rose' has 7 different images"):
        read_images(folder, find_images(folder))


def test_ids_and_order_do_not_depend_on_the_names_of_files(folder: Path) -> None:
    before, _, pngs = read_images(folder, find_images(folder))
    for number in range(8):
        (folder / "rose" / f"{number}.png").rename(folder / "rose" / f"x{7 - number}.png")
    after, _, pngs_after = read_images(folder, find_images(folder))
    assert ([one.image_id for one in before], pngs) == ([one.image_id for one in after], pngs_after)


@pytest.mark.parametrize(
    ("sizes", "asked", "chosen"),
    [
        ({(40, 30): 9}, None, (30, 40)),
        ({(40, 30): 9}, 64, (64, 64)),
        ({(640, 480): 9}, None, (64, 64)),
        ({(15, 15): 9}, None, (32, 32)),
        ({(50, 60): 5, (20, 20): 4}, None, (48, 48)),
    ],
)
def test_the_size_is_kept_or_chosen(
    sizes: dict[tuple[int, int], int], asked: int | None, chosen: tuple[int, int]
) -> None:
    assert choose_size(sizes, asked)[0] == chosen


@given(IDS, st.randoms())
def test_a_quarter_is_for_testing_whatever_the_order(ids: set[str], dice: Random) -> None:
    shuffled = sorted(ids)
    dice.shuffle(shuffled)
    test = chosen_for_test(shuffled)
    assert test == chosen_for_test(sorted(ids)) and test <= ids
    assert len(test) == max(LEAST_TEST, round(0.25 * len(ids)))


@given(IDS, IDS)
def test_new_images_move_few_of_the_others(ids: set[str], more: set[str]) -> None:
    new = more - ids
    assert len((chosen_for_test(ids) ^ chosen_for_test(ids | new)) & ids) <= len(new)


def test_reading_keeps_no_image_in_memory(folder: Path) -> None:
    for number in range(100, 160):
        picture(number, (96, 96)).save(folder / "rose" / f"{number}.png")
    with tempfile.TemporaryFile() as kept:
        image_folder.read_images(folder, find_images(folder), kept)  # what Pillow keeps once
        tracemalloc.start()
        kept.seek(0)
        image_folder.read_images(folder, find_images(folder), kept)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak_bytes < kept.tell() / 3
