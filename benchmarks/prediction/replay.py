"""The trainings of a published ledger, looked up instead of trained and paid for in the seconds of their rows.

Imports KerasTuner, whose own oracles search them here.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

import keras_tuner
import pandas as pd
from keras_tuner import oracles

from trainer_module.oracles.sweep_oracle import no_hypermodel

BUDGET_SHARE = 0.25

Way = tuple[str, int, bool]
"""Transfer, freeze_count, fine_tune."""


class Grid:
    """One size's trainings.

    Args:
      rows: of transfers alone.
    """

    def __init__(self, rows: pd.DataFrame):
        self.n = int(rows["n"].iloc[0])
        self.rows = {((r.transfer, int(r.freeze_count), bool(r.fine_tune)), int(r.draw)): r for r in rows.itertuples()}
        self.architectures = dict(zip(rows["transfer"], rows["architecture"], strict=True))
        self.ways: list[Way] = sorted({way for way, _ in self.rows})
        self.draws = 1 + max(draw for _, draw in self.rows)
        self.seconds = sum(row.seconds for row in self.rows.values())

    def mean(self, way: Way, column: str) -> float:
        """A cell's accuracy over all draws, in points."""
        return 100 * statistics.fmean(getattr(self.rows[way, draw], column) for draw in range(self.draws))

    @property
    def best(self) -> Way:
        """What the whole grid would choose."""
        return max(self.ways, key=lambda way: self.mean(way, "val_accuracy"))


class Purse:
    """Pays for rows; what was paid for once is free. Fine-tuning goes on from its twin, which is paid for too."""

    def __init__(self, grid: Grid):
        self.grid = grid
        self.spent = 0.0
        self.trained: dict[tuple[Way, int], float] = {}

    def train(self, way: Way, draw: int) -> float:
        """Val accuracy, a fraction."""
        for tuned in (False, True) if way[2] else (False,):
            place = (way[0], way[1], tuned), draw
            if place not in self.trained:
                row = self.grid.rows[place]
                self.spent += row.seconds
                self.trained[place] = row.val_accuracy
        return self.trained[way, draw]

    @property
    def is_empty(self) -> bool:
        return self.spent >= BUDGET_SHARE * self.grid.seconds


class Replayed(keras_tuner.Tuner):
    """Any of KerasTuner's oracles on the rows; a trial is the mean of some draws, as with executions_per_trial."""

    def __init__(self, oracle: keras_tuner.Oracle, purse: Purse, draws: int, folder: str):
        self.purse, self.draws = purse, draws
        self.scores: dict[Way, tuple[int, float]] = {}
        super().__init__(oracle=oracle, hypermodel=no_hypermodel, directory=folder, project_name="r", overwrite=True)

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        values = trial.hyperparameters.values
        transfer = values["transfer"]
        way = transfer, values[f"freeze_count, {self.purse.grid.architectures[transfer]}"], values["fine_tune"]
        draws = int(values.get("tuner/epochs", self.draws))
        found = statistics.fmean(self.purse.train(way, draw) for draw in range(draws))
        self.scores[way] = max(self.scores.get(way, (0, 0.0)), (draws, found))
        if self.purse.is_empty:
            self.oracle.max_trials = 1  # KerasTuner's way to end: there are that many trials already
        return {"val_accuracy": found}

    def best(self) -> Way:
        """The cell with most draws, and of these with the best mean on val."""
        return max(self.scores, key=lambda way: self.scores[way])


def space_of(grid: Grid) -> keras_tuner.HyperParameters:
    """The cells as KerasTuner's users would write them: freeze counts depend on the transfer's architecture."""
    space = keras_tuner.HyperParameters()
    space.Choice("transfer", sorted(grid.architectures))
    for architecture in sorted(set(grid.architectures.values())):
        of_it = [transfer for transfer, one in grid.architectures.items() if one == architecture]
        counts = sorted({way[1] for way in grid.ways if way[0] in of_it})
        with space.conditional_scope("transfer", of_it):
            space.Choice(f"freeze_count, {architecture}", counts, ordered=True)
    space.Boolean("fine_tune")
    return space


Making = Callable[[keras_tuner.HyperParameters, int, int], keras_tuner.Oracle]
OBJECTIVE = keras_tuner.Objective("val_accuracy", "max")
THEIRS: dict[str, tuple[Making, Sequence[int]]] = {
    "GridSearch": (lambda space, seed, most: oracles.GridSearchOracle(OBJECTIVE, most, seed, space), (1, 3)),
    "RandomSearch": (lambda space, seed, most: oracles.RandomSearchOracle(OBJECTIVE, most, seed, space), (1, 3)),
    "BayesianOptimization": (
        lambda space, seed, most: oracles.BayesianOptimizationOracle(
            OBJECTIVE, most, seed=seed, hyperparameters=space
        ), (1, 3),
    ),
    "Hyperband, draws for epochs": (
        lambda space, seed, most: oracles.HyperbandOracle(
            OBJECTIVE, max_epochs=3, factor=3, hyperband_iterations=most, seed=seed, hyperparameters=space
        ), (3,),
    ),
}  # fmt: skip


def cell_seconds(grid: Grid, way: Way) -> float:
    """Mean seconds of one training of a cell, its twin's among them where it is fine-tuned."""
    twins = [(way[0], way[1], tuned) for tuned in ((False, True) if way[2] else (False,))]
    return statistics.fmean(
        sum(grid.rows[twin, draw].seconds for twin in twins) for draw in range(grid.draws)
    )  # fmt: skip


def expected_seconds(grid: Grid) -> float:
    """Of the whole grid: every fine-tuned cell with its twin."""
    return grid.draws * sum(cell_seconds(grid, way) for way in grid.ways if way[2])
