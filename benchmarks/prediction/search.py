"""AdvisedOracle against KerasTuner's own oracles, on the trainings of a published ledger. Imports source_search.

`python -m benchmarks.prediction.search LEDGER [ESTIMATES]`: LEDGER is docs/results/ledger.csv.gz or a run's cells.csv,
ESTIMATES the estimates.csv of a run. A trial "trains" by looking its row up (replay.py); seed s begins with draw s
modulo the draws. Every method may spend a quarter of the whole grid's seconds on one size, and is asked for its best
cell on val.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.runner.process import prepare_process

prepare_process(os.environ)

import pandas as pd

from benchmarks.prediction.published_grid import BUDGET_SHARE, Grid, Purse, Way, cell_seconds, expected_seconds
from benchmarks.prediction.replay import THEIRS, Replayed, space_of
from experiment.backbones import MAX_FREEZE_COUNT, MOBILENET_V2_BLOCKS
from pipeline.source_search.search_space import ESTIMATORS
from trainer_module.oracles.advised_oracle import AdvisedOracle, SearchCandidate
from trainer_module.oracles.gaussian_process import SearchPoint

MOST_FROZEN = {**MAX_FREEZE_COUNT, "mobilenet_v2": MOBILENET_V2_BLOCKS}
"""Freezable layers of the networks of Thaw's presets."""
WITHOUT = "the same without estimates"
AT_ONCE = 2
"""Trials a round, as with two cores."""


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
    parser.add_argument("estimates", type=Path, nargs="?", help="without it our search alone, without estimates")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    arguments = parser.parse_args(argv)
    cells = pd.read_csv(arguments.ledger)
    estimates = pd.read_csv(arguments.estimates) if arguments.estimates else None
    arguments.out.mkdir(parents=True, exist_ok=True)
    began, found = time.perf_counter(), []
    for n, rows in cells[cells["source"].notna()].groupby("n"):
        draws = rows["draw"].nunique()
        for seed in range(arguments.seeds):
            grid = Grid(rows.assign(draw=(rows["draw"] - seed) % draws))
            if estimates is None:
                found.append(dataclasses.asdict(own_outcome(WITHOUT, grid, None, seed)))
                continue
            found += [dataclasses.asdict(one) for one in outcomes(grid, estimates[estimates["n"] == n], seed)]
        table = pd.DataFrame(found)
        table.to_csv(arguments.out / "search.csv", index=False)
        spent = time.perf_counter() - began
        print(f"n = {n}, grid {grid.best}, {grid.seconds:.0f} s; {spent:.0f} s so far", flush=True)
        print(summary(table[table["n"] == n]).to_string(), flush=True)
    print(summary(pd.DataFrame(found)).to_string())
    return 0


def outcomes(grid: Grid, estimates: pd.DataFrame, seed: int) -> Iterator[Outcome]:
    """The result of each method on one size with one seed."""
    for name, advised in (("AdvisedOracle", estimates), (WITHOUT, None)):
        yield own_outcome(name, grid, advised, seed)
    for name, (make, ways) in THEIRS.items():
        for draws in ways if name != "GridSearch" or seed == 0 else ():
            purse = Purse(grid)
            with tempfile.TemporaryDirectory() as folder:
                tuner = Replayed(make(space_of(grid), seed, len(grid.ways)), purse, draws, folder)
                tuner.search(verbose=0)
            label = name if name.startswith("Hyperband") else f"{name}, {draws} draw{'s' * (draws > 1)} a trial"
            yield _outcome(label, grid, purse, seed, tuner.best())


def own_outcome(name: str, grid: Grid, estimates: pd.DataFrame | None, seed: int) -> Outcome:
    """The result of AdvisedOracle."""
    purse = Purse(grid)
    return _outcome(name, grid, purse, seed, by_advice(grid, purse, estimates, seed))


def by_advice(grid: Grid, purse: Purse, estimates: pd.DataFrame | None, seed: int) -> Way:
    """AdvisedOracle's choice; without estimates it begins in the middle of each transfer's layers."""
    oracle = AdvisedOracle(candidates_of(grid, estimates), grid.draws, BUDGET_SHARE * expected_seconds(grid), seed)

    # Rounds as SearchTuner has them, without the files that KerasTuner writes of each trial.
    numbers = itertools.count()
    while asked := [
        one["values"] for _ in range(AT_ONCE) if (one := oracle.populate_space(str(next(numbers))))["values"]
    ]:
        for one in asked:
            twins = [(one["transfer"], one["freeze_count"], tuned) for tuned in sorted({False, one["fine_tune"]})]
            for way in twins:
                oracle.learn(grid.ways.index(way), one["draw"], purse.train(way, one["draw"]))
    return grid.ways[oracle.best()]


def candidates_of(grid: Grid, estimates: pd.DataFrame | None) -> list[SearchCandidate]:
    """The grid's cells, with their mean cost on the first draw and the estimates from draw 0's images."""
    said = {} if estimates is None else {
        (row.transfer, row.freeze_count, row.estimator): row.value
        for row in estimates[estimates["draw"] == 0].itertuples()
    }  # fmt: skip
    names = () if estimates is None else ESTIMATORS
    return [
        SearchCandidate(
            SearchPoint(transfer, count / MOST_FROZEN[grid.architectures[transfer]], tuned),
            count, cell_seconds(grid, (transfer, count, tuned)),
            tuple(said[transfer, count, name] for name in names),
        )
        for transfer, count, tuned in grid.ways
    ]  # fmt: skip


def _outcome(method: str, grid: Grid, purse: Purse, seed: int, way: Way) -> Outcome:
    losses = (grid.mean(grid.best, column) - grid.mean(way, column) for column in ("val_accuracy", "test_accuracy"))
    return Outcome(method, grid.n, seed, purse.spent / grid.seconds, len(purse.trained), *way, *losses)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Means over sizes and seeds, and the worst of test."""
    groups = table.groupby("method", sort=False)
    return pd.DataFrame({
        "share of cost": groups["share_of_cost"].mean(), "most": groups["share_of_cost"].max(),
        "within a point on val": groups["val_loss"].agg(lambda losses: (losses <= 1).mean()),
        "on test": groups["test_loss"].agg(lambda losses: (losses <= 1).mean()),
        "val loss": groups["val_loss"].mean(), "test loss": groups["test_loss"].mean(),
        "worst test loss": groups["test_loss"].max(),
        "same cell": groups["val_loss"].agg(lambda losses: (losses < 1e-9).mean()),
    }).round(3)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
