"""Reads a split of a domain's examples into arrays. Splits come as TFX's file patterns. Imports no training."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from experiment import features
from experiment.errors import Damaged
from trainer_module.data.artifact_folders import matching_files
from trainer_module.data.record_counts import check_count

READ_BATCH = 1024
EXAMPLE_SPEC = {
    features.IMAGE: tf.io.FixedLenFeature([], tf.string),
    features.LABEL: tf.io.FixedLenFeature([], tf.int64),
    features.ID: tf.io.FixedLenFeature([], tf.string),
    features.COPY: tf.io.FixedLenFeature([], tf.int64),
    features.GROUP: tf.io.FixedLenFeature([], tf.string, default_value=""),
}


@dataclasses.dataclass(frozen=True)
class Records:
    """A split in memory, ordered by id and copy.

    Attributes:
      images: uint8 array of shape (records, height, width, channels).
      labels: int64 array of shape (records,).
      ids: one id per record; copies of an image share theirs.
      copies: int64 array of shape (records,); 0 is the image itself.
      groups: name of each record's group; None where the records have no groups.
    """

    images: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    copies: np.ndarray
    groups: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, mask: np.ndarray) -> Records:
        """The records where the boolean mask is set."""
        groups = None if self.groups is None else self.groups[mask]
        return Records(self.images[mask], self.labels[mask], self.ids[mask], self.copies[mask], groups)

    @property
    def group_numbers(self) -> tuple[int, ...]:
        """A number for each record, equal within a group; empty if no group has two records."""
        if self.groups is None:
            return ()
        names, numbers = np.unique(self.groups, return_inverse=True)
        return tuple(numbers.tolist()) if len(names) < len(numbers) else ()


def read_split(patterns: Sequence[str], image_shape: Sequence[int]) -> Records:
    """Reads all records of a split.

    Args:
      patterns: file patterns of TFRecords as TFX hands them over.
      image_shape: height, width, channels.

    Raises:
      Damaged: the patterns match no record, or images of another size.
      ThawError: there are more or fewer records than the artifact declares.
    """
    files = sorted(path for pattern in patterns for path in matching_files(pattern))
    batches = tf.data.TFRecordDataset(files).batch(READ_BATCH)
    parsed = [tf.io.parse_example(batch, EXAMPLE_SPEC) for batch in batches]
    if not parsed:
        raise Damaged(f"No record in {list(patterns)}")
    check_count({pattern.rpartition("/")[0] for pattern in patterns}, sum(len(part[features.ID]) for part in parsed))
    pixels = [tf.io.decode_raw(part[features.IMAGE], tf.uint8).numpy() for part in parsed]
    sizes = {part.shape[1] for part in pixels}
    if sizes != {math.prod(image_shape)}:
        raise Damaged(f"{list(patterns)} hold images of {sorted(sizes)} bytes; expected {math.prod(image_shape)}")
    ids = texts(np.concatenate([part[features.ID].numpy() for part in parsed]))
    labels = np.concatenate([part[features.LABEL].numpy() for part in parsed])
    copies = np.concatenate([part[features.COPY].numpy() for part in parsed])
    # Beam writes in any order; batches must not depend on it.
    order = np.lexsort((copies, ids))
    images = np.concatenate(pixels).reshape(-1, *image_shape)
    groups = texts(np.concatenate([part[features.GROUP].numpy() for part in parsed]))[order]
    grouped = groups if (groups != "").any() else None
    return Records(images[order], labels[order], ids[order], copies[order], grouped)


def texts(values: np.ndarray) -> np.ndarray:
    """UTF-8 bytes as text; numpy's own conversion supports only ASCII."""
    return np.array([value.decode() for value in values.tolist()], dtype=str)


def sibling_split(patterns: Sequence[str], split: str, sibling: str) -> list[str]:
    """File patterns of another split of the same artifact.

    Raises:
      ValueError: a pattern is not of `split`.
    """
    for pattern in patterns:
        if f"/Split-{split}/" not in pattern:
            raise ValueError(f"{pattern} is not of the split {split!r}")
    return [pattern.replace(f"/Split-{split}/", f"/Split-{sibling}/") for pattern in patterns]


def records_hash(*splits: Records) -> str:
    """Hash of all pixels, labels, ids and copy numbers of the splits, in their order."""
    digest = hashlib.blake2b(digest_size=16)
    for split in splits:
        for array in (split.images, split.labels, split.copies):
            digest.update(np.ascontiguousarray(array).data)
        digest.update("\n".join(split.ids.tolist()).encode())
    return digest.hexdigest()
