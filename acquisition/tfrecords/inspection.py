"""Checks every record of a data set before anything is trained. Imports TensorFlow lazily, no component."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acquisition.tfrecords.image_checks import header_problem, make_decoder
from acquisition.tfrecords.record_files import RecordFiles
from acquisition.tfrecords.records_seen import CheckedRecord, RecordsSeen
from acquisition.tfrecords.tfrecords import RecordPosition, read_batches
from experiment.config import Data
from experiment.domains import val_count
from experiment.errors import ThawError, listed, worded

MOST_SHOWN = 40
"""Most bytes of a value in a message: the value may be a whole image."""


@dataclass(frozen=True)
class Inspection:
    """What a data set's records hold.

    Attributes:
      train_counts, test_counts: images by class name, for every class of the configuration.
      has_ids: whether the records carry ids; either all do or none does.
      fingerprint: hash of the files' names and contents; the same wherever the folder lies.
      size_bytes: all the files together.
      val_counts: images of the train split that the records mark as val, by class; empty without data.val_key.
      test_groups: by class, a number for each test image, equal within a group; empty without data.group_key.
    """

    train_counts: dict[str, int]
    test_counts: dict[str, int]
    has_ids: bool
    fingerprint: str
    size_bytes: int
    val_counts: dict[str, int] = field(default_factory=dict)
    test_groups: dict[str, list[int]] = field(default_factory=dict)


def inspect_records(files: RecordFiles, data: Data, on_progress: Callable[[int], None] | None = None) -> Inspection:
    """Reads and decodes every record once.

    Args:
      files: what to read.
      data: names of the features, shape of the images (height, width, channels; pixels) and classes.
      on_progress: called now and then with the number of records checked so far.

    Raises:
      ThawError: names the file and the record (counted from 0) that is truncated, corrupt or no tf.train.Example; whose
        image is missing, undecodable or of another size or channel count; whose label is missing, not one integer or
        out of range; whose id is missing although others have one, or is found twice; the same image in two splits, or
        with two labels; a group in two splits. Also a split without records.
    """
    undecodable = make_decoder(data.image_shape)
    seen = RecordsSeen()
    groups: dict[str, list[int]] = {name: [] for name in data.classes} if data.group_key is not None else {}
    counts: dict[str, dict[str, int]] = {}
    for split, paths in (("train", files.train), ("test", files.test)):
        labels: Counter[int] = Counter()
        in_val: Counter[int] = Counter()
        for path in paths:
            for records in _checked_batches(split, path, data, seen, undecodable):
                labels.update(record.label for record in records)
                in_val.update(record.label for record in records if record.in_val)
                for record in records if split == "test" and groups else ():
                    groups[data.classes[record.label]].append(seen.group_number(record))
                if on_progress:
                    on_progress(seen.records)
        if not labels:
            raise ThawError(f"The {split} split has no records: {listed(paths)} {worded(len(paths), 'is', 'are')} "
                            "empty. Copy or convert the data again.")  # fmt: skip
        counts[split] = {name: labels[index] for index, name in enumerate(data.classes)}
        if split == "train" and data.val_key is not None:
            counts["val"] = {name: in_val[index] for index, name in enumerate(data.classes)}
    size_bytes = sum(path.stat().st_size for path in (*files.train, *files.test))
    has_ids, hashed = bool(seen.has_ids), fingerprint(files)
    return Inspection(counts["train"], counts["test"], has_ids, hashed, size_bytes, counts.get("val", {}), groups)


def val_images(inspection: Inspection, data: Data, name: str) -> int:
    """How many of a class's training images are val."""
    if data.val_key is not None:
        return inspection.val_counts[name]
    return val_count(inspection.train_counts[name], data.val_fraction)


def fingerprint(files: RecordFiles) -> str:
    """Hash of the files' names, relative to their folder, and contents (about a second for CIFAR-10)."""
    whole = hashlib.sha256()
    for path in (*files.train, *files.test):
        content = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                content.update(chunk)
        whole.update(f"{path.relative_to(files.folder)} {content.hexdigest()}\n".encode())
    return whole.hexdigest()[:32]


def _checked_batches(
    split: str, path: Path, data: Data, seen: RecordsSeen, undecodable: Callable[[Sequence[bytes]], list[int]]
) -> Iterator[list[CheckedRecord]]:
    for first, batch in read_batches(path):
        records = [_parse(data, RecordPosition(path, first + i), raw) for i, raw in enumerate(batch)]
        for position in undecodable([record.image for record in records]):
            raise ThawError(
                f"{RecordPosition(path, first + position)}: the image bytes can't be decoded, although the header is "
                "valid: the data after it is damaged or cut short. Replace or leave out the record."
            )
        seen.note(split, path, first, records, data.classes)
        yield records


def _parse(data: Data, place: RecordPosition, raw: bytes) -> CheckedRecord:
    """Reads one tf.train.Example and checks everything except the decoding of its image."""
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        features = tf.train.Example.FromString(raw).features.feature
    except (DecodeError, SystemError) as error:  # the latter where the name of a feature is not UTF-8
        raise ThawError(f"{place}: not a tf.train.Example. Expected features {data.image_key!r} (bytes) and "
                        f"{data.label_key!r} (int64); convert the data.") from error  # fmt: skip
    images = list(features[data.image_key].bytes_list.value) if data.image_key in features else []
    if len(images) != 1:
        raise ThawError(_missing(place, "image", data.image_key, "one byte string", sorted(features)))
    labels = list(features[data.label_key].int64_list.value) if data.label_key in features else []
    if len(labels) != 1 and data.label_key in features:
        holds = values_in_words(features[data.label_key])
        raise ThawError(f"{place}: the label (feature {data.label_key!r}) is {holds}. Expected one int64, the class's "
                        "number from 0 in the order of data.classes; convert the labels, or name another feature with "
                        "data.label_key.")  # fmt: skip
    if len(labels) != 1:
        raise ThawError(_missing(place, "label", data.label_key, "one int64", sorted(features)))
    if not 0 <= labels[0] < len(data.classes):
        raise ThawError(
            f"{place}: label {labels[0]} is out of range. data.classes names {len(data.classes)} classes, so "
            f"expected 0 to {len(data.classes) - 1}; correct the record or data.classes (`thaw init`: --classes)."
        )
    if problem := header_problem(images[0], data.image_shape, data.resize):
        raise ThawError(f"{place}: {problem}. Correct or leave out the record.")
    return CheckedRecord(images[0], labels[0], _parse_id(data, place, features), _parse_val(data, place, features),
                   _parse_group(data, place, features))  # fmt: skip


def _parse_group(data: Data, place: RecordPosition, features: Mapping[str, Any]) -> bytes | None:
    if data.group_key is None:
        return None
    values = list(features[data.group_key].bytes_list.value) if data.group_key in features else []
    if len(values) != 1 or not values[0]:
        raise ThawError(_missing(place, "group", data.group_key, "one name that is not empty", sorted(features)))
    return _text(values[0], "group", place)


def _parse_val(data: Data, place: RecordPosition, features: Mapping[str, Any]) -> bool:
    if data.val_key is None:
        return False
    values = list(features[data.val_key].int64_list.value) if data.val_key in features else []
    if len(values) != 1 or values[0] not in (0, 1):
        raise ThawError(_missing(place, "val", data.val_key, "one int64, 0 or 1", sorted(features)))
    return bool(values[0])


def values_in_words(feature: Any) -> str:
    """What a tf.train.Feature holds, for messages: its type and its first value."""
    kind = feature.WhichOneof("kind")
    values = list(getattr(feature, kind).value) if kind else []
    if not values:
        return "nothing"
    types = {"int64_list": "int64", "float_list": "float", "bytes_list": "text or bytes"}
    first = values[0][:MOST_SHOWN].decode(errors="backslashreplace") if kind == "bytes_list" else values[0]
    shown = f"{first:g}" if kind == "float_list" else repr(first)
    one = f"{types[kind]}, {shown}"
    return one if len(values) == 1 else f"{len(values)} values ({one}, ...)"


def _parse_id(data: Data, place: RecordPosition, features: Mapping[str, Any]) -> bytes | None:
    if data.id_key not in features:
        return None
    ids = list(features[data.id_key].bytes_list.value)
    if len(ids) != 1:
        raise ThawError(_missing(place, "id", data.id_key, "one byte string", sorted(features)))
    return _text(ids[0], "id", place)


def _text(value: bytes, what: str, place: RecordPosition) -> bytes:
    try:
        value.decode()
    except UnicodeDecodeError as error:
        shown = repr(value[:MOST_SHOWN]) + "..." * (len(value) > MOST_SHOWN)
        raise ThawError(f"{place}: the {what} {shown} is not UTF-8. Expected text; correct it.") from error
    return bytes(value)


def _missing(place: RecordPosition, what: str, key: str, expected: str, found: Sequence[str]) -> str:
    return (
        f"{place}: no {what}. Expected {expected} in the feature {key!r} (data.{what}_key); the record's features are "
        f"{listed(found)}. Correct the record, or name another feature."
    )
