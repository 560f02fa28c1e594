"""Trains a cell from a random head at one rate, as the report does; baselines use it too. Imports recipe."""

from __future__ import annotations

from experiment.random_streams import Stream, stream_seed
from ledger.cell_selection import Cell
from trainer_module.cell_training.execution import Reached
from trainer_module.cell_training.recipe import Recipe, assert_sound, sound
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.cell_training.suffixes import Suffixes
from trainer_module.data import draws
from trainer_module.training.training_loop import CURVE_RECALIBRATION_BATCHES


class TrainedHeadRecipe(Recipe):
    """Phase 1 trains the random head together with the layers that are not frozen; phase 2 all layers at a low rate."""

    def __init__(self, suffixes: Suffixes, seed: int):
        super().__init__(suffixes, seed)
        self._val_at_start: dict[tuple[int, int], float] = {}

    def train_phase_1(self, schedule: StepSchedule, cell: Cell, draw: int, rate_factor: float) -> Reached:
        frozen_hash = self.frozen_hash(cell)
        suffix = self.suffixes.above(cell.freeze_count)
        program, cut, curve_places = suffix.program, suffix.cut, self.suffixes.cuts.curve_places
        start = (cell.freeze_count, draw)
        if start not in self._val_at_start:
            self._val_at_start[start] = program.evaluate(cut.val, curve_places).accuracy

        records = len(self.suffixes.cuts.subset(cell.n, draw))
        rates = schedule.phase_1(records, self.share_of_cost(cell.freeze_count), rate_factor)
        order = self.order(schedule, cell, len(rates), draw, Stream.PHASE_1_BATCHES)
        curve = [(0, self._val_at_start[start])]
        program.reset(stream_seed(self.seed, Stream.PHASE_1_DROPOUT, draw))
        for stop in (*draws.curve_steps(records, len(rates), order.shape[1]), len(rates)):
            taken = slice(curve[-1][0], stop)
            assert_sound(program.train(cut.train, order[taken], rates[taken]))
            if stop < len(rates):
                program.recalibrate(cut.train, order[:stop], CURVE_RECALIBRATION_BATCHES)
                curve.append((stop, program.evaluate(cut.val, curve_places).accuracy))
        program.recalibrate(cut.train, order)
        self.assert_frozen(cell, frozen_hash)
        val, test = sound(program.evaluate(cut.val)), program.evaluate(cut.test)
        curve.append((len(rates), self.curve_accuracy(val, suffix)))
        train = self.train_accuracy(suffix, cell, draw)
        return Reached(val, test, train, len(rates), tuple(curve), frozen_hash)

    def train_phase_2(
        self, schedule: StepSchedule, cell: Cell, draw: int, before: Reached, rate_factor: float
    ) -> Reached:  # fmt: skip
        suffix = self.suffixes.above(0, statistics_held=True)
        program, images = suffix.program, suffix.cut
        records = len(self.suffixes.cuts.subset(cell.n, draw))
        rates = schedule.phase_2(records, self.share_of_cost(cell.freeze_count), rate_factor)
        order = self.order(schedule, cell, len(rates), draw, Stream.PHASE_2_BATCHES)
        program.reset(stream_seed(self.seed, Stream.PHASE_2_DROPOUT, draw))
        assert_sound(program.train(images.train, order, rates))
        val, test = sound(program.evaluate(images.val)), program.evaluate(images.test)
        steps = before.steps + len(rates)
        curve = (*before.curve, (steps, self.curve_accuracy(val, suffix)))
        return Reached(val, test, self.train_accuracy(suffix, cell, draw), steps, curve, before.frozen_hash)
