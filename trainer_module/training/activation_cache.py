"""Labelled activations at one cut, in memory or spilled to disk. Imports only numpy and TensorFlow."""

from __future__ import annotations

import dataclasses
import math
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import tensorflow as tf

from experiment.errors import ThawError

READ_BATCH = 500
"""Most records per batch in inference; on CPUs more or fewer were slower (docs/archive.md)."""
READ_PLACES = 2_000_000
"""Most pixels, or places of a feature map, per batch: the first blocks of MobileNetV2 hold 96 float32 channels for
every fourth pixel, 200 MB for so many."""


@dataclasses.dataclass(frozen=True)
class Budget:
    """How much memory the activations of one engine may take, and where the rest goes.

    Attributes:
      memory_bytes: limit for everything in memory at once: the cut in use, the one that it is computed from, and the
        records being read from disk.
      spill_dir: folder for what exceeds that; None for the system's folder for temporary files.
    """

    memory_bytes: int = 4 * 2**30
    spill_dir: Path | None = None

    @property
    def share_bytes(self) -> int:
        """Upper bound for each of the three."""
        return self.memory_bytes // 3


@dataclasses.dataclass(frozen=True)
class Portion:
    """Successive steps, with the records that they need in memory.

    Attributes:
      steps: which rows of the order.
      activations: [records of the portion, ...].
      labels: int64 [records of the portion].
      order: int32 [steps, batch]: places in `activations`.
    """

    steps: slice
    activations: tf.Tensor
    labels: np.ndarray
    order: np.ndarray


class Activations(Protocol):
    """Activations of labelled records at one cut.

    Attributes:
      labels: int64 array of shape (records,).
    """

    labels: np.ndarray

    def batches(self, places: np.ndarray | None = None) -> Iterator[tf.Tensor]:
        """Yields [up to READ_BATCH, ...]: all records in order, or those at `places`."""
        ...

    def portions(self, order: np.ndarray) -> Iterator[Portion]:
        """Cuts an order [steps, batch] of records into portions that fit in memory."""
        ...


class InMemory:
    """Activations held as one tensor.

    Args:
      values: [records, ...].
      labels: int64 array of shape (records,).
    """

    def __init__(self, values: tf.Tensor | np.ndarray, labels: np.ndarray):
        self._values = tf.convert_to_tensor(values)
        self.labels = labels

    def batches(self, places: np.ndarray | None = None) -> Iterator[tf.Tensor]:
        records = len(self.labels) if places is None else len(places)
        for part in _parts(records, tuple(self._values.shape[1:])):
            yield self._values[part] if places is None else tf.gather(self._values, places[part])

    def portions(self, order: np.ndarray) -> Iterator[Portion]:
        yield Portion(slice(0, len(order)), self._values, self.labels, order)


class OnDisk:
    """Activations in an unnamed file, which disappears with its process, however that ends.

    Args:
      batches: [any number, ...] each, float32, in the order of the labels; written as they come.
      labels: int64 array of shape (records,).
      budget: where the file lies, and how much a portion may hold.

    Raises:
      ThawError: the disk is full.
    """

    def __init__(self, batches: Iterator[tf.Tensor], labels: np.ndarray, budget: Budget):
        self.labels = labels
        self._budget = budget
        self._file: BinaryIO = tempfile.TemporaryFile(dir=budget.spill_dir, buffering=0)  # noqa: SIM115
        self._shape: tuple[int, ...] = ()
        for batch in batches:
            self._shape = tuple(batch.shape[1:])
            self._write(batch.numpy())

    def batches(self, places: np.ndarray | None = None) -> Iterator[tf.Tensor]:
        wanted = np.arange(len(self.labels)) if places is None else places
        for part in _parts(len(wanted), self._shape):
            yield tf.convert_to_tensor(self._read(wanted[part]))

    def portions(self, order: np.ndarray) -> Iterator[Portion]:
        start = 0
        while start < len(order):
            stop = start + self._steps_that_fit(order[start:])
            places, local = np.unique(order[start:stop], return_inverse=True)
            local = local.reshape(stop - start, -1).astype(np.int32)
            values = tf.convert_to_tensor(self._read(places))
            yield Portion(slice(start, stop), values, self.labels[places], local)
            start = stop

    def _steps_that_fit(self, order: np.ndarray) -> int:
        """How many of the next steps fit in a portion: all if their distinct records do, at least one."""
        most = self._budget.share_bytes // self._record_bytes
        if len(np.unique(order)) <= most:
            return len(order)
        return max(1, most // order.shape[1])

    @property
    def _record_bytes(self) -> int:
        return math.prod(self._shape) * np.dtype(np.float32).itemsize

    def _write(self, values: np.ndarray) -> None:
        try:
            view = np.ascontiguousarray(values, np.float32).data.cast("B")
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            gigabytes = len(self.labels) * self._record_bytes / 1e9
            raise ThawError(
                f"Can't spill activations to {self._budget.spill_dir or tempfile.gettempdir()}: {error.strerror}. This "
                f"cut needs {gigabytes:.1f} GB there. Make room, or allow more memory (--set activations_gib=...)."
            ) from error

    def _read(self, places: np.ndarray) -> np.ndarray:
        found = np.empty((len(places), *self._shape), np.float32)
        for row, place in zip(found, places, strict=True):
            offset, view = int(place) * self._record_bytes, row.data.cast("B")
            while view:
                count = os.preadv(self._file.fileno(), [view], offset)
                assert count, "the file of spilled activations ends too early"
                view, offset = view[count:], offset + count
        return found


def kept(batches: Iterator[tf.Tensor], labels: np.ndarray, budget: Budget, *, spill: bool) -> Activations:
    """Stores the output of an inference pass, in memory or on disk.

    Args:
      batches: float32 [any number, ...] each, in the order of the labels.
      labels: int64 array of shape (records,).
      budget: of the engine.
      spill: True keeps them on disk.
    """
    if spill:
        return OnDisk(batches, labels, budget)
    values = np.empty((0, 1), np.float32)
    start = 0
    for batch in batches:
        if not start:
            # Filled in place: joining the batches afterwards would need twice the memory.
            values = np.empty((len(labels), *batch.shape[1:]), np.float32)
        values[start : start + len(batch)] = batch.numpy()
        start += len(batch)
    return InMemory(values, labels)


def _parts(records: int, shape: tuple[int, ...]) -> Iterator[slice]:
    """The records of each batch; each record has `shape`."""
    batch = read_batch(shape)
    for start in range(0, records, batch):
        yield slice(start, min(start + batch, records))


def read_batch(shape: tuple[int, ...]) -> int:
    """Records of that shape per batch in inference."""
    return min(READ_BATCH, max(1, READ_PLACES // math.prod(shape[:-1])))
