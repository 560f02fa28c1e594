"""The sweep engine: runs cells on draws, sharing all that cells have in common. Imports no KerasTuner and no TFX."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

from experiment.random_streams import Stream, stream_seed
from ledger.cell_selection import Cell
from trainer_module.cell_training.execution import Execution, Outcome, Reached
from trainer_module.cell_training.recipe import Diverged, Recipe
from trainer_module.cell_training.solved_head_recipe import SolvedHeadRecipe
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.cell_training.suffixes import Suffixes
from trainer_module.cell_training.target_data import TargetData
from trainer_module.cell_training.trained_head_recipe import TrainedHeadRecipe
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import Network
from trainer_module.networks.weight_values import Weights
from trainer_module.training.activation_cache import Budget

RETRY_RATE = 1 / 4
"""Factor of the learning rate for the second attempt at a phase that diverged."""
ATTEMPTS: tuple[tuple[Outcome, float], ...] = (("trained", 1.0), ("retried", RETRY_RATE))
"""Attempts at a phase: the outcome if it succeeds, and the factor of its learning rate."""


@dataclasses.dataclass(frozen=True)
class _Phase1:
    """The end of a phase 1, from which fine-tuning continues.

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

    Three things are shared: activations of a frozen prefix (one forward pass per freeze count over every image that any
    draw needs), compiled programs (one per freeze count or tuned part, and one for fine-tuning), and phase 1 (a
    fine-tuned cell continues from its counterpart without fine-tuning).

    Args:
      network: the architecture; its weights are overwritten.
      source: backbone weights to transfer; None for a baseline, which starts from the draw's random weights.
      data: the target domain.
      schedule: steps and learning rates; may be set to another between executions.
      seed: of the experiment; with a draw's number it fixes subset, initial head, batches and dropout masks.
      budget: memory for activations, 4 GiB by default; it changes no result.
      suffixes: programs and activations of this network and this data, by default new ones within the budget.
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
        suffixes = suffixes or Suffixes(network, data, seed, budget or Budget())
        self._trained_head, self._solved_head = TrainedHeadRecipe(suffixes, seed), SolvedHeadRecipe(suffixes, seed)
        self._variables = weight_values.model_variables(network)
        self._last_phase_1: _Phase1 | None = None

    def run(self, cell: Cell, draw: int) -> Execution:
        """Trains one cell on one draw and scores it on val and test; the network keeps the trained weights.

        Raises:
          ValueError: n, freeze_count or held_from is out of range, or layers are held without a solved head.
          FrozenWeightsChanged: see there.
        """
        if cell.held_from and (cell.fine_tune or self._recipe is not self._solved_head):
            raise ValueError(f"{cell} holds layers, which needs a solved head and no fine-tuning")
        phase_1 = self._phase_1(cell, draw)
        if cell.fine_tune:
            return self._phase_2(cell, draw, phase_1)
        weight_values.set_weights(self._variables, phase_1.weights)
        return phase_1.execution

    def initial_weights(self, draw: int) -> Weights:
        """Random weights of the draw, with the source's backbone if there is one; the head is always new."""
        head = weight_values.initial_weights([self.network.head], stream_seed(self.seed, Stream.HEAD_WEIGHTS, draw))
        if self.source is not None:
            return {**self.source, **head}
        seed = stream_seed(self.seed, Stream.BACKBONE_WEIGHTS, draw)
        return {**weight_values.initial_weights(self.network.backbone_layers, seed), **head}

    @property
    def _recipe(self) -> Recipe:
        """The schedule's; a baseline's head is always trained, since random weights are not features."""
        solved = self.schedule.settings.tuning is not None and self.source is not None
        return self._solved_head if solved else self._trained_head

    def _phase_1(self, cell: Cell, draw: int) -> _Phase1:
        """Trains the head and the layers that are not frozen; kept until another cell or draw is requested."""
        place = (cell.n, cell.freeze_count, cell.held_from, draw, *self.schedule.of_phase_1)
        if self._last_phase_1 is None or self._last_phase_1.place != place:
            execution = self._tried(
                self.initial_weights(draw),
                lambda rate_factor: self._recipe.train_phase_1(self.schedule, cell, draw, rate_factor),
                lambda: self._recipe.untrained(cell, draw),
            )
            self._last_phase_1 = _Phase1(place, weight_values.read_weights(self._variables), execution)
        return self._last_phase_1

    def _phase_2(self, cell: Cell, draw: int, phase_1: _Phase1) -> Execution:
        """Fine-tunes the whole network from where phase 1 ended, unless that can't help."""
        before = phase_1.execution
        if before.outcome == "diverged" or not self._recipe.has_phase_2(self.schedule, cell.freeze_count):
            weight_values.set_weights(self._variables, phase_1.weights)
            return dataclasses.replace(before, seconds=0.0)
        tuned = self._tried(
            phase_1.weights,
            lambda rate_factor: self._recipe.train_phase_2(self.schedule, cell, draw, before, rate_factor),
            lambda: before,
        )
        if tuned.val.accuracy < before.val.accuracy:
            return self._kept(phase_1, tuned)
        retried = before.outcome == "retried" and tuned.outcome == "trained"
        return dataclasses.replace(tuned, outcome="retried") if retried else tuned

    def _kept(self, phase_1: _Phase1, tried: Execution) -> Execution:
        """Phase 1's network, if fine-tuning made it worse on val; the choice reads no test figures."""
        weight_values.set_weights(self._variables, phase_1.weights)
        before = phase_1.execution
        curve = (*before.curve, (tried.steps, before.curve[-1][1]))
        return dataclasses.replace(before, steps=tried.steps, seconds=tried.seconds, curve=curve, outcome="kept")

    def _tried(self, start: Weights, train: Callable[[float], Reached], give_up: Callable[[], Reached]) -> Execution:
        """Trains from `start`; if it diverges, a second and last time at a lower rate."""
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
