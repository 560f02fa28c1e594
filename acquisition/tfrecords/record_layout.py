"""Finds out how a user's TFRecords are laid out, by reading some of them. Imports TensorFlow lazily."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from acquisition.tfrecords.image_checks import image_shape
from acquisition.tfrecords.inspection import values_in_words
from acquisition.tfrecords.record_files import RecordFiles
from acquisition.tfrecords.tfrecords import RecordPosition, read_batches
from experiment.config import Data
from experiment.errors import ThawError, listed

LOOKED_AT = 100
"""Number of records of the first training file from which the layout is read."""
MOST_CLASSES = 1000

LABEL_NAMES = ("label", "image/class/label", "class", "class_id", "target", "y")
ID_NAMES = ("id", "image_id", "image/filename", "filename", "file_name", "image/key/sha256", "key")

Features = Mapping[str, Any]
"""The features of a record: tf.train.Feature by name."""


def find_layout(files: RecordFiles, asked: Mapping[str, str | None], names: Sequence[str] | None) -> Data:
    """Names of the features, shape of the images and names of the classes.

    Args:
      files: the records.
      asked: names of the features `image`, `label` and `id` that the user gave; none: Thaw finds them. Features that
        are given as `val` or `group` are not considered.
      names: of the classes, by label; none: `class_0`, `class_1`, ..., as many as there are labels.

    Raises:
      ThawError: the records are not tf.train.Examples, have no image or label that can be told from the other features,
        or labels that are not numbers of classes; the message says what was found.
    """
    place, found = _first_records(files)
    taken = asked.get("val"), asked.get("group")  # a 0 or 1 could count as a label, a group's name as an id
    records: list[Features] = [{key: value for key, value in one.items() if key not in taken} for one in found]
    image_key = asked["image"] or _only("image", "PNG or JPEG bytes", _image_keys(records), place, records[0])
    label_key = asked["label"] or _label_key(records, place)
    unlike = {image_key, label_key}
    id_keys = [key for key in ID_NAMES if key not in unlike and _are_ids(records, key)]
    id_key = asked["id"] or (id_keys[0] if id_keys else "id")
    encoded = _bytes(records[0], image_key)
    shape = image_shape(encoded) if encoded else None
    if shape is None:
        raise ThawError(f"{place}: the feature {image_key!r} holds no PNG or JPEG image. Expected encoded bytes; the "
                        f"record's features are {listed(sorted(records[0]))}. Name another with --image-key, or "
                        "convert the data.")  # fmt: skip
    classes = tuple(names) if names else tuple(f"class_{label}" for label in range(_count_labels(files, label_key)))
    return Data(
        path=files.folder.absolute(), image_key=image_key, label_key=label_key, id_key=id_key, image_shape=shape,
        classes=classes,
    )  # fmt: skip


def unused_features(files: RecordFiles, data: Data) -> list[str]:
    """Features of the first records that `data` does not name, sorted.

    Raises:
      ThawError: there is no record, or it is not a tf.train.Example.
    """
    used = {data.image_key, data.label_key, data.id_key, data.val_key, data.group_key}
    return sorted({key for record in _first_records(files)[1] for key in record} - used)


def _first_records(files: RecordFiles) -> tuple[RecordPosition, list[Features]]:
    for path in files.train:
        for _, batch in read_batches(path):
            return RecordPosition(path, 0), [
                _parsed(RecordPosition(path, number), raw) for number, raw in enumerate(batch[:LOOKED_AT])
            ]
    raise ThawError(f"The training files of {files.folder} hold no record. Copy or convert the data again.")


def _parsed(place: RecordPosition, raw: bytes) -> Features:
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        return dict(tf.train.Example.FromString(raw).features.feature)
    except (DecodeError, SystemError) as error:
        raise ThawError(f"{place}: not a tf.train.Example. Expected records with an encoded image and a label; "
                        "convert the data.") from error  # fmt: skip


def _count_labels(files: RecordFiles, key: str) -> int:
    """The highest label of the training split, and one."""
    highest = 0
    for path in files.train:
        for first, batch in read_batches(path):
            for number, raw in enumerate(batch, start=first):
                record = _parsed(RecordPosition(path, number), raw)
                found = _integers(record, key)
                label = found[0] if found else -1
                if not 0 <= label < MOST_CLASSES:
                    holds = f"the feature {key!r} holds {values_in_words(record[key])}" if key in record else (
                        f"there is no feature {key!r} among {listed(sorted(record))}")  # fmt: skip
                    raise ThawError(
                        f"{RecordPosition(path, number)}: {holds}. Expected one label from 0 to {MOST_CLASSES - 1} "
                        "(int64); correct it, or name another feature with --label-key."
                    )
                highest = max(highest, label)
    return highest + 1


def _label_key(records: Sequence[Features], place: RecordPosition) -> str:
    """The feature that holds the class index; if none does, the error describes the feature with a common name."""
    keys = [key for key in records[0] if all(_integers(record, key) for record in records)]
    named = [key for key in LABEL_NAMES if key in records[0] and key not in keys]
    if not keys and named:
        raise ThawError(
            f"{place}: the feature {named[0]!r} holds {values_in_words(records[0][named[0]])}. Expected the label as "
            "one int64, the class's number from 0; convert the labels, or name another feature with --label-key."
        )
    return _only("label", "one integer", _preferred(keys, LABEL_NAMES), place, records[0])


def _only(what: str, expected: str, keys: Sequence[str], place: RecordPosition, record: Features) -> str:
    if len(keys) == 1:
        return keys[0]
    found = (
        f"several features could be the {what}: {listed(sorted(keys))}"
        if keys
        else f"no feature is known as the {what}"
    )
    named = "" if keys else f" The features are {listed(sorted(record))}."
    raise ThawError(f"{place}: {found}. Expected one with {expected}.{named} Name it with --{what}-key.")


def _preferred(keys: Sequence[str], names: Iterable[str]) -> Sequence[str]:
    """The only key, or the first with a usual name, or all of them."""
    usual = [name for name in names if name in keys]
    return usual[:1] if usual else keys


def _image_keys(records: Sequence[Features]) -> list[str]:
    starts = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
    return [key for key in records[0] if all((_bytes(record, key) or b"").startswith(starts) for record in records)]


def _are_ids(records: Sequence[Features], key: str) -> bool:
    """Whether each record has a different text there."""
    found = [_bytes(record, key) for record in records]
    return all(value and _is_text(value) for value in found) and len(set(found)) == len(found)


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _bytes(record: Features, key: str) -> bytes | None:
    values = record[key].bytes_list.value if key in record else []
    return bytes(values[0]) if len(values) == 1 else None


def _integers(record: Features, key: str) -> Sequence[int]:
    """The one integer of the feature in a list, or nothing."""
    values = list(record[key].int64_list.value) if key in record else []
    return values if len(values) == 1 else []
