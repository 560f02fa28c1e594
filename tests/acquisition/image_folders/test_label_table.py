"""CSV files of images and labels: what is read, and what is rejected with a message. Imports no TensorFlow."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from acquisition.image_folders.label_table import is_table, read_labels
from acquisition.image_folders.labelled_files import LabelledFile, grouping_from
from experiment.errors import ThawError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files `0.jpg` to `15.jpg` in a folder `in`; no one opens them."""
    (tmp_path / "in").mkdir()
    for number in range(16):
        (tmp_path / "in" / f"{number}.jpg").touch()
    return tmp_path


def rows(*more: str) -> list[str]:
    """Sixteen files of two classes, and further cells of every row."""
    return [",".join((f"in/{n}.jpg", "rose" if n < 8 else "tulip", *more)) for n in range(16)]


def read(folder: Path, *lines: str, group: str | None = None, ignored: tuple[str, ...] = (), **columns: str) -> Any:
    path = folder / "labels.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_labels(path, columns, ignored, grouping_from(group))


def test_files_are_relative_to_the_table(folder: Path) -> None:
    files = read(folder, "file,label", *rows())
    assert files[0] == LabelledFile(folder / "in" / "0.jpg", "in/0.jpg", "rose") and len(files) == 16


def test_absolute_paths_below_the_table_are_taken_also_through_a_link(folder: Path, tmp_path_factory: Any) -> None:
    link = tmp_path_factory.mktemp("link") / "photos"
    link.symlink_to(folder)
    relative = read(folder, "file,label", *rows())
    for place in (folder, link):
        lines = [f"{folder}/{row}" for row in rows()]
        assert [one.file for one in read(place, "file,label", *lines)] == [one.file for one in relative]
    with pytest.raises(ThawError, match="lies outside"):
        read(folder, "file,label", *rows(), f"{folder}_2/in.jpg,rose")


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_names_and_a_byte_order_mark_are_read(folder: Path, separator: str) -> None:
    lines = ["\ufeffImage_Path,Class,Group_ID,Set", *rows("anna", "Training"), "", ",,,"]
    files = read(folder, *(line.replace(",", separator) for line in lines))
    assert {(one.group, one.split) for one in files} == {("anna", "train")}


def test_a_table_as_excel_pandas_and_windows_write_it_is_read(folder: Path) -> None:
    plain = read(folder, "file,label", *rows())
    assert read(folder, "sep=;", *(line.replace(",", ";") for line in ("file,label", *rows()))) == plain
    assert read(folder, ",file,label", *(f"{number},{row}" for number, row in enumerate(rows()))) == plain
    windows = [row.replace("/", "\\") for row in rows()]
    assert read(folder, "file,label", *windows) == plain
    with pytest.raises(ThawError, match="line 4: 1 cell"):
        read(folder, "sep=;", "file;label", "in/0.jpg;rose", "in/1.jpg")
    with pytest.raises(ThawError, match="unknown column ''"):
        read(folder, ",file,label", *(f"{number + 1},{row}" for number, row in enumerate(rows())))
    (folder / "in\\3.jpg").touch()  # on this system a name
    assert "in\\3.jpg" in {one.file for one in read(folder, "file,label", *windows)}


def test_columns_may_be_named_and_passed_over(folder: Path) -> None:
    path = folder / "labels.csv"
    path.write_text("\n".join(["pic,label,who,notes", *rows("anna", "x")]), encoding="utf-8")
    found = read_labels(path, {"file": "pic", "group": "who"}, ("notes",), None)
    assert {one.group for one in found} == {"anna"}


def test_what_is_said_twice_counts_once(folder: Path) -> None:
    assert len(read(folder, "file,label", *rows(), "in/../in/3.jpg,rose")) == 16


def test_a_pattern_tells_groups_where_no_column_does(folder: Path) -> None:
    assert {one.group for one in read(folder, "file,label", *rows(), group=r"(\d)\.jpg")} == set("0123456789")


def test_an_empty_group_is_none(folder: Path) -> None:
    assert {one.group for one in read(folder, "file,label,group", *rows(""))} == {None}


def test_texts_of_cells_are_never_markup_or_patterns(folder: Path) -> None:
    names = ["[b]{0}%s*?.jpg", 'quo"te,d.jpg']
    for name in names:
        (folder / name).touch()
    lines = [*rows(), '[b]{0}%s*?.jpg,"[/red] $x$ *"', '"quo""te,d.jpg","[/red] $x$ *"']
    more = [line.replace("rose", '"[/red] $x$ *"') for line in lines]
    assert {one.class_name for one in read(folder, "file,label", *more)} == {"[/red] $x$ *", "tulip"}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["file,label", *rows(), "in/lost.jpg,rose", "in/gone.jpg,rose"],
         r"lists 2 files that do not exist: in/lost\.jpg \(line 18\), in/gone\.jpg"),
        (["file,label", *rows(), "in/3.jpg,tulip"], r"in/3\.jpg. has two labels, .rose. in line 5 and .tulip. in"),
        (["file,label,group", *rows("a"), "in/3.jpg,rose,b"], "has two groups, 'a' in line 5 and 'b' in line 18"),
        (["file,label,colour", *rows("red")],
         "unknown column 'colour'.*--group-column 'colour'.*--ignore-column 'colour'"),
        (["file,species", *rows()], r"has no column 'label'.*are file, species.*--label-column"),
        (["file,label,label", *rows("x")], "names the column 'label' twice"),
        (["file,path,label", *[f"in/{n}.jpg,x,rose" for n in range(16)]], "the file could be 'file' or 'path'"),
        (["file,label", *rows(), f"{'x' * 300}.jpg,rose"], "1 file that does not exist"),
        (["file,label", *rows(), "../in.jpg,rose"], r"line 18: '\.\./in\.jpg' lies outside"),
        (["file,label", *rows(), "/etc/passwd,rose"], "'/etc/passwd' lies outside"),
        (["file,label", *rows(), "in/3.jpg"], "line 18: 1 cell. Expected 2"),
        (["file,label", *rows(), "in/3.jpg,"], "line 18: the label is empty"),
        (["file,label", *rows(), '"in/3.jpg,rose'], "not valid CSV"),
        (["file,label,split", *rows("somewhere")], "unknown split 'somewhere'. Expected train, val or test"),
        (["file,label,split", *rows("")], "line 2: the split is empty"),
        (["file,label,split", *rows("test")], "'rose' has no image in your train split"),
        (["file,label", *rows(), *(row.replace("rose", "Rose") for row in rows()[:8])], "has two labels"),
        (["file,label"], "lists no image"),
        (["file,label", *rows()[:9]], "'tulip' has 1 image .*Expected at least 8"),
        (["file,label", *rows()[:8]], "holds one class, 'rose'"),
        (["file,label,group,split", *rows("anna", "train")[1:], "in/0.jpg,rose,anna,test"],
         r"The group 'anna' is in .*test \(in/0\.jpg\)"),
    ],
)  # fmt: skip
def test_a_table_that_can_not_be_used_is_refused_by_name(folder: Path, lines: list[str], message: str) -> None:
    with pytest.raises(ThawError, match=message):
        read(folder, *lines)


def test_options_that_do_not_fit_are_refused(folder: Path) -> None:
    read(folder, "file,label,group", *rows("a"))
    for columns, ignored, group, message in (
        ({"label": "kind"}, (), None, "has no column 'kind'"),
        ({}, ("kind",), None, "has no column 'kind'"),
        ({}, (), "folder", "--group .folder. can't be used with"),
        ({}, (), r"(\d)", "whose groups come from the column 'group'"),
    ):
        with pytest.raises(ThawError, match=message):
            read_labels(folder / "labels.csv", columns, ignored, grouping_from(group))


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(b"file,label\n\xff\xfe,rose\n")
    with pytest.raises(ThawError, match="is not UTF-8"):
        read_labels(tmp_path / "labels.csv", {}, (), None)
    with pytest.raises(ThawError, match="can't be read: No such file"):
        read_labels(tmp_path / "other.csv", {}, (), None)
    (tmp_path / "folder.csv").mkdir()
    assert is_table(tmp_path / "labels.CSV") and not is_table(tmp_path / "folder.csv")


def test_a_folder_that_may_not_be_read_is_named_with_its_files() -> None:
    # pytest's own folders are closed to others, and nothing is closed to root.
    with tempfile.TemporaryDirectory(dir="/tmp") as temporary:
        place = Path(temporary)
        (place / "in").mkdir()
        (place / "in" / "0.jpg").touch()
        (place / "labels.csv").write_text("file,label\nin/0.jpg,rose\n")
        place.chmod(0o755)
        (place / "in").chmod(0)
        user = os.geteuid()
        try:
            if user == 0:
                os.seteuid(65534)
            with pytest.raises(ThawError, match=r"does not exist: in/0\.jpg \(line 2\).*permissions of their folders"):
                read_labels(place / "labels.csv", {}, (), None)
        finally:
            os.seteuid(user)
            (place / "in").chmod(0o755)
