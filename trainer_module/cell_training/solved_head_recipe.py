"""Linear probing, then tuning: the head is solved, layers are tuned from there at low rates. Imports recipe, no engine.

Kumar et al., Fine-tuning can distort pretrained features and underperform out-of-distribution (ICLR 2022, arXiv
2202.10054): a random head changes the features below before it has learned anything. Batch statistics are held, rates
are low and fall by a cosine, and the best weights on val are kept, including those at the start. So no cell is worse on
val than its own probe.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from experiment.random_streams import Stream, stream_seed
from ledger.cell_selection import Cell
from trainer_module.cell_training.execution import Reached
from trainer_module.cell_training.recipe import Diverged, Recipe, is_sound
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.cell_training.suffixes import Suffix
from trainer_module.networks import weight_values
from trainer_module.training.activation_cache import Activations
from trainer_module.training.solved_head import SolvedHead, solve_head
from trainer_module.training.training_loop import Score

MOMENTS = 5
"""Evenly spaced moments at which a training is scored on val, in addition to its start."""


class SolvedHeadRecipe(Recipe):
    """Phase 1 solves the head and tunes the layers that are not frozen; phase 2 tunes all layers from there.

    Layers above those that are tuned can be held (Lee et al., Surgical fine-tuning improves adaptation to distribution
    shifts, ICLR 2023, arXiv 2210.11466, section 2: the other blocks are frozen).
    """

    def train_phase_1(self, schedule: StepSchedule, cell: Cell, draw: int, rate_factor: float) -> Reached:
        frozen_hash = self.frozen_hash(cell)
        # First: its pass over the images computes the features too.
        suffix = self.suffixes.above(cell.freeze_count, held_from=cell.held_from, statistics_held=True)
        head = self._solved(cell.n, draw)
        self.network.head.kernel.assign(head.kernel)
        self.network.head.bias.assign(head.bias)
        steps = 0
        if cell.freeze_count < self.network.max_freeze_count:
            steps = schedule.tuning_steps(self._records(cell, draw))
        reached = self._tuned(suffix, schedule, cell, draw, steps, rate_factor, Stream.PHASE_1_BATCHES)
        self.assert_frozen(cell, frozen_hash)
        return reached

    def train_phase_2(
        self, schedule: StepSchedule, cell: Cell, draw: int, before: Reached, rate_factor: float
    ) -> Reached:  # fmt: skip
        suffix = self.suffixes.above(0, statistics_held=True)
        steps = schedule.tuning_steps(self._records(cell, draw))
        after = self._tuned(suffix, schedule, cell, draw, steps, rate_factor, Stream.PHASE_2_BATCHES)
        curve = (*before.curve, *((before.steps + step, accuracy) for step, accuracy in after.curve[1:]))
        steps += before.steps
        return Reached(after.val, after.test, after.train_accuracy, steps, curve, before.frozen_hash, after.kept)

    def has_phase_2(self, schedule: StepSchedule, freeze_count: int) -> bool:
        """Only after frozen layers: if phase 1 tuned the whole network, it kept its best weights."""
        return freeze_count > 0

    def _records(self, cell: Cell, draw: int) -> int:
        return len(self.suffixes.cuts.subset(cell.n, draw))

    def _solved(self, n: int, draw: int) -> SolvedHead:
        """The head on the features of a wholly frozen network.

        Raises:
          Diverged: the features are not finite.
        """
        features = self.suffixes.cuts.features()
        records = self.suffixes.cuts.subset(n, draw)
        x, val_x = _values(features.train, records), _values(features.val)
        if not (np.isfinite(x).all() and np.isfinite(val_x).all()):
            raise Diverged("features")
        labels = features.train.labels[records]
        return solve_head(x, labels, val_x, features.val.labels, int(features.train.labels.max()) + 1)

    def _tuned(
        self, suffix: Suffix, schedule: StepSchedule, cell: Cell, draw: int, steps: int, rate_factor: float,
        stream: Stream,
    ) -> Reached:  # fmt: skip
        """Trains the suffix from its current weights, and sets it to those of the best moment on val.

        A loss that is not finite ends the training.
        """
        program, cut, dropout = suffix.program, suffix.cut, _DROPOUT[stream]
        rates = schedule.tuning(steps, rate_factor)
        order = self.order(schedule, cell, steps, draw, stream)
        program.reset(stream_seed(self.seed, dropout, draw))
        best = program.evaluate(cut.val)
        best_step, weights = 0, weight_values.read_weights(program.variables)
        curve = [(0, self.curve_accuracy(best, suffix))]
        for moment in _moments(steps):
            loss, val = program.train(cut.train, order[moment], rates[moment]), program.evaluate(cut.val)
            if not (is_sound(loss) and is_sound(val.loss)):
                break  # it has diverged; the best weights so far are kept
            curve.append((moment.stop, self.curve_accuracy(val, suffix)))
            if _worth(val) > _worth(best):
                best, best_step, weights = val, moment.stop, weight_values.read_weights(program.variables)
        weight_values.set_weights(program.variables, weights)
        if best_step < steps:
            curve.append((steps, self.curve_accuracy(best, suffix)))
        test, train = program.evaluate(cut.test), self.train_accuracy(suffix, cell, draw)
        return Reached(best, test, train, steps, tuple(curve), self.frozen_hash(cell), kept=best_step == 0 < steps)


_DROPOUT = {Stream.PHASE_1_BATCHES: Stream.PHASE_1_DROPOUT, Stream.PHASE_2_BATCHES: Stream.PHASE_2_DROPOUT}


def _moments(steps: int) -> Sequence[slice]:
    """The steps up to each moment; none are empty."""
    stops = np.unique(np.linspace(0, steps, MOMENTS + 1).round().astype(int))
    return [slice(int(start), int(stop)) for start, stop in itertools.pairwise(stops)]


def _worth(val: Score) -> tuple[float, float]:
    """Accuracy, then cross-entropy if accuracies are equal."""
    return val.accuracy, -val.loss


def _values(activations: Activations, places: np.ndarray | None = None) -> np.ndarray:
    """float32 [records, features]."""
    return np.concatenate([batch.numpy() for batch in activations.batches(places)])
