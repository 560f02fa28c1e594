"""The target domain in memory, its draws, and its activations at a frozen cut. Imports architectures, no training."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from ledger.rows import TRAIN_IMAGES
from trainer_module.data import draws
from trainer_module.data.input_pipeline import Records
from trainer_module.networks.architectures import Network
from trainer_module.training.activation_cache import Activations, Budget, InMemory, kept

CURVE_IMAGES = 250
"""Val images on which points of a learning curve are scored: the same for all curves of a target."""


@dataclasses.dataclass(frozen=True)
class TargetData:
    """The target domain in memory.

    Attributes:
      train: the records that the draws use, copies included.
      val: on which cells are chosen.
      test: scored for the ledger after training, and never chosen on.
      num_classes: of the target.
      content_hash: of the whole splits, before `train` was narrowed to what the draws use.
    """

    train: Records
    val: Records
    test: Records
    num_classes: int
    content_hash: str


@dataclasses.dataclass(frozen=True)
class Cut:
    """Activations at one cut: of the drawn training records, and of val and test."""

    train: Activations
    val: Activations
    test: Activations


class CutData:
    """Keeps the images, the features of a wholly frozen network, and the activations at one cut in between.

    Each is computed at its first use.

    Args:
      network: has the weights to freeze whenever `at` is called.
      data: the target.
      seed: of the experiment.
      budget: of the activations; the rest goes to disk.
    """

    def __init__(self, network: Network, data: TargetData, seed: int, budget: Budget):
        self._network = network
        self._data = data
        self._seed = seed
        self._budget = budget
        self._ranks: dict[int, np.ndarray] = {}
        self._images = Cut(*(InMemory(split.images, split.labels) for split in (data.train, data.val, data.test)))
        self._frozen: tuple[int, Cut] = (0, self._images)
        self._features: Cut | None = None
        self.curve_places = spread_places(data.val.labels, CURVE_IMAGES)

    def at(self, freeze_count: int) -> Cut:
        """Activations after the first `freeze_count` freezable layers in inference mode, [records, ...] each.

        Raises:
          ThawError: they are to be spilled and the disk is full.
        """
        if freeze_count == 0:
            return self._images
        if self._frozen[0] != freeze_count:
            if self._frozen[0] > freeze_count:
                # No longer needed: freed before the next one is allocated.
                self._frozen = (0, self._images)
            self._frozen = (freeze_count, self._walked(self._network.segment(self._frozen[0], freeze_count)))
        return self._frozen[1]

    def features(self) -> Cut:
        """The head's input if all else is frozen, [records, features] each; kept after its first use."""
        if self._features is None:
            part = self._network.segment_to_head(self._frozen[0])
            self._features = self._walked(part) if part else self._frozen[1]
        return self._features

    def _walked(self, part: keras.Model) -> Cut:
        """Output of a part of the network for the activations at the stored cut."""
        below = self._frozen[1]
        run = tf.function(lambda activations: part(activations, training=False), reduce_retracing=True, autograph=False)
        record_bytes = 4 * int(np.prod(part.outputs[0].shape[1:]))
        splits = (below.train, below.val, below.test)
        spill = record_bytes * sum(len(split.labels) for split in splits) > self._budget.share_bytes
        return Cut(*(kept(_walk(run, split), split.labels, self._budget, spill=spill) for split in splits))

    def subset(self, n: int, draw: int) -> np.ndarray:
        """Places of the draw's training records, copies included, in the order of id and copy."""
        if draw not in self._ranks:
            self._ranks[draw] = record_ranks(self._data.train, self._seed, draw)
        mask = self._ranks[draw] < n // self._data.num_classes
        if mask.sum() != n * (int(self._data.train.copies.max()) + 1):
            raise ValueError(f"n={n} asks for more images a class than the training split has")
        return np.flatnonzero(mask)

    def train_places(self, n: int, draw: int) -> np.ndarray:
        """Up to TRAIN_IMAGES of the draw's training records, without copies, spread evenly over each class."""
        records = self.subset(n, draw)
        originals = records[self._data.train.copies[records] == 0]
        return originals[spread_places(self._data.train.labels[originals], TRAIN_IMAGES)]


def record_ranks(train: Records, seed: int, draw: int) -> np.ndarray:
    """Each record's place in its class's queue of one draw (draws.class_ranks); copies share their image's."""
    originals = train.copies == 0
    ids = train.ids[originals]
    ranks = draws.class_ranks(ids.tolist(), train.labels[originals], seed, draw)
    # Records are ordered by id, so a record's image is found by bisection.
    return ranks[np.searchsorted(ids, train.ids)]


def drawn_records(train: Records, n: int, num_classes: int, seed: int, draw_numbers: Sequence[int]) -> Records:
    """The records that the draws at size n (and so at every smaller size) use; ranks below n stay as they were."""
    masks = [record_ranks(train, seed, draw) < n // num_classes for draw in draw_numbers]
    return train.select(np.any(masks, axis=0))


def spread_places(labels: np.ndarray, most: int) -> np.ndarray:
    """So many places, or all if there are fewer, spread evenly over each class."""
    order = np.argsort(labels, kind="stable")
    chosen = np.linspace(0, len(order) - 1, min(most, len(order))).round().astype(np.int64)
    return np.sort(order[chosen])


def _walk(run: tf.types.experimental.PolymorphicFunction, data: Activations) -> Iterator[tf.Tensor]:
    for batch in data.batches():
        yield run(batch)
