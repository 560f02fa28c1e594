"""The KerasTuner that trains what AdvisedOracle asks for, a round at a time. Imports advised_oracle, no engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

from ledger.cell_selection import Cell
from trainer_module.oracles.advised_oracle import AdvisedOracle
from trainer_module.oracles.sweep_oracle import no_hypermodel


@dataclasses.dataclass(frozen=True)
class Asked:
    """One trial's trainings: a cell on a draw; a fine-tuned one continues from its counterpart, which comes first."""

    transfer: str
    cells: tuple[Cell, ...]
    draw: int

    @property
    def executions(self) -> list[tuple[Cell, int]]:
        """In the order in which they are to run."""
        return [(cell, self.draw) for cell in self.cells]


Train = Callable[[Sequence[Asked]], Sequence[Sequence[float]]]
"""Trains a round's trials in parallel, or looks them up; returns the val accuracies of each one's cells."""


class SearchTuner(keras_tuner.Tuner):
    """Trains the oracle's trials until the oracle needs no more.

    Args:
      oracle: proposes the trials.
      n: labelled images of the target.
      folder: KerasTuner's files; nothing is read from it again.
      at_once: trials of a round.
    """

    def __init__(self, oracle: AdvisedOracle, n: int, folder: Path, at_once: int = 1):
        self.n = n
        self.at_once = at_once
        super().__init__(
            oracle=oracle, hypermodel=no_hypermodel, directory=str(folder), project_name="search", overwrite=True
        )

    def search(self, train: Train) -> None:
        """Asks for trials, trains them and reports their scores, round by round.

        KerasTuner's own loop would train one trial at a time, and suppress a training's exception.

        Args:
          train: trains a round.
        """
        while trials := self.ask():
            for (trial, one), accuracies in zip(trials, train([one for _, one in trials]), strict=True):
                self.tell(trial, one, accuracies)

    def ask(self) -> list[tuple[Trial, Asked]]:
        """The next round's trials; none when the oracle has enough."""
        trials = (self.oracle.create_trial(f"{self.tuner_id}, {place}") for place in range(self.at_once))
        return [(trial, self._asked(trial)) for trial in trials if trial.status == TrialStatus.RUNNING]

    def _asked(self, trial: Trial) -> Asked:
        values = trial.hyperparameters.values
        transfer, count = str(values["transfer"]), int(values["freeze_count"])
        ways = (False, True) if values["fine_tune"] else (False,)
        known = [tuned for tuned in ways if self.oracle.place_of(transfer, count, tuned) is not None]
        return Asked(transfer, tuple(Cell(self.n, count, tuned) for tuned in known), int(values["draw"]))

    def tell(self, trial: Trial, asked: Asked, accuracies: Sequence[float]) -> None:
        """Ends a trial with the val accuracies of its cells, fractions."""
        for cell, accuracy in zip(asked.cells, accuracies, strict=True):
            place = self.oracle.place_of(asked.transfer, cell.freeze_count, cell.fine_tune)
            if place is not None:
                self.oracle.learn(place, asked.draw, accuracy)
        self.oracle.update_trial(trial.trial_id, {"val_accuracy": accuracies[-1]})
        trial.status = TrialStatus.COMPLETED
        self.oracle.end_trial(trial)
