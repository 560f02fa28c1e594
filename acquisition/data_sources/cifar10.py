"""Converts the official CIFAR-10 archive into TFRecords in TFDS's layout. Imports no TensorFlow itself."""

from __future__ import annotations

import pickle
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from acquisition.tfrecords.tfrecords import encode_png, write_examples
from experiment.errors import ThawError

_BATCHES = {"train": [f"data_batch_{number}" for number in range(1, 6)], "test": ["test_batch"]}
_PIXELS = 3 * 32 * 32
# All classes in the official batches, under each name that NumPy has had for them.
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}

# What tarfile, gzip and pickle raise on bytes that are not theirs. pickle is written in C, so its errors look as if our
# own code raised them: nothing but calls of these modules may lie within the `try`.
_DAMAGE = (
    tarfile.TarError, zlib.error, pickle.UnpicklingError, EOFError, OSError,
    AttributeError, IndexError, KeyError, TypeError, ValueError,
)  # fmt: skip


@dataclass(frozen=True)
class Archive:
    """Where to get the archive, and what it must be."""

    url: str
    size_bytes: int
    md5: str


OFFICIAL = Archive(
    url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    size_bytes=170_498_071,
    md5="c58f30108f718f92721af3b95e74349a",
)
_ADVICE = f"Expected the official CIFAR-10 archive, {OFFICIAL.url}; delete the file and run again."


def convert_archive(archive: Path, folder: Path, on_progress: Callable[[int], None] | None = None) -> None:
    """Writes `train/cifar10-train.tfrecord-...` and `test/cifar10-test.tfrecord-...`, one file a batch.

    Images become PNG (32 x 32 pixels, RGB), with the ids `train_00000`, ... and `test_00000`, ..., in the archive's
    order. Unpickling allows only NumPy arrays and plain values; check the md5 first nevertheless.

    Args:
      archive: cifar-10-python.tar.gz.
      folder: where to write; made when absent.
      on_progress: called after each batch with the number of images converted so far.

    Raises:
      ThawError: the archive can't be read, lacks a batch, or a batch is not laid out as CIFAR-10's.
    """
    done = 0
    for split, names in _BATCHES.items():
        start = 0
        for shard, name in enumerate(names):
            images, labels = _read_batch(archive, name)
            file_name = f"cifar10-{split}.tfrecord-{shard:05d}-of-{len(names):05d}"
            write_examples(folder / split / file_name, _examples(images, labels, split, start))
            start += len(images)
            done += len(images)
            if on_progress:
                on_progress(done)


def _examples(images: np.ndarray, labels: list[int], split: str, start: int) -> Iterator[tuple[bytes, int, bytes]]:
    for index, (image, label) in enumerate(zip(images, labels, strict=True), start=start):
        yield encode_png(image), label, f"{split}_{index:05d}".encode()


def _read_batch(archive: Path, name: str) -> tuple[np.ndarray, list[int]]:
    """Returns images, uint8 of shape (images, 32, 32, 3), and their labels."""
    member = f"cifar-10-batches-py/{name}"
    try:
        with tarfile.open(archive, "r:gz") as tar:
            file = tar.extractfile(member)
            if file is None:
                raise KeyError(member)
            batch = _Unpickler(file, encoding="bytes").load()
    except _DAMAGE as error:
        raise ThawError(f"{archive} has no readable {member} ({error}). {_ADVICE}") from error
    data = batch.get(b"data") if isinstance(batch, dict) else None
    labels = batch.get(b"labels") if isinstance(batch, dict) else None
    if not (isinstance(data, np.ndarray) and data.dtype == np.uint8 and data.shape[1:] == (_PIXELS,)):
        raise ThawError(f"{archive}, {member}: expected `data` as bytes with {_PIXELS} columns. {_ADVICE}")
    if not (isinstance(labels, list) and len(labels) == len(data) and set(labels) <= set(range(10))):
        raise ThawError(f"{archive}, {member}: expected `labels` with {len(data)} numbers from 0 to 9. {_ADVICE}")
    return data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels


class _Unpickler(pickle.Unpickler):
    """Rejects all that is not an array: otherwise a pickle can run code."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it holds {module}.{name}, which is not an array")
        return super().find_class(module, name)
