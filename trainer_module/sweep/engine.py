"""The sweep engine: runs cells on draws, sharing all that cells have in common. Imports no KerasTuner and no TFX."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import numpy as np

from experiment.random_streams import Stream, stream_generator, stream_seed
from ledger.cell_selection import Cell
from trainer_module.data import draws
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import Network
from trainer_module.networks.weight_values import Weights
from trainer_module.sweep.execution import Execution, Outcome, Reached
from trainer_module.sweep.step_schedule import StepSchedule
from trainer_module.sweep.suffixes import Suffixes
from trainer_module.sweep.target_data import TargetData
from trainer_module.training.activation_cache import Budget
from trainer_module.training.training_loop import CURVE_RECALIBRATION_BATCHES, Score

RETRY_RATE = 1 / 4
"""By which the learning rate is multiplied for the second try of a phase that diverged."""
ATTEMPTS: tuple[tuple[Outcome, float], ...] = (("trained", 1.0), ("retried", RETRY_RATE))
"""The tries of a phase: what one that goes well is called, and what its learning rate is multiplied by."""
EXPLODED = 1e3
"""Nats: a mean loss above it is no training any more (the probability of the truth is zero in every float)."""


class FrozenWeightsChanged(AssertionError):
    """Training changed a weight that the cell freezes: a defect of Thaw, never of the data."""


class Diverged(ArithmeticError):
    """The loss is no finite number any more, or a number out of all measure."""


@dataclasses.dataclass(frozen=True)
class _Phase1:
    """Where a phase 1 ended; fine-tuning goes on from here.

    Attributes:
      place: what decided it.
      weights: all of the network's.
      execution: of the cell without fine-tuning.
    """

    place: tuple[object, ...]
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
      schedule: steps and learning rates; may be set to another between executions.
      seed: of the experiment; with a draw's number it fixes subset, initial head, batches and dropout masks.
      budget: memory for activations, 4 GiB by default; it changes no result.
      suffixes: programs and activations of this network and this data, by default such as keep to the budget.
    """

    def __init__(
        self,
        network: Network,
        source: Weights | None,
        data: TargetData,
        schedule: StepSchedule,
        seed: int,
        budget: Budget | None = None,
        suffixes: Suffixes | None = None,
    ):
        self.network = network
        self.source = source
        self.data = data
        self.schedule = schedule
        self.seed = seed
        self._suffixes = suffixes or Suffixes(network, data, seed, budget or Budget())
        self._variables = weight_values.model_variables(network)
        self._last_phase_1: _Phase1 | None = None
        self._val_at_start: dict[tuple[int, int], float] = {}

    def run(self, cell: Cell, draw: int) -> Execution:
        """Trains one cell on one draw and scores it on val and test; the network keeps the trained weights.

        Raises:
          ValueError: n or freeze_count is out of range.
          FrozenWeightsChanged: see there.
        """
        phase_1 = self._phase_1(cell, draw)
        if cell.fine_tune:
            return self._phase_2(cell, draw, phase_1)
        weight_values.set_weights(self._variables, phase_1.weights)
        return phase_1.execution

    def initial_weights(self, draw: int) -> Weights:
        """Random weights of the draw, under the source's backbone where there is one; the head is always new."""
        head = weight_values.initial_weights([self.network.head], stream_seed(self.seed, Stream.HEAD_WEIGHTS, draw))
        if self.source is not None:
            return {**self.source, **head}
        seed = stream_seed(self.seed, Stream.BACKBONE_WEIGHTS, draw)
        return {**weight_values.initial_weights(self.network.backbone_layers, seed), **head}

    def _phase_1(self, cell: Cell, draw: int) -> _Phase1:
        """Trains the head and what is not frozen; kept until another cell or draw is asked for."""
        place = (cell.n, cell.freeze_count, draw, *self.schedule.of_phase_1)
        if self._last_phase_1 is None or self._last_phase_1.place != place:
            execution = self._tried(
                self.initial_weights(draw),
                lambda rate_factor: self._train_phase_1(cell, draw, rate_factor),
                lambda: self._untrained(cell.freeze_count),
            )
            self._last_phase_1 = _Phase1(place, weight_values.read_weights(self._variables), execution)
        return self._last_phase_1

    def _phase_2(self, cell: Cell, draw: int, phase_1: _Phase1) -> Execution:
        """Fine-tunes the whole network from where phase 1 ended, unless that can do no good."""
        before = phase_1.execution
        if before.outcome == "diverged" or not self.schedule.has_phase_2(cell.freeze_count):
            weight_values.set_weights(self._variables, phase_1.weights)
            return dataclasses.replace(before, seconds=0.0)
        tuned = self._tried(
            phase_1.weights,
            lambda rate_factor: self._train_phase_2(cell, draw, before, rate_factor),
            lambda: before,
        )
        if tuned.val.accuracy < before.val.accuracy:
            return self._kept(phase_1, tuned)
        retried = before.outcome == "retried" and tuned.outcome == "trained"
        return dataclasses.replace(tuned, outcome="retried") if retried else tuned

    def _kept(self, phase_1: _Phase1, tried: Execution) -> Execution:
        """Phase 1's network, where fine-tuning made it worse on val; test plays no part in choosing."""
        weight_values.set_weights(self._variables, phase_1.weights)
        before = phase_1.execution
        curve = (*before.curve, (tried.steps, before.curve[-1][1]))
        return dataclasses.replace(before, steps=tried.steps, seconds=tried.seconds, curve=curve, outcome="kept")

    def _tried(self, start: Weights, train: Callable[[float], Reached], give_up: Callable[[], Reached]) -> Execution:
        """Trains from `start`, a second time at a lower rate where it diverged; gives up after that."""
        began = time.perf_counter()
        for outcome, rate_factor in ATTEMPTS:
            weight_values.set_weights(self._variables, start)
            try:
                reached = train(rate_factor)
            except Diverged:
                continue
            return Execution.ended(reached, time.perf_counter() - began, outcome)
        weight_values.set_weights(self._variables, start)
        reached = give_up()
        return Execution.ended(reached, time.perf_counter() - began, "diverged")

    def _untrained(self, freeze_count: int) -> Reached:
        """What the network is worth as it stands."""
        suffix = self._suffixes.above(freeze_count)
        val, test = suffix.program.evaluate(suffix.cut.val), suffix.program.evaluate(suffix.cut.test)
        return Reached(val, test, 0, ((0, self._curve_accuracy(val)),), self._frozen_hash(freeze_count))

    def _train_phase_1(self, cell: Cell, draw: int, rate_factor: float) -> Reached:
        frozen_hash = self._frozen_hash(cell.freeze_count)
        suffix = self._suffixes.above(cell.freeze_count)
        program, cut, curve_places = suffix.program, suffix.cut, self._suffixes.cuts.curve_places
        start = (cell.freeze_count, draw)
        if start not in self._val_at_start:
            self._val_at_start[start] = program.evaluate(cut.val, curve_places).accuracy

        records = self._suffixes.cuts.subset(cell.n, draw)
        rates = self.schedule.phase_1(len(records), self._share_of_cost(cell.freeze_count), rate_factor)
        order = self._order(records, len(rates), cell.n, draw, Stream.PHASE_1_BATCHES)
        curve = [(0, self._val_at_start[start])]
        program.reset(stream_seed(self.seed, Stream.PHASE_1_DROPOUT, draw))
        for stop in (*draws.curve_steps(len(records), len(rates), order.shape[1]), len(rates)):
            taken = slice(curve[-1][0], stop)
            _assert_sound(program.train(cut.train, order[taken], rates[taken]))
            if stop < len(rates):
                program.recalibrate(cut.train, order[:stop], CURVE_RECALIBRATION_BATCHES)
                curve.append((stop, program.evaluate(cut.val, curve_places).accuracy))
        program.recalibrate(cut.train, order)
        if self._frozen_hash(cell.freeze_count) != frozen_hash:
            raise FrozenWeightsChanged(f"Weights below freeze_count={cell.freeze_count} changed during phase 1.")
        val, test = _sound(program.evaluate(cut.val)), program.evaluate(cut.test)
        curve.append((len(rates), self._curve_accuracy(val)))
        return Reached(val, test, len(rates), tuple(curve), frozen_hash)

    def _train_phase_2(self, cell: Cell, draw: int, before: Reached, rate_factor: float) -> Reached:
        suffix = self._suffixes.fine_tuning()
        program, images = suffix.program, suffix.cut
        records = self._suffixes.cuts.subset(cell.n, draw)
        rates = self.schedule.phase_2(len(records), self._share_of_cost(cell.freeze_count), rate_factor)
        order = self._order(records, len(rates), cell.n, draw, Stream.PHASE_2_BATCHES)
        program.reset(stream_seed(self.seed, Stream.PHASE_2_DROPOUT, draw))
        _assert_sound(program.train(images.train, order, rates))
        val, test = _sound(program.evaluate(images.val)), program.evaluate(images.test)
        steps = before.steps + len(rates)
        return Reached(val, test, steps, (*before.curve, (steps, self._curve_accuracy(val))), before.frozen_hash)

    def _order(self, records: np.ndarray, steps: int, n: int, draw: int, stream: Stream) -> np.ndarray:
        """The records of each step, [steps, batch]."""
        generator = stream_generator(self.seed, stream, draw, n)
        return records[draws.batch_order(len(records), steps, self.schedule.settings.batch_size, generator)]

    def _curve_accuracy(self, val: Score) -> float:
        """Accuracy on the images of the learning curves alone, so that a curve's points compare."""
        places = self._suffixes.cuts.curve_places
        right = val.probabilities.argmax(axis=-1)[places] == self.data.val.labels[places]
        return float(right.mean())

    def _share_of_cost(self, freeze_count: int) -> float:
        """Of the whole network's multiply-adds, those above the frozen layers."""
        costs = self.network.multiply_adds
        return costs[freeze_count] / costs[0]

    def _frozen_hash(self, freeze_count: int) -> str:
        frozen = [weight for layer in self.network.frozen_layers(freeze_count) for weight in layer.weights]
        return weight_values.weights_hash(weight_values.read_weights(frozen))


def _assert_sound(loss: float) -> None:
    if not loss < EXPLODED:  # true of NaN too
        raise Diverged(loss)


def _sound(val: Score) -> Score:
    """The score, where the network still gives numbers."""
    _assert_sound(val.loss)
    return val
