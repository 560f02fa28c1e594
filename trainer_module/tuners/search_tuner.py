"""The KerasTuner that trains what AdvisedOracle asks for, a round at a time. Imports advised_oracle, no engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

from ledger.cell_selection import Cell
from trainer_module.oracles.advised_oracle import AdvisedOracle
from trainer_module.tuners.sweep_tuner import no_hypermodel


@dataclasses.dataclass(frozen=True)
class Asked:
    """One trial's trainings: a cell on a draw, and first its twin where it is fine-tuned, which goes on from there."""

    transfer: str
    cells: tuple[Cell, ...]
    draw: int


Train = Callable[[Sequence[Asked]], Sequence[Sequence[float]]]
"""Trains a round's trials side by side, or looks them up; returns the val accuracies of each one's cells."""


class SearchTuner(keras_tuner.Tuner):
    """Trains what the oracle asks for until it has enough.

    Args:
      oracle: says what to train.
      n: labelled images of the target.
      train: trains.
      folder: KerasTuner's files; nothing is read from it again.
      at_once: trials of a round.
    """

    def __init__(self, oracle: AdvisedOracle, n: int, train: Train, folder: Path, at_once: int = 1):
        self.n = n
        self.at_once = at_once
        self._train = train
        super().__init__(
            oracle=oracle, hypermodel=no_hypermodel, directory=str(folder), project_name="search", overwrite=True
        )

    def search(self, *args: Any, **kwargs: Any) -> None:
        """Asks, trains and reports, round by round.

        KerasTuner's own loop would train one trial at a time, and keep what a training raised to itself.
        """
        while trials := self._round():
            asked = [self._asked(trial) for trial in trials]
            for trial, one, accuracies in zip(trials, asked, self._train(asked), strict=True):
                self._report(trial, one, accuracies)

    def _round(self) -> list[Trial]:
        trials = (self.oracle.create_trial(f"{self.tuner_id}, {place}") for place in range(self.at_once))
        return [trial for trial in trials if trial.status == TrialStatus.RUNNING]

    def _asked(self, trial: Trial) -> Asked:
        values = trial.hyperparameters.values
        ways = (False, True) if values["fine_tune"] else (False,)
        cells = tuple(Cell(self.n, int(values["freeze_count"]), tuned) for tuned in ways)
        return Asked(str(values["transfer"]), cells, int(values["draw"]))

    def _report(self, trial: Trial, asked: Asked, accuracies: Sequence[float]) -> None:
        for cell, accuracy in zip(asked.cells, accuracies, strict=True):
            place = self.oracle.place_of(asked.transfer, cell.freeze_count, cell.fine_tune)
            if place is not None:
                self.oracle.learn(place, asked.draw, accuracy)
        self.oracle.update_trial(trial.trial_id, {"val_accuracy": accuracies[-1]})
        trial.status = TrialStatus.COMPLETED
        self.oracle.end_trial(trial)
