"""KerasTuner's own oracles on the trainings of a published ledger, looked up instead of trained. Imports KerasTuner."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

import keras_tuner
from keras_tuner import oracles

from benchmarks.prediction.published_grid import Grid, Purse, Way
from trainer_module.oracles.sweep_oracle import no_hypermodel


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
            self.oracle.max_trials = 1  # KerasTuner's way to end: the maximum of trials is reached
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
