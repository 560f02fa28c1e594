"""Finds a data set's TFRecords in a folder. Reads no record and imports no TensorFlow."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiment.errors import ThawError, check_utf_8

# A folder per split, TFDS's flat names, or plain names. From strict to loose: a checksum, an index or a
# half-copied file that is next to complete shards must not be taken for one of them.
_PREFIXES = ("{split}/*", "*-{split}", "{split}*")
_SUFFIXES = (
    ".tfrecord-?????-of-?????",
    ".tfrecord-?????-of-?????.gz",
    ".tfrecord",
    ".tfrecord.gz",
    ".tfrecord*",
    "tfrecord*",
)
_SHARD = re.compile(r"(.*?)(?<!\d)(\d+)([-_]?of[-_]?)(\d+)(?![0-9A-Za-z])(.*)", re.DOTALL)
_VERSION = re.compile(r"\d+(\.\d+)*$")


@dataclass(frozen=True)
class RecordFiles:
    """The TFRecords of one data set.

    Attributes:
      folder: the folder that the patterns are relative to.
      train_pattern, test_pattern: globs that select the split's TFRecords and nothing else; they can be
        given to ImportExampleGen as split patterns.
    """

    folder: Path
    train_pattern: str
    test_pattern: str

    @property
    def train(self) -> tuple[Path, ...]:
        """The training files, sorted by name."""
        return _matching(self.folder, self.train_pattern)

    @property
    def test(self) -> tuple[Path, ...]:
        """The test files, sorted by name."""
        return _matching(self.folder, self.test_pattern)

    @property
    def name(self) -> str:
        """The data set's name in the files' names (`cifar10-train.tfrecord...`), else the folder's name."""
        prefix = re.match(r"(\w+)-train\b", self.train[0].name)
        return prefix.group(1) if prefix else self.folder.name


def find_record_files(folder: Path | str) -> RecordFiles:
    """Finds the TFRecords of the splits train and test.

    Accepts `train/` and `test/` folders with files whose names contain `tfrecord`; TFDS's flat layout
    (`*-train.tfrecord*`, `*-test.tfrecord*`), also one or two folders down (`cifar10/3.0.2/`, the newest version where
    there are several); and plain `train*.tfrecord*` and `test*.tfrecord*`.

    Raises:
      ThawError: the folder is missing, has no TFRecords, lacks a split or a shard, or holds several data
        sets.
    """
    folder = Path(folder)
    if not folder.is_dir():
        state = "is a file" if folder.exists() else "does not exist"
        raise ThawError(f"The data folder {folder} {state}. Give the folder that holds the TFRecords.")
    check_utf_8(str(folder), "Rename it.")
    try:
        os.listdir(folder)  # an unreadable folder may hold what was not found
    except OSError as error:
        raise ThawError(f"The data folder {folder} can't be read: {error.strerror}. Expected a folder that you may "
                        "read. Correct its permissions.") from error  # fmt: skip
    level = [folder]
    for _ in range(3):
        found = [files for candidate in level if (files := _files_of(candidate))]
        if found:
            files = _only_one(folder, found)
            for path in (*files.train, *files.test):
                check_utf_8(str(path), "Rename it.")
            _check_shards(files.train)
            _check_shards(files.test)
            return files
        level = [child for parent in level for child in _subfolders(parent)]
    raise ThawError(_nothing_found(folder))


def _files_of(folder: Path) -> RecordFiles | None:
    train, test = _pattern(folder, "train"), _pattern(folder, "test")
    return RecordFiles(folder, train, test) if train and test else None


def _pattern(folder: Path, split: str) -> str | None:
    for prefix in _PREFIXES:
        for suffix in _SUFFIXES:
            pattern = prefix.format(split=split) + suffix
            if _matching(folder, pattern):
                return pattern
    return None


def _matching(folder: Path, pattern: str) -> tuple[Path, ...]:
    return tuple(sorted(path for path in folder.glob(pattern) if path.is_file()))


def _subfolders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.is_dir() and not path.name.startswith("."))


def _only_one(folder: Path, found: Sequence[RecordFiles]) -> RecordFiles:
    """The newest if the folders are versions of one data set; an error if they are different data sets."""
    parents = {files.folder.parent for files in found}
    versions = all(_VERSION.match(files.folder.name) for files in found)
    if len(found) > 1 and not (versions and len(parents) == 1):
        places = ", ".join(str(files.folder) for files in found)
        raise ThawError(f"{folder} holds more than one data set: {places}. Give the folder of one of them.")
    return max(found, key=_version_of) if len(found) > 1 else found[0]


def _version_of(files: RecordFiles) -> tuple[int, ...]:
    return tuple(int(part) for part in files.folder.name.split("."))


def _check_shards(paths: Sequence[Path]) -> None:
    """Shards number themselves (`-00003-of-00005`, anywhere in the name), so a missing one can be seen from the names.

    Raises:
      ThawError: a number is missing or beyond the total, or there are several sets, or files that belong to none.
    """
    folder = paths[0].parent
    by_set: dict[tuple[str, str, str, str], set[int]] = {}
    others = []
    for path in paths:
        if match := _SHARD.fullmatch(path.name):
            stem, number, between, total, end = match.groups()
            by_set.setdefault((stem, between, total, end), set()).add(int(number))
        else:
            others.append(path.name)
    for (stem, between, total, end), numbers in by_set.items():
        name, count = _set_name(stem, end), int(total)
        first = 1 if count in numbers and 0 not in numbers else 0  # some count from 1
        if max(numbers) >= first + count:
            raise ThawError(f"{folder} holds a shard numbered {max(numbers)} of {count} in the set {name}. Expected "
                            "numbers from 0, or from 1; rename it, or remove it if it is another set's.")  # fmt: skip
        if len(numbers) < count:
            missing = next(number for number in itertools.count(first) if number not in numbers)
            raise ThawError(
                f"{folder} lacks {count - len(numbers)} of the {count} shards of {name}, the first being "
                f"{stem}{missing:0{len(total)}d}{between}{total}{end}. Copy the missing files there."
            )
    sets = [f"{_set_name(stem, end)} in {int(total)}" for stem, _, total, end in sorted(by_set)]
    if len(sets) > 1 or (sets and others):
        found = ", ".join(sets + others[:1])
        raise ThawError(f"{folder} mixes several sets of shards ({found}). Keep one set there.")


def _set_name(stem: str, end: str) -> str:
    return stem.rstrip("-_.") + end


def _nothing_found(folder: Path) -> str:
    splits = [split for split in ("train", "test") if _pattern(folder, split)]
    found = f"{folder} has TFRecords for the split {splits[0]} only" if splits else f"No TFRecords found in {folder}"
    return (
        f"{found}. Looked for train/*tfrecord* and test/*tfrecord*, *-train.tfrecord* and *-test.tfrecord* "
        "(also up to two folders down), and train*.tfrecord* and test*.tfrecord*. Put the files there under "
        "such names, or give another folder."
    )
