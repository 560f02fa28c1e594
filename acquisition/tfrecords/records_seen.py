"""Checks between records: no id, image or group in two splits, no image with two labels. Imports no TensorFlow."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from acquisition.tfrecords.tfrecords import RecordPosition
from experiment.errors import ThawError


class CheckedRecord(NamedTuple):
    """A record that is valid by itself: the image's bytes, its label, id and group, and whether it is val."""

    image: bytes
    label: int
    image_id: bytes | None
    in_val: bool
    group: bytes | None


@dataclass
class RecordsSeen:
    """The records read so far, of all splits."""

    has_ids: bool | None = None
    ids: dict[bytes, tuple[str, RecordPosition]] = field(default_factory=dict)
    """The split and place of each id."""
    images: dict[bytes, tuple[str, RecordPosition, int]] = field(default_factory=dict)
    """The split (train, val or test), place and label of each image, by the hash of its bytes."""
    groups: dict[bytes, tuple[str, RecordPosition, int]] = field(default_factory=dict)
    """The split (train, val or test), first place and number of each group."""
    records: int = 0

    def note(
        self, split: str, path: Path, first: int, records: Sequence[CheckedRecord], classes: Sequence[str]
    ) -> None:
        """Checks further records of a file against those read so far.

        Args:
          split: train or test.
          path: of the file.
          first: number of the first of these records in it, from 0.
          records: to check.
          classes: names by label.

        Raises:
          ThawError: names the two records that conflict.
        """
        _note_ids(self, split, path, first, records)
        _note_images(self, split, path, first, records, classes)
        _note_groups(self, split, path, first, records)
        self.records += len(records)

    def group_number(self, record: CheckedRecord) -> int:
        """The number of a noted record's group, from 0 in the order in which groups were first seen."""
        assert record.group is not None
        return self.groups[record.group][2]


def _note_ids(seen: RecordsSeen, split: str, path: Path, first: int, records: Sequence[CheckedRecord]) -> None:
    """Checks that all records or none have ids, and that no id occurs twice."""
    for position, record in enumerate(records):
        place = RecordPosition(path, first + position)
        if seen.has_ids is None:
            seen.has_ids = record.image_id is not None
        if seen.has_ids != (record.image_id is not None):
            state = "no id, but earlier ones have" if seen.has_ids else "an id, but earlier ones have none"
            raise ThawError(f"{place}: {state}. Expected an id in every record or in none; add the missing "
                            "ones or remove all.")  # fmt: skip
        if record.image_id is None:
            continue
        if record.image_id in seen.ids:
            other, first_place = seen.ids[record.image_id]
            raise ThawError(f"{place} ({split}): the id {record.image_id.decode()!r} is also in {first_place} ({other}"
                            "). Expected each image once and in one split; leave one of the two out.")  # fmt: skip
        seen.ids[record.image_id] = split, place


def _note_images(
    seen: RecordsSeen, split: str, path: Path, first: int, records: Sequence[CheckedRecord], classes: Sequence[str]
) -> None:  # fmt: skip
    """Checks that no image is in two splits, under whatever ids, and that none has two labels."""
    for position, record in enumerate(records):
        place, key = RecordPosition(path, first + position), hashlib.blake2b(record.image, digest_size=16).digest()
        inside = _inside(record, split)
        other, first_place, label = seen.images.setdefault(key, (inside, place, record.label))
        if other != inside:
            raise ThawError(f"{place} ({inside}): the same image is also in {first_place} ({other}). Expected each "
                            "image in one split; leave one of the two out.")  # fmt: skip
        if label != record.label:
            raise ThawError(
                f"{place}: the same image is also in {first_place}, with the label {label} ({classes[label]}) instead "
                f"of {record.label} ({classes[record.label]}). Expected one label per image; correct one of the two, "
                "or leave both out."
            )


def _note_groups(seen: RecordsSeen, split: str, path: Path, first: int, records: Sequence[CheckedRecord]) -> None:
    """Checks that no group is in two splits."""
    for position, record in enumerate(records):
        if record.group is None:
            continue
        place = RecordPosition(path, first + position)
        inside = _inside(record, split)
        other, first_place, _ = seen.groups.setdefault(record.group, (inside, place, len(seen.groups)))
        if other != inside:
            raise ThawError(f"{place} ({inside}): the group {record.group.decode()!r} is also in "
                            f"{first_place} ({other}). Expected each group in one split; move its records to one of "
                            "the two.")  # fmt: skip


def _inside(record: CheckedRecord, split: str) -> str:
    """The record's split; val, marked in the records, counts as a split."""
    return "val" if record.in_val and split == "train" else split
