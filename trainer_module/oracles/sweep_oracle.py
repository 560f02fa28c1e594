"""KerasTuner's record of one sweep: every planned execution is a trial. Imports sweep.record."""

from __future__ import annotations

from typing import Any

import keras_tuner
from keras_tuner.engine.trial import TrialStatus

from ledger.rows import Row
from trainer_module.sweep.record import SweepRecord

SWEEP_NAME = "sweep"
"""The fixed hyperparameter that tells a worker which sweep its trial belongs to."""


class SweepOracle(keras_tuner.Oracle):
    """Hands out the planned executions in order; each is a trial whose id is its place in the plan.

    Args:
      record: the sweep.
    """

    def __init__(self, record: SweepRecord):
        self.record = record
        space = keras_tuner.HyperParameters()
        space.Fixed(SWEEP_NAME, record.name)
        settings = record.settings
        axes = {
            "n": settings.sizes, "freeze_count": settings.freeze_counts, "fine_tune": settings.fine_tune,
            "draw": settings.draw_numbers,
        }  # fmt: skip
        if settings.tuned:
            axes["held_from"] = sorted({0, *(stop for _, stop in settings.tuned)})
        for name, values in axes.items():
            space.Choice(name, sorted(values))
        super().__init__(
            objective=keras_tuner.Objective("val_accuracy", "max"),
            max_trials=len(record.plan),
            hyperparameters=space,
            allow_new_entries=False,
            tune_new_entries=False,
            seed=1,
        )
        self.verbose = 0

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        if int(trial_id) >= len(self.record.plan):
            return {"status": TrialStatus.STOPPED, "values": {}}
        cell, draw = self.record.plan[int(trial_id)]
        values = {SWEEP_NAME: self.record.name, "n": cell.n, "freeze_count": cell.freeze_count}
        values |= {"fine_tune": cell.fine_tune, "draw": draw}
        if self.record.settings.tuned:
            values["held_from"] = cell.held_from
        return {"status": TrialStatus.RUNNING, "values": values}


def no_hypermodel(hp: keras_tuner.HyperParameters) -> None:
    """KerasTuner requires one; the engine builds its models itself."""


def row_metrics(row: Row) -> dict[str, float]:
    """The figures of a row that KerasTuner keeps."""
    return {"val_accuracy": row.val_accuracy, "val_loss": row.val_loss}
