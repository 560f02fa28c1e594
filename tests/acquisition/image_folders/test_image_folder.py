"""Folders of class folders, with splits and groups: what is found, rejected and chosen. Imports no TensorFlow."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from acquisition.image_folders.image_folder import choose_size, find_images, image_headers
from acquisition.image_folders.labelled_files import grouping_from
from experiment.errors import ThawError


def picture(number: int, size: tuple[int, int] = (16, 16)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), np.uint8))


def counted(folder: Path) -> dict[str, int]:
    names = [one.class_name for one in find_images(folder)]
    return {name: names.count(name) for name in names}


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
    assert counted(folder) == {"rose": 8, "tulip": 8}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: picture(0).save(folder / "loose.PNG"),
         "loose.PNG lies in .*Expected every image in the folder of its class.*or list .* in a CSV file"),
        (lambda folder: [picture(0).save(folder / f"{n}.png") for n in range(6)], "and 1 more lie in"),
        (lambda folder: (folder / "rose" / "red").mkdir(), "within the class 'rose'.*classes, give .*rose instead"),
        (lambda folder: (folder / "rose" / "0.png").unlink(), 
         "'rose' has 7 images .*Expected at least 8: 5 for train, 1 for val"),
        (lambda folder: (folder / "lily").mkdir(), "'lily' has 0 images"),
        (lambda folder: (folder / "rose").rename(folder / "ro\nse"), "can't be printed"),
        (lambda folder: (folder / "rose").rename(folder.parent / "gone"), "holds one class, 'tulip'"),
        (lambda folder: [(folder / a).rename(folder / b) for a, b in (("rose", "Train"), ("tulip", "test"))],
         "Train has the name of a split, but no class folders"),
        (lambda folder: [(folder / name).mkdir() for name in ("train", "Validation")]
         and [(folder / name).rename(folder.parent / name) for name in ("rose", "tulip")], "but no class folders"),
    ],
)  # fmt: skip
def test_a_folder_of_another_kind_is_explained(folder: Path, spoil: Callable[[Path], object], message: str) -> None:
    spoil(folder)
    with pytest.raises(ThawError, match=message):
        find_images(folder)


def test_a_folder_of_one_class_is_told_from_class_folders_with_loose_images(folder: Path) -> None:
    """As when a user gives the folder of one class: there are no class folders next to its images."""
    with pytest.raises(ThawError, match=rf"which has no subfolders\..*'rose' is itself a class.*, {folder}; else move"):
        find_images(folder / "rose")


def test_a_place_without_classes_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, message in (("nowhere", "does not exist"), ("file", "is a file"), (".", "no class")):
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
        image_headers(find_images(folder))


@pytest.mark.parametrize(
    ("sizes", "asked", "chosen"),
    [
        ({(40, 30): 9}, None, (30, 40)),
        ({(40, 30): 9}, 64, (64, 64)),
        ({(640, 480): 9}, None, (224, 224)),
        ({(640, 480): 5_000}, None, (160, 160)),
        ({(640, 480): 20_000}, None, (96, 96)),
        ({(100, 100): 2_062}, None, (128, 128)),
        ({(15, 15): 9}, None, (96, 96)),
        ({(50, 60): 5, (20, 20): 4}, None, (96, 96)),
    ],
)
def test_the_size_is_kept_or_chosen(
    sizes: dict[tuple[int, int], int], asked: int | None, chosen: tuple[int, int]
) -> None:
    assert choose_size(sizes, asked)[0] == chosen


def in_splits(folder: Path, *names: str) -> Path:
    """Two classes in each of the folders, ten different pictures in the first and four in each other."""
    for number, split in enumerate(names):
        for offset, name in enumerate(("rose", "tulip")):
            (folder / split / name).mkdir(parents=True)
            for place in range(4 if number else 10):
                picture(1000 * number + 100 * offset + place).save(folder / split / name / f"{place}.png")
    return folder


def test_the_users_own_splits_are_kept_by_any_name(tmp_path: Path) -> None:
    files = find_images(in_splits(tmp_path, "training", "Validation", "TEST"))
    found = [(one.class_name, one.split) for one in files]
    assert {one: found.count(one) for one in found} == {
        (name, split): count for name in ("rose", "tulip") for split, count in (("train", 10), ("val", 4), ("test", 4))
    }
    assert files[0].file.startswith("TEST/rose/")


def test_a_split_may_lack(tmp_path: Path) -> None:
    assert {one.split for one in find_images(in_splits(tmp_path, "train", "test"))} == {"train", "test"}


def test_two_folders_for_one_split_and_a_class_without_training_images_are_refused(tmp_path: Path) -> None:
    in_splits(tmp_path, "train", "val", "valid")
    with pytest.raises(ThawError, match=r"val and valid .* are both your val split"):
        find_images(tmp_path)
    (tmp_path / "valid").rename(tmp_path / "test")
    (tmp_path / "train" / "rose").rename(tmp_path / "test" / "lily")
    with pytest.raises(ThawError, match=r"'rose' has no image in your train split|'lily' has no image"):
        find_images(tmp_path)


def test_folders_in_a_class_are_groups_where_it_is_said(folder: Path) -> None:
    for person in ("anna", "bob"):
        (folder / "rose" / person).mkdir()
        picture(100 + len(person)).save(folder / "rose" / person / "x.png")
    with pytest.raises(ThawError, match=r"a folder within the class 'rose'.*--group folder"):
        find_images(folder)
    groups = {one.file: one.group for one in find_images(folder, grouping_from("folder"))}
    assert groups["rose/anna/x.png"] == "anna" and groups["rose/bob/x.png"] == "bob" and groups["rose/0.png"] is None
    (folder / "rose" / "bob" / "deeper").mkdir()
    with pytest.raises(ThawError, match="deeper is a folder within the class"):
        find_images(folder, grouping_from("folder"))


def test_groups_by_folder_need_a_folder(folder: Path) -> None:
    """Otherwise a user believes that people are kept together."""
    with pytest.raises(ThawError, match="--group folder finds no group"):
        find_images(folder, grouping_from("folder"))


def test_a_pattern_tells_groups_by_file_names(folder: Path) -> None:
    for name in ("rose", "tulip"):
        for number in range(8):
            (folder / name / f"{number}.png").rename(folder / name / f"p{number // 3}_{number}.png")
    groups = {one.file: one.group for one in find_images(folder, grouping_from(r"^(p\d+)_"))}
    assert groups["rose/p0_2.png"] == groups["tulip/p0_0.png"] == "p0" and groups["rose/p2_7.png"] == "p2"
    with pytest.raises(ThawError, match=r"not found in the names of 6 of 16 files: rose/p1_3\.png"):
        find_images(folder, grouping_from(r"p([02])_"))
    with pytest.raises(ThawError, match=r"--group '\^\(q\\d\)' is not found"):
        find_images(folder, grouping_from(r"^(q\d)"))


def test_a_pattern_that_puts_no_two_files_together_is_refused(folder: Path) -> None:
    """As the number of a photo: nobody would notice that it keeps nothing together."""
    for name in ("rose", "tulip"):
        for number in range(8):
            (folder / name / f"{number}.png").rename(folder / name / f"{name}_{number}.png")
    with pytest.raises(ThawError, match=r"puts each of 16 files in its own group, such as 'rose_0' .* CSV file"):
        find_images(folder, grouping_from(r"^(.+)\.png$"))


@pytest.mark.parametrize(
    ("text", "message"),
    [("(", "not a regular expression"), ("abc", "has 0 groups"), ("(a)(b)", "has 2 groups"), ("", "has 0 groups")],
)
def test_a_grouping_that_can_not_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(ThawError, match=message):
        grouping_from(text)


def test_a_group_in_two_of_the_users_splits_is_named(tmp_path: Path) -> None:
    in_splits(tmp_path, "train", "test")
    with pytest.raises(ThawError, match=r"The group '0' is in .*train/rose/0\.png.*and so are 3 other groups"):
        find_images(tmp_path, grouping_from(r"^(\d)\."))


@pytest.mark.parametrize(
    ("names", "told"),
    [(("M\u00fcller", "Mu\u0308ller"), r"look the same: 'Mu\\u0308ller' and 'M\\xfcller'"),
     (("a", "a "), "look the same: 'a' and 'a '"), (("Rose", "rose"), "same: 'Rose' and 'rose'"),
     (("a", "   "), "name '   '. Expected visible characters")],
)  # fmt: skip
def test_classes_that_look_the_same_are_refused_whatever_their_counts(
    tmp_path: Path, names: tuple[str, str], told: str
) -> None:
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.png").touch()
    with pytest.raises(ThawError, match=told):
        find_images(tmp_path)
