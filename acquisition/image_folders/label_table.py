"""Reads a CSV file of images, labels, groups and splits. Imports labelled_files; opens no image."""

from __future__ import annotations

import csv
import dataclasses
import io
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from acquisition.image_folders.image_folder import check_classes
from acquisition.image_folders.labelled_files import (
    BY_FOLDER,
    Grouping,
    LabelledFile,
    check_grouped,
    check_splits,
    composed,
    in_words,
)
from acquisition.splits.names import OTHER_NAMES
from experiment.errors import ThawError, counted, listed

FILE, LABEL, GROUP, SPLIT = COLUMNS = ("file", "label", "group", "split")
NAMES = {
    FILE: ("file", "filename", "file_name", "path", "filepath", "image", "image_path"),
    LABEL: ("label", "class", "class_name", "category"),
    GROUP: ("group", "group_id"),
    SPLIT: ("split", "set", "subset"),
}
"""Names of the columns, in lowercase; options give other names."""
_DELIMITERS = ",;\t"
_EXCEL = re.compile(r'"?sep=([,;\t|])"?\s*')
"""A first line with which Excel writes and reads the separator of the cells."""

Row = tuple[int, dict[str, str]]
"""The number of a line, and its cells by their meaning."""


def is_table(path: Path) -> bool:
    """Whether a path is that of a CSV file rather than of a folder."""
    return path.suffix.lower() in (".csv", ".tsv") and not path.is_dir()


def read_labels(
    path: Path, columns: Mapping[str, str | None], ignored: Sequence[str], grouping: Grouping | None
) -> list[LabelledFile]:
    """The images that a CSV file lists; their paths are relative to its folder and may not leave it.

    Commas, semicolons or tabs separate the cells; the first line names the columns. A repeated line counts once.

    Args:
      path: of the file, UTF-8.
      columns: names of the columns `file`, `label`, `group` and `split`; none: one of NAMES.
      ignored: names of columns to ignore.
      grouping: how groups are found if there is no column.

    Raises:
      ThawError: the file can't be read; a column is unknown, missing or repeated; a cell is empty; an image is missing,
        outside the folder, or listed with two labels, groups or splits; or check_classes, check_grouped or check_splits
        finds a fault.
    """
    header, rows = _without_index(*_cells(path))
    places = _places(path, header, columns, ignored)
    if grouping is not None and (grouping.pattern is None or GROUP in places):
        other = f"the column {header[places[GROUP]]!r}" if GROUP in places else "a column `group`, or a pattern"
        option = BY_FOLDER if grouping.pattern is None else grouping.pattern.pattern
        raise ThawError(f"--group '{option}' can't be used with {path}, whose groups come from {other}. Leave one of "
                        "them out.")  # fmt: skip
    files = _files(path, [(line, {key: cells[place] for key, place in places.items()}) for line, cells in rows])
    if grouping is not None:
        files = [dataclasses.replace(one, group=grouping.of(Path(one.file))) for one in files]
    check_classes(str(path), sorted({one.class_name for one in files}), files)
    check_grouped(files, grouping)
    check_splits(files)
    return sorted(files, key=lambda one: (one.class_name, one.file))


def _cells(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The names of the columns; and the number of each line that is not blank, with its cells."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ThawError(f"{path} can't be read: {error.strerror}. Expected a CSV file that you may read, or a folder "
                        "of images. Correct the path, or its permissions.") from error  # fmt: skip
    except UnicodeDecodeError as error:
        raise ThawError(
            f"{path} is not UTF-8 (byte {error.start}). Expected UTF-8. Save it as CSV in UTF-8."
        ) from error
    first, _, rest = text.partition("\n")
    excel = _EXCEL.fullmatch(first)
    delimiter = excel[1] if excel else max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(rest if excel else text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    before = 1 if excel else 0
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((before + reader.line_num, [cell.strip() for cell in cells]))
    except csv.Error as error:
        raise ThawError(f"{path}, line {before + reader.line_num}: not valid CSV ({error}). Expected cells separated "
                        "by commas; put a cell that contains a comma in double quotes.") from error  # fmt: skip
    if len(rows) < 2:
        raise ThawError(f"{path} lists no image. Expected a line with the names of the columns, such as file,label, "
                        "and a line for each image.")  # fmt: skip
    header = [composed(cell) for cell in rows[0][1]]
    for line, cells in rows[1:]:
        if len(cells) != len(header):
            raise ThawError(f"{path}, line {line}: {counted(len(cells), 'cell')}. Expected {len(header)}, as many as "
                            "the first line names; put a cell that contains a comma in double quotes.")  # fmt: skip
    return header, rows[1:]


def _without_index(
    header: list[str], rows: list[tuple[int, list[str]]]
) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The cells without pandas' index, an unnamed first column of 0, 1, 2 and so on."""
    if header[0] or [cells[0] for _, cells in rows] != [str(number) for number in range(len(rows))]:
        return header, rows
    return header[1:], [(line, cells[1:]) for line, cells in rows]


def _places(
    path: Path, header: Sequence[str], columns: Mapping[str, str | None], ignored: Sequence[str]
) -> dict[str, int]:
    """The place of each column by its meaning."""
    columns = {key: None if name is None else composed(name) for key, name in columns.items()}
    ignored = [composed(name) for name in ignored]
    twice = sorted({name for name in header if header.count(name) > 1})
    absent = [name for name in (*columns.values(), *ignored) if name is not None and name not in header]
    if twice or absent:
        what = f"names the column {twice[0]!r} twice" if twice else f"has no column {absent[0]!r}"
        raise ThawError(f"{path} {what}. Its columns are {listed(header)}; correct its first line, or the option.")
    asked = {name for name in columns.values() if name is not None}
    found: dict[str, int] = {}
    for key in COLUMNS:
        fitting = [name for name in header if name.lower() in NAMES[key] and name not in (*ignored, *asked)]
        named = columns.get(key)
        if named is None and len(fitting) > 1:
            raise ThawError(f"{path}: the column of the {key} could be {' or '.join(map(repr, fitting))}. Name it "
                            f"with --{key}-column, and ignore the other with --ignore-column.")  # fmt: skip
        name = named if named is not None else next(iter(fitting), None)
        if name is not None:
            found[key] = header.index(name)
    for key in (FILE, LABEL):
        if key not in found:
            raise ThawError(f"{path} has no column {key!r}. Its columns are {listed(header)}; name the one that holds "
                            f"the {key} with --{key}-column.")  # fmt: skip
    unknown = [name for place, name in enumerate(header) if place not in found.values() and name not in ignored]
    if unknown:
        raise ThawError(f"{path}: unknown column {unknown[0]!r}. Expected {', '.join(COLUMNS)}. Correct its "
                        f"name, say what it is (such as --group-column {unknown[0]!r}), or ignore it "
                        f"(--ignore-column {unknown[0]!r}).")  # fmt: skip
    return found


def _files(path: Path, rows: Sequence[Row]) -> list[LabelledFile]:
    found: dict[str, tuple[int, LabelledFile]] = {}
    missing: list[str] = []
    for line, cells in rows:
        one = _file(path, line, cells)
        before, other = found.setdefault(one.file, (line, one))
        for what, ours, theirs in (
            ("labels", one.class_name, other.class_name), ("groups", one.group, other.group),
            ("splits", one.split, other.split),
        ):  # fmt: skip
            if ours != theirs:
                raise ThawError(f"{path}: {one.file!r} has two {what}, {theirs!r} in line {before} and {ours!r} in "
                                f"line {line}. Expected one; correct a line, or leave the image out.")  # fmt: skip
        if before == line and not os.path.isfile(one.path):
            missing.append(f"{one.file} (line {line})")
    if missing:
        count = counted(len(missing), "file that does", "files that do")
        raise ThawError(f"{path} lists {count} not exist: {in_words(missing)}. Expected paths relative to "
                        f"{path.parent}. Correct them, or the permissions of their folders.")  # fmt: skip
    return [one for _, one in found.values()]


def _file(path: Path, line: int, cells: Mapping[str, str]) -> LabelledFile:
    for key in (FILE, LABEL, SPLIT):
        if not cells.get(key, "full"):
            raise ThawError(f"{path}, line {line}: the {key} is empty. Fill it in, or leave the line out.")
    file = _below(path.parent, os.path.normpath(_as_it_is_there(path.parent, cells[FILE])))
    if os.path.isabs(file) or file.split(os.sep)[0] == os.pardir or "\0" in file:
        raise ThawError(f"{path}, line {line}: {cells[FILE]!r} lies outside {path.parent}. Expected paths of "
                        "images below the CSV file's folder, best relative to it.")  # fmt: skip
    split = OTHER_NAMES.get(cells[SPLIT].lower()) if SPLIT in cells else None
    if SPLIT in cells and split is None:
        raise ThawError(f"{path}, line {line}: unknown split {cells[SPLIT]!r}. Expected train, val or test.")
    group = composed(cells.get(GROUP, "")) or None
    return LabelledFile(path.parent / file, file, composed(cells[LABEL]), group, split)


def _as_it_is_there(folder: Path, written: str) -> str:
    """A path as the folder has it, if only its spelling differs: Windows' separators, or the encoding of an accent."""
    if os.path.exists(folder / written):
        return written
    slashed = written.replace("\\", "/")
    spelled = (unicodedata.normalize(form, slashed) for form in ("NFC", "NFD"))
    return next((one for one in spelled if os.path.exists(folder / one)), slashed)


def _below(folder: Path, file: str) -> str:
    """An absolute path in the folder, made relative to it; any other path unchanged."""
    if os.path.isabs(file):
        for place in (os.path.abspath(folder), os.path.realpath(folder)):
            if os.path.commonpath((place, file)) == place:
                return os.path.relpath(file, place)
    return file
