"""The sweep engine: runs cells on draws, sharing all that cells have in common. Imports no KerasTuner and no TFX."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Literal

import keras
import numpy as np

from experiment.config import Schedule
from experiment.random_streams import Stream, stream_generator, stream_seed
from ledger.cell_selection import Cell
from trainer_module.data import draws
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import Network
from trainer_module.networks.weight_values import Weights
from trainer_module.sweep.target_data import CutData, TargetData
from trainer_module.training.activation_cache import Budget
from trainer_module.training.training_loop import CURVE_SETTLING_BATCHES, Program, Score, one_cycle

RETRY_RATE = 1 / 4
"""By which the learning rate is multiplied for the second try of a phase that diverged."""
EXPLODED = 1e3
"""Nats: a mean loss above it is no training any more (the probability of the truth is zero in every float)."""

Outcome = Literal["trained", "retried", "diverged", "kept"]


class FrozenWeightsChanged(AssertionError):
    """Training changed a weight that the cell freezes: a defect of Thaw, never of the data."""


class _Diverged(ArithmeticError):
    """The loss is no finite number any more, or a number out of all measure."""


@dataclasses.dataclass(frozen=True)
class Execution:
    """What one cell gave on one draw: scores, cost, and the hash of what stayed frozen.

    `outcome` says how training went: as planned; after a phase that diverged, again at RETRY_RATE; twice in vain, in
    which case scores and weights are those that the phase began with; or `kept`: fine-tuning ended below its start on
    val, so scores and weights are those of its start, while steps and seconds count what was tried.
    """

    val: Score
    test: Score
    steps: int
    seconds: float
    curve: tuple[tuple[int, float], ...]
    frozen_hash: str
    outcome: Outcome = "trained"


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
      source: backbone weights to transfer; None for a baseline, which starts from the draw's random weights.
      data: the target domain.
      schedule: steps, batch size and learning rates.
      seed: of the experiment; with a draw's number it fixes subset, initial head, batches and dropout masks.
      budget: memory for activations, 4 GiB by default; it changes no result.
    """

    def __init__(
        self, network: Network, source: Weights | None, data: TargetData, schedule: Schedule, seed: int,
        budget: Budget | None = None,
    ):  # fmt: skip
        self.network = network
        self.source = source
        self.data = data
        self.schedule = schedule
        self.seed = seed
        self.phase_2_bound = draws.PHASE_2_BOUND
        self._programs: dict[int, Program] = {}
        self._fine_tuning: Program | None = None
        self._cut_data = CutData(network, data, seed, budget or Budget())
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
            weight_values.set_weights(weight_values.model_variables(self.network), self._phase_1.weights)
            return self._phase_1.execution
        return self._run_phase_2(cell, draw, self._phase_1)

    def rates(self, learning_rate: float, steps: int) -> np.ndarray:
        """The learning rate of each step of a phase, float32 [steps]."""
        return one_cycle(learning_rate, steps)

    def _run_phase_1(self, cell: Cell, draw: int) -> _Phase1:
        execution = self._tried(
            self._initial_weights(draw),
            lambda rate_factor: self._train_phase_1(cell, draw, rate_factor),
            lambda: self._untrained(cell.freeze_count),
        )
        place = (cell.n, cell.freeze_count, draw)
        return _Phase1(place, weight_values.read_weights(weight_values.model_variables(self.network)), execution)

    def _tried(
        self, start: Weights, train: Callable[[float], Execution], give_up: Callable[[], Execution]
    ) -> Execution:  # fmt: skip
        """Trains from `start`, a second time at a lower rate where it diverged; gives up after that."""
        began = time.perf_counter()
        variables = weight_values.model_variables(self.network)
        attempts: tuple[tuple[Outcome, float], ...] = (("trained", 1.0), ("retried", RETRY_RATE))
        for outcome, rate_factor in attempts:
            weight_values.set_weights(variables, start)
            try:
                execution = train(rate_factor)
            except _Diverged:
                continue
            return dataclasses.replace(execution, outcome=outcome, seconds=time.perf_counter() - began)
        weight_values.set_weights(variables, start)
        return dataclasses.replace(give_up(), outcome="diverged", seconds=time.perf_counter() - began)

    def _untrained(self, freeze_count: int) -> Execution:
        """What the network is worth as it stands."""
        program, cut = self._program(freeze_count), self._cut_data.at(freeze_count)
        val, test = program.evaluate(cut.val), program.evaluate(cut.test)
        curve = ((0, self._curve_accuracy(val)),)
        return Execution(val, test, 0, 0.0, curve, self._frozen_hash(freeze_count))

    def _train_phase_1(self, cell: Cell, draw: int, rate_factor: float) -> Execution:
        frozen_hash = self._frozen_hash(cell.freeze_count)
        cut = self._cut_data.at(cell.freeze_count)
        program = self._program(cell.freeze_count)
        start = (cell.freeze_count, draw)
        curve_places = self._cut_data.curve_places
        if start not in self._val_at_start:
            self._val_at_start[start] = program.evaluate(cut.val, curve_places).accuracy

        records = self._cut_data.subset(cell.n, draw)
        schedule, steps = self.schedule, self._steps(len(records), cell.freeze_count)
        order = records[self._batches(len(records), steps, draw, cell.n, Stream.PHASE_1_BATCHES)]
        rates = self.rates(rate_factor * schedule.learning_rate, steps)
        curve = [(0, self._val_at_start[start])]
        program.reset(stream_seed(self.seed, Stream.PHASE_1_DROPOUT, draw))
        for stop in (*draws.curve_steps(len(records), steps, schedule.batch_size), steps):
            taken = slice(curve[-1][0], stop)
            _assert_sound(program.train(cut.train, order[taken], rates[taken]))
            if stop < steps:
                program.settle(cut.train, order[:stop], CURVE_SETTLING_BATCHES)
                curve.append((stop, program.evaluate(cut.val, curve_places).accuracy))
        program.settle(cut.train, order)
        if self._frozen_hash(cell.freeze_count) != frozen_hash:
            raise FrozenWeightsChanged(f"Weights below freeze_count={cell.freeze_count} changed during phase 1.")
        val, test = _sound(program.evaluate(cut.val)), program.evaluate(cut.test)
        curve.append((steps, self._curve_accuracy(val)))
        return Execution(val, test, steps, 0.0, tuple(curve), frozen_hash)

    def _run_phase_2(self, cell: Cell, draw: int, phase_1: _Phase1) -> Execution:
        before = phase_1.execution
        # Phase 1 trained this network whole, as long as it may: Adam's first step, which moves every weight by the
        # whole rate, could only harm it (docs/adr/0011-thaws-own-schedule.md).
        trained_whole = cell.freeze_count == 0 and self.schedule.max_steps is not None
        if before.outcome == "diverged" or trained_whole:
            weight_values.set_weights(weight_values.model_variables(self.network), phase_1.weights)
            return dataclasses.replace(before, seconds=0.0)
        execution = self._tried(
            phase_1.weights,
            lambda rate_factor: self._train_phase_2(cell, draw, before, rate_factor),
            lambda: before,
        )
        if execution.val.accuracy < before.val.accuracy:
            return self._kept(phase_1, execution)
        retried = before.outcome == "retried" and execution.outcome == "trained"
        return dataclasses.replace(execution, outcome="retried") if retried else execution

    def _kept(self, phase_1: _Phase1, tried: Execution) -> Execution:
        """Phase 1's network, where fine-tuning made it worse on val; test plays no part in choosing."""
        weight_values.set_weights(weight_values.model_variables(self.network), phase_1.weights)
        before = phase_1.execution
        curve = (*before.curve, (tried.steps, before.curve[-1][1]))
        return dataclasses.replace(before, steps=tried.steps, seconds=tried.seconds, curve=curve, outcome="kept")

    def _train_phase_2(self, cell: Cell, draw: int, before: Execution, rate_factor: float) -> Execution:
        program = self._fine_tuning_program()
        images = self._cut_data.at(0)
        records = self._cut_data.subset(cell.n, draw)
        schedule, share = self.schedule, self._share_of_cost(cell.freeze_count)
        steps, rate_share = draws.fine_tuning_steps(
            len(records), schedule.epochs, schedule.batch_size, schedule.max_steps, share, self.phase_2_bound
        )
        order = records[self._batches(len(records), steps, draw, cell.n, Stream.PHASE_2_BATCHES)]
        program.reset(stream_seed(self.seed, Stream.PHASE_2_DROPOUT, draw))
        rates = self.rates(rate_factor * rate_share * schedule.fine_tune_learning_rate, steps)
        _assert_sound(program.train(images.train, order, rates))
        val, test = _sound(program.evaluate(images.val)), program.evaluate(images.test)
        total = before.steps + steps
        curve = (*before.curve, (total, self._curve_accuracy(val)))
        return Execution(val, test, total, 0.0, curve, before.frozen_hash)

    def _curve_accuracy(self, val: Score) -> float:
        """Accuracy on the images of the learning curves alone, so that a curve's points compare."""
        places = self._cut_data.curve_places
        right = val.probabilities.argmax(axis=-1)[places] == self.data.val.labels[places]
        return float(right.mean())

    def _steps(self, records: int, freeze_count: int) -> int:
        schedule, share = self.schedule, self._share_of_cost(freeze_count)
        return draws.training_steps(records, schedule.epochs, schedule.batch_size, schedule.max_steps, share)

    def _share_of_cost(self, freeze_count: int) -> float:
        """Of the whole network's multiply-adds, those above the frozen layers."""
        costs = self.network.multiply_adds
        return costs[freeze_count] / costs[0]

    def _initial_weights(self, draw: int) -> Weights:
        """Random weights of the draw, under the source's backbone where there is one; the head is always new."""
        head = weight_values.initial_weights([self.network.head], stream_seed(self.seed, Stream.HEAD_WEIGHTS, draw))
        if self.source is not None:
            return {**self.source, **head}
        seed = stream_seed(self.seed, Stream.BACKBONE_WEIGHTS, draw)
        return {**weight_values.initial_weights(self.network.backbone_layers, seed), **head}

    def _batches(self, records: int, steps: int, draw: int, n: int, stream: Stream) -> np.ndarray:
        generator = stream_generator(self.seed, stream, draw, n)
        return draws.batch_order(records, steps, self.schedule.batch_size, generator)

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

    def _frozen_hash(self, freeze_count: int) -> str:
        frozen = [weight for layer in self.network.frozen_layers(freeze_count) for weight in layer.weights]
        return weight_values.weights_hash(weight_values.read_weights(frozen))


def _assert_sound(loss: float) -> None:
    if not loss < EXPLODED:  # true of NaN too
        raise _Diverged(loss)


def _sound(val: Score) -> Score:
    """The score, where the network still gives numbers."""
    _assert_sound(val.loss)
    return val
