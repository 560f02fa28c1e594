"""Names with accents are the same however they are encoded: as one character, or as a letter and an accent."""

import unicodedata
from pathlib import Path

import pytest

from acquisition.image_folders.image_folder import find_images
from acquisition.image_folders.label_table import read_labels
from acquisition.image_folders.labelled_files import grouping_from
from experiment.errors import ThawError
from pipeline.new_experiment.own_settings import chosen_target
from pipeline.new_experiment.wanted import names_in

NFC, NFD = (unicodedata.normalize(form, "K\u00e4fer") for form in ("NFC", "NFD"))
FORMS = pytest.mark.parametrize("form", ["NFC", "NFD"])


def class_folder(place: Path, name: str, stems: list[str]) -> None:
    (place / name).mkdir(parents=True)
    for stem in stems:
        (place / name / f"{stem}.jpg").touch()


NUMBERS = [str(number) for number in range(16)]


@FORMS
def test_a_target_is_found_whatever_encodes_the_folders_name(tmp_path: Path, form: str) -> None:
    class_folder(tmp_path, unicodedata.normalize(form, NFC), NUMBERS)
    class_folder(tmp_path, "rose", NUMBERS)
    classes = sorted({one.class_name for one in find_images(tmp_path)})
    assert chosen_target(classes, names_in(f"{NFC},rose")) == chosen_target(classes, names_in(f"{NFD},rose")) == (
        NFC, "rose",
    )  # fmt: skip


def test_a_class_of_two_encodings_in_two_splits_is_one_class(tmp_path: Path) -> None:
    for split, name in (("train", NFC), ("test", NFD)):
        class_folder(tmp_path / split, name, NUMBERS)
        class_folder(tmp_path / split, "rose", NUMBERS)
    assert {one.class_name for one in find_images(tmp_path)} == {NFC, "rose"}


def test_a_person_of_two_encodings_is_one_group(tmp_path: Path) -> None:
    """As two groups the person would be in train and test, and every accuracy too high."""
    class_folder(tmp_path, "rose", [f"{name}_{number}" for name in (NFC, NFD) for number in range(8)])
    class_folder(tmp_path, "tulip", [f"b_{number}" for number in range(16)])
    assert {one.group for one in find_images(tmp_path, grouping_from("^([^_]+)_"))} == {NFC, "b"}
    assert {one.group for one in find_images(tmp_path, grouping_from(f"^({NFC}|b)_"))} == {NFC, "b"}


@pytest.mark.parametrize(("in_table", "on_disk"), [(NFC, NFD), (NFD, NFC)])
def test_a_table_of_another_encoding_than_the_files_is_read(tmp_path: Path, in_table: str, on_disk: str) -> None:
    """Such as files that were unpacked from macOS, listed by a spreadsheet on Windows."""
    class_folder(tmp_path, on_disk, [f"{on_disk}{number}" for number in range(16)])
    rows = [f"{in_table}\\{in_table}{n}.jpg,{(in_table, 'rose')[n % 2]},{(NFC, NFD)[n % 4 // 2]}" for n in range(16)]
    table = tmp_path / "labels.csv"
    table.write_text("\n".join([f"file,{in_table},group", *rows]) + "\n", encoding="utf-8")
    files = read_labels(table, {"label": on_disk}, [], None)
    assert [one.path.exists() for one in files] == [True] * 16
    assert {one.file for one in files} == {f"{on_disk}/{on_disk}{n}.jpg" for n in range(16)}
    assert {(one.class_name, one.group) for one in files} == {(NFC, NFC), ("rose", NFC)}


def test_a_name_that_no_terminal_shows_is_refused_with_advice_for_folders_and_tables(tmp_path: Path) -> None:
    class_folder(tmp_path, "a\u200bb", NUMBERS)
    class_folder(tmp_path, "rose", NUMBERS)
    with pytest.raises(ThawError, match=r"can't be printed\. Rename the class"):
        find_images(tmp_path)
