"""The sweep engine: runs cells on draws, sharing all that cells have in common. Imports no KerasTuner and no TFX."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from pipeline.config import Schedule
from trainer_module import draws, freezing
from trainer_module.architectures import Network
from trainer_module.freezing import Weights
from trainer_module.input_pipeline import Records
from trainer_module.selection import Cell
from trainer_module.training import EVALUATION_BATCH, Program, Score

# Streams of random numbers of one draw; each has its own so that no setting shifts another's numbers.
INITIAL_STREAM, PHASE_1_STREAM, PHASE_2_STREAM = 1, 2, 3


class FrozenWeightsChanged(AssertionError):
    """Training changed a weight that the cell freezes: a defect of Thaw, never of the data."""


@dataclasses.dataclass(frozen=True)
class TargetData:
    """The target domain in memory.

    Attributes:
      train: what the draws use, copies included.
      val: what cells are chosen on.
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
class Execution:
    """What one cell gave on one draw: scores, cost, and the hash of what stayed frozen."""

    val: Score
    test: Score
    steps: int
    seconds: float
    curve: tuple[tuple[int, float], ...]
    frozen_hash: str


@dataclasses.dataclass(frozen=True)
class _Phase1:
    """Where phase 1 of (n, freeze_count, draw) ended; fine-tuning goes on from here."""

    place: tuple[int, int, int]
    weights: Weights
    execution: Execution


class SweepEngine:
    """Trains cells of one transfer, or of one baseline, on draws of the target.

    Three things are shared: activations of a frozen prefix (one walk per freeze count over every image that any draw
    needs), compiled programs (one per freeze count, and one for fine-tuning), and phase 1 (a fine-tuned cell goes on
    from its twin without fine-tuning).

    Args:
      network: the architecture; its weights are overwritten.
      source: backbone weights to transfer; none for a baseline, which starts from the draw's random weights.
      data: the target domain.
      schedule: steps, batch size and learning rates.
      seed: of the experiment; with a draw's number it fixes subset, initial head, batches and dropout masks.
    """

    def __init__(self, network: Network, source: Weights | None, data: TargetData, schedule: Schedule, seed: int):
        self.network = network
        self.source = source
        self.data = data
        self.schedule = schedule
        self.seed = seed
        self._programs: dict[int, Program] = {}
        self._fine_tuning: Program | None = None
        self._cut_data = _CutData(network, data, seed)
        self._phase_1: _Phase1 | None = None
        self._val_at_start: dict[tuple[int, int], float] = {}

    def run(self, cell: Cell, draw: int) -> Execution:
        """Trains one cell on one draw and scores it on val and test; the network keeps the trained weights.

        Raises:
          ValueError: n or freeze_count is out of range.
          FrozenWeightsChanged: see there.
        """
        place = (cell.n, cell.freeze_count, draw)
        if self._phase_1 is None or self._phase_1.place != place:
            self._phase_1 = self._run_phase_1(cell, draw)
        if not cell.fine_tune:
            freezing.set_weights(freezing.model_variables(self.network), self._phase_1.weights)
            return self._phase_1.execution
        return self._run_phase_2(cell, draw, self._phase_1)

    def _run_phase_1(self, cell: Cell, draw: int) -> _Phase1:
        started = time.perf_counter()
        variables = freezing.model_variables(self.network)
        freezing.set_weights(variables, self._initial_weights(draw))
        frozen = [w for layer in self.network.frozen_layers(cell.freeze_count) for w in layer.weights]
        frozen_hash = freezing.weights_hash(freezing.read_weights(frozen))
        cut = self._cut_data.at(cell.freeze_count)
        program = self._program(cell.freeze_count)
        start = (cell.freeze_count, draw)
        if start not in self._val_at_start:
            self._val_at_start[start] = program.evaluate(cut.val, self.data.val.labels).accuracy

        records = self._cut_data.subset(cell.n, draw)
        steps = draws.training_steps(
            len(records), self.schedule.epochs, self.schedule.batch_size, self.schedule.max_steps
        )
        order = records[self._batches(len(records), steps, draw, cell.n, PHASE_1_STREAM)]
        program.train(
            cut.train, self._cut_data.train_labels, order,
            learning_rate=self.schedule.learning_rate, seed=self._seed(draw, PHASE_1_STREAM),
        )  # fmt: skip
        self._assert_frozen(frozen, frozen_hash, cell)
        val = program.evaluate(cut.val, self.data.val.labels)
        test = program.evaluate(cut.test, self.data.test.labels)
        seconds = time.perf_counter() - started
        curve = ((0, self._val_at_start[start]), (steps, val.accuracy))
        execution = Execution(val, test, steps, seconds, curve, frozen_hash)
        return _Phase1((cell.n, cell.freeze_count, draw), freezing.read_weights(variables), execution)

    def _run_phase_2(self, cell: Cell, draw: int, phase_1: _Phase1) -> Execution:
        started = time.perf_counter()
        freezing.set_weights(freezing.model_variables(self.network), phase_1.weights)
        program = self._fine_tuning_program()
        images = self._cut_data.at(0)
        records = self._cut_data.subset(cell.n, draw)
        steps = draws.fine_tuning_steps(phase_1.execution.steps)
        order = records[self._batches(len(records), steps, draw, cell.n, PHASE_2_STREAM)]
        program.train(
            images.train, self._cut_data.train_labels, order,
            learning_rate=self.schedule.fine_tune_learning_rate, seed=self._seed(draw, PHASE_2_STREAM),
        )  # fmt: skip
        val = program.evaluate(images.val, self.data.val.labels)
        test = program.evaluate(images.test, self.data.test.labels)
        total = phase_1.execution.steps + steps
        return Execution(
            val, test, total, time.perf_counter() - started,
            (*phase_1.execution.curve, (total, val.accuracy)), phase_1.execution.frozen_hash,
        )  # fmt: skip

    def _initial_weights(self, draw: int) -> Weights:
        """Random weights of the draw, under the source's backbone where there is one; the head is always new."""
        head = freezing.initial_weights(self.network.head.weights, (self.seed, draw, INITIAL_STREAM, 0))
        if self.source is not None:
            return {**self.source, **head}
        backbone = freezing.backbone_variables(self.network)
        return {**freezing.initial_weights(backbone, (self.seed, draw, INITIAL_STREAM, 1)), **head}

    def _batches(self, records: int, steps: int, draw: int, n: int, stream: int) -> np.ndarray:
        return draws.batch_order(records, steps, self.schedule.batch_size, (self.seed, draw, n, stream))

    def _seed(self, draw: int, stream: int) -> int:
        return int(np.random.SeedSequence((self.seed, draw, stream)).generate_state(1)[0])

    def _program(self, freeze_count: int) -> Program:
        if freeze_count not in self._programs:
            self._programs[freeze_count] = Program(
                self.network.segment(freeze_count), self._trained(freeze_count), statistics_held=False
            )
        return self._programs[freeze_count]

    def _fine_tuning_program(self) -> Program:
        if self._fine_tuning is None:
            self._fine_tuning = Program(self.network.segment(0), self._trained(0), statistics_held=True)
        return self._fine_tuning

    def _trained(self, freeze_count: int) -> list[keras.Variable]:
        above = self.network.freezable[freeze_count:]
        layers = [layer for group in above for layer in group] + [self.network.head]
        return [weight for layer in layers for weight in layer.trainable_weights]

    def _assert_frozen(self, frozen: Sequence[keras.Variable], before: str, cell: Cell) -> None:
        if freezing.weights_hash(freezing.read_weights(frozen)) != before:
            raise FrozenWeightsChanged(f"Weights below freeze_count={cell.freeze_count} changed during phase 1.")


@dataclasses.dataclass(frozen=True)
class _Cut:
    """Activations at one cut: of the drawn training records, and of val and test."""

    train: tf.Tensor
    val: tf.Tensor
    test: tf.Tensor


class _CutData:
    """Keeps the images (cut 0) and the activations at one frozen cut at a time, computed when first asked for."""

    def __init__(self, network: Network, data: TargetData, seed: int):
        self._network = network
        self._data = data
        self._seed = seed
        self._ranks: dict[int, np.ndarray] = {}
        self.train_labels = tf.constant(data.train.labels)
        self._images = _Cut(*(tf.constant(split.images) for split in (data.train, data.val, data.test)))
        self._frozen: tuple[int, _Cut] = (0, self._images)

    def at(self, freeze_count: int) -> _Cut:
        """Activations after the first `freeze_count` freezable layers in inference mode, [records, ...] each.

        Must be called while the network holds the weights to freeze.
        """
        if freeze_count == 0:
            return self._images
        if self._frozen[0] != freeze_count:
            # What the last cut left is the way to a deeper one.
            start, below = self._frozen if self._frozen[0] < freeze_count else (0, self._images)
            part = self._network.segment(start, freeze_count)
            run = tf.function(lambda activations: part(activations, training=False), reduce_retracing=True)
            splits = (below.train, below.val, below.test)
            self._frozen = (freeze_count, _Cut(*(_run_in_batches(run, split) for split in splits)))
        return self._frozen[1]

    def subset(self, n: int, draw: int) -> np.ndarray:
        """Places of the draw's training records, copies included, in the order of id and copy."""
        if draw not in self._ranks:
            self._ranks[draw] = record_ranks(self._data.train, self._seed, draw)
        mask = self._ranks[draw] < n // self._data.num_classes
        if mask.sum() != n * (int(self._data.train.copies.max()) + 1):
            raise ValueError(f"n={n} asks for more images a class than the training split has")
        return np.flatnonzero(mask)


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


def _run_in_batches(run: Callable[[tf.Tensor], tf.Tensor], images: tf.Tensor) -> tf.Tensor:
    """Applies a compiled function to [records, ...] in batches; memory stays that of its result and one batch."""
    count = int(images.shape[0])
    parts = [run(images[start : start + EVALUATION_BATCH]) for start in range(0, count, EVALUATION_BATCH)]
    return tf.concat(parts, axis=0)
