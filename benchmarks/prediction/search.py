"""AdvisedOracle against KerasTuner's own oracles, on the trainings of a published ledger. Imports source_search.

`python -m benchmarks.prediction.search LEDGER ESTIMATES`: LEDGER is docs/results/ledger.csv.gz or a run's cells.csv,
ESTIMATES the estimates.csv of prediction.py. A trial "trains" by looking its row up; its cost is the row's seconds.
Every method may spend a quarter of the whole grid's seconds on one size, and is asked for its best cell on val.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.runner.process import prepare_process

prepare_process(os.environ)

import keras_tuner
import pandas as pd
from keras_tuner import oracles

from experiment.backbones import MAX_FREEZE_COUNT
from pipeline.source_search.search import ESTIMATORS
from trainer_module.oracles.advised_oracle import AdvisedOracle, SearchCandidate
from trainer_module.oracles.gaussian_process import SearchPoint
from trainer_module.tuners.search_tuner import Asked, SearchTuner
from trainer_module.tuners.sweep_tuner import no_hypermodel

BUDGET_SHARE = 0.25
AT_ONCE = 2
"""Trials a round, as with two cores."""

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


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One method's end on one size; losses are against the whole grid's choice, in points of accuracy."""

    method: str
    n: int
    seed: int
    share_of_cost: float
    trained: int
    transfer: str
    freeze_count: int
    fine_tune: bool
    val_loss: float
    test_loss: float


def main(argv: Sequence[str]) -> int:
    """Writes search.csv and prints means over sizes and seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ledger", type=Path)
    parser.add_argument("estimates", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    arguments = parser.parse_args(argv)
    cells, estimates = pd.read_csv(arguments.ledger), pd.read_csv(arguments.estimates)
    arguments.out.mkdir(parents=True, exist_ok=True)
    began, found = time.perf_counter(), []
    for n, rows in cells[cells["source"].notna()].groupby("n"):
        grid = Grid(rows)
        for seed in range(arguments.seeds):
            found += [dataclasses.asdict(one) for one in outcomes(grid, estimates[estimates["n"] == n], seed)]
        table = pd.DataFrame(found)
        table.to_csv(arguments.out / "search.csv", index=False)
        spent = time.perf_counter() - began
        print(f"n = {n}, grid {grid.best}, {grid.seconds:.0f} s; {spent:.0f} s so far", flush=True)
        print(summary(table[table["n"] == n]).to_string(), flush=True)
    print(summary(pd.DataFrame(found)).to_string())
    return 0


def outcomes(grid: Grid, estimates: pd.DataFrame, seed: int) -> Iterator[Outcome]:
    """What each method comes to on one size with one seed."""
    for name, advised in (("AdvisedOracle", estimates), ("the same without estimates", None)):
        purse = Purse(grid)
        yield _outcome(name, grid, purse, seed, by_advice(grid, purse, advised, seed))
    for name, (make, ways) in THEIRS.items():
        for draws in ways if name != "GridSearch" or seed == 0 else ():
            purse = Purse(grid)
            with tempfile.TemporaryDirectory() as folder:
                tuner = Replayed(make(space_of(grid), seed, len(grid.ways)), purse, draws, folder)
                tuner.search(verbose=0)
            label = name if name.startswith("Hyperband") else f"{name}, {draws} draw{'s' * (draws > 1)} a trial"
            yield _outcome(label, grid, purse, seed, tuner.best())


def by_advice(grid: Grid, purse: Purse, estimates: pd.DataFrame | None, seed: int) -> Way:
    """AdvisedOracle's choice; without estimates it begins amid each transfer's layers."""
    oracle = AdvisedOracle(candidates_of(grid, estimates), grid.draws, BUDGET_SHARE * expected_seconds(grid), seed)

    def train(asked: Sequence[Asked]) -> list[list[float]]:
        return [[purse.train((one.transfer, cell.freeze_count, cell.fine_tune), one.draw) for cell in one.cells]
                for one in asked]  # fmt: skip

    with tempfile.TemporaryDirectory() as folder:
        SearchTuner(oracle, grid.n, train, Path(folder), AT_ONCE).search()
    return grid.ways[oracle.best()]


def candidates_of(grid: Grid, estimates: pd.DataFrame | None) -> list[SearchCandidate]:
    """The grid's cells, with what they cost on average on the first draw and what draw 0's images say of them."""
    said = {} if estimates is None else {
        (row.transfer, row.freeze_count, row.estimator): row.value
        for row in estimates[estimates["draw"] == 0].itertuples()
    }  # fmt: skip
    names = () if estimates is None else ESTIMATORS
    return [
        SearchCandidate(
            SearchPoint(transfer, count / MAX_FREEZE_COUNT[grid.architectures[transfer]], tuned),
            count, cell_seconds(grid, (transfer, count, tuned)),
            tuple(said[transfer, count, name] for name in names),
        )
        for transfer, count, tuned in grid.ways
    ]  # fmt: skip


def cell_seconds(grid: Grid, way: Way) -> float:
    """Mean seconds of one training of a cell, its twin's among them where it is fine-tuned."""
    twins = [(way[0], way[1], tuned) for tuned in ((False, True) if way[2] else (False,))]
    return statistics.fmean(
        sum(grid.rows[twin, draw].seconds for twin in twins) for draw in range(grid.draws)
    )  # fmt: skip


def expected_seconds(grid: Grid) -> float:
    """Of the whole grid: every fine-tuned cell with its twin."""
    return grid.draws * sum(cell_seconds(grid, way) for way in grid.ways if way[2])


def _outcome(method: str, grid: Grid, purse: Purse, seed: int, way: Way) -> Outcome:
    losses = (grid.mean(grid.best, column) - grid.mean(way, column) for column in ("val_accuracy", "test_accuracy"))
    return Outcome(method, grid.n, seed, purse.spent / grid.seconds, len(purse.trained), *way, *losses)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Means over sizes and seeds, and the worst of test."""
    groups = table.groupby("method", sort=False)
    return pd.DataFrame({
        "share of cost": groups["share_of_cost"].mean(), "most": groups["share_of_cost"].max(),
        "val loss": groups["val_loss"].mean(), "test loss": groups["test_loss"].mean(),
        "worst test loss": groups["test_loss"].max(),
        "same cell": groups["val_loss"].agg(lambda losses: (losses < 1e-9).mean()),
    }).round(3)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
