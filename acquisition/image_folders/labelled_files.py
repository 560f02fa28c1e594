"""A user's image files with their class, group and split. Imports names of splits and errors; opens no file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from acquisition.splits.names import TRAIN
from experiment.errors import ThawError, counted, worded

BY_FOLDER = "folder"
"""The grouping by subfolders of the class folder."""
NAMED = 5
"""Files that a message names; it counts the others."""


def composed(name: str) -> str:
    """A name in Unicode's NFC: é is one character, as keyboards write it, and not e and an accent, as on macOS."""
    return unicodedata.normalize("NFC", name)


@dataclass(frozen=True)
class LabelledFile:
    """One image file.

    Attributes:
      path: of the file.
      file: the same, relative to the folder of the images, for tables and messages.
      class_name: its class, composed (NFC).
      group: the group, composed, whose files stay in one split; a name means the same group in every class. None: no
        group.
      split: the user's choice: train, val or test. None: not chosen yet.
    """

    path: Path
    file: str
    class_name: str
    group: str | None = None
    split: str | None = None


@dataclass(frozen=True)
class Grouping:
    """How to read the group from a file's place or name.

    Attributes:
      pattern: searched for in the file's name; its one group is the group. None: the subfolder of the class folder.
    """

    pattern: re.Pattern[str] | None

    def of(self, below_class: Path) -> str | None:
        """The group of a file, by its path below the class folder; None if it has none, or the pattern is not found."""
        if self.pattern is None:
            return composed(below_class.parent.name) or None
        found = self.pattern.search(composed(below_class.name))
        return (found[1] or None) if found else None


def grouping_from(text: str | None) -> Grouping | None:
    """What `--group` means: `folder`, or a regular expression with one group.

    Raises:
      ThawError: it is neither.
    """
    if text is None:
        return None
    if text == BY_FOLDER:
        return Grouping(None)
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise ThawError(f"--group '{text}' is not a regular expression: {error}. Give `folder` (the folder below the "
                        "class's), or a pattern of file names with one group, such as '^([^_]+)_'."
                        ) from error  # fmt: skip
    if pattern.groups != 1:
        raise ThawError(f"--group '{text}' has {pattern.groups} groups in parentheses. Expected one, around what files "
                        "of one group have in common, such as '^([^_]+)_'; or `folder`. For a column of a CSV file use "
                        "--group-column.")  # fmt: skip
    return Grouping(pattern)


def check_grouped(files: Sequence[LabelledFile], grouping: Grouping | None) -> None:
    """Checks that the grouping finds a group for every file, and one with several files.

    Raises:
      ThawError: the pattern finds no group for some files, no two files share one, or `folder` finds none.
    """
    if grouping is None:
        return
    if grouping.pattern is None:
        if not any(one.group for one in files):
            raise ThawError(f"--group {BY_FOLDER} finds no group: every image is directly in its class folder. "
                            "Expected a folder for each group in the class folders, such as deer/herd1/0000.png. "
                            "Make them, or leave the option out.")  # fmt: skip
        return
    missing = [one.file for one in files if one.group is None]
    if missing:
        raise ThawError(f"--group '{grouping.pattern.pattern}' is not found in the names of {len(missing)} of "
                        f"{len(files)} files: {in_words(missing)}. Expected it in every name; widen the pattern, or "
                        "leave these files out.")  # fmt: skip
    if len({one.group for one in files}) == len(files):
        raise ThawError(f"--group '{grouping.pattern.pattern}' puts each of {len(files)} files in its own group, such "
                        f"as {files[0].group!r} and {files[-1].group!r}, so no files stay together. Expected what "
                        "files of one group have in common; narrow the part in parentheses, or give a CSV file with a "
                        "column `group`.")  # fmt: skip


def check_splits(files: Sequence[LabelledFile]) -> None:
    """Checks the splits that the user gave.

    Raises:
      ThawError: some files have one and some have none, a class lacks training images, or a group is in several.
    """
    given = {one.split for one in files} - {None}
    if not given:
        return
    without = [one.file for one in files if one.split is None]
    if without:
        have = worded(len(without), "has", "have")
        raise ThawError(f"{len(without)} of {len(files)} files {have} no split, but the others have: "
                        f"{in_words(without)}. Give all of them one, or none.")  # fmt: skip
    for name in sorted({one.class_name for one in files} - {one.class_name for one in files if one.split == TRAIN}):
        raise ThawError(f"The class {name!r} has no image in your train split. Expected some of every class; add them, "
                        "or leave the class out.")  # fmt: skip
    places: dict[str, dict[str, str]] = {}
    for one in files:
        if one.group is not None and one.split is not None:
            places.setdefault(one.group, {}).setdefault(one.split, one.file)
    torn = {group: found for group, found in places.items() if len(found) > 1}
    if torn:
        group, found = next(iter(torn.items()))
        where = " and ".join(f"{split} ({file})" for split, file in found.items())
        others = f"{worded(len(torn) - 1, 'is', 'are')} {counted(len(torn) - 1, 'other group')}"
        more = f", and so {others}" if len(torn) > 1 else ""
        raise ThawError(f"The group {group!r} is in {where} of your splits{more}. Expected every group in one split "
                        "only: a group in train and test inflates test accuracy. Move its files together, or leave the "
                        "split to Thaw.")  # fmt: skip


def in_words(names: Iterable[str]) -> str:
    """The first names, and the number of the others."""
    every = list(names)
    more = f" and {len(every) - NAMED} more" if len(every) > NAMED else ""
    return ", ".join(every[:NAMED]) + more
