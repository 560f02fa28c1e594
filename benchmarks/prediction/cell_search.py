"""Replays the search of a Tuner node on a published ledger: its cost, and the accuracy that it loses. Imports
cell_search.

`python -m benchmarks.prediction.cell_search`: for each transfer, n and number of draws the search itself, that of
trainer_module.tuners.cell_search, asks for trainings, whose accuracies and seconds are looked up in the ledger. Its
choice is compared with the cell that the whole grid chooses on val by all its draws.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.runner.process import prepare_process

prepare_process(os.environ)

import pandas as pd

from benchmarks.prediction.published_grid import PUBLISHED, Grid, Purse
from experiment.config import ExperimentConfig
from experiment.loading import PRESETS, load_config
from experiment.training_settings import SweepSettings
from ledger.cell_selection import Cell
from trainer_module.sweep.record import Plan
from trainer_module.tuners.cell_search import search_cells

IMAGES_PER_CLASS = 5000
"""CIFAR-10's training images."""


@dataclasses.dataclass(frozen=True)
class Replay:
    """One transfer's search at one n.

    Attributes:
      transfer, n, draws, seed: of the search.
      share_of_seconds: of the grid of as many draws.
      trained, planned: executions, and those of the grid.
      freeze_count, fine_tune: chosen.
      test_loss: points of test accuracy against the choice of the whole grid with all its draws.
      grid_loss: the same, of the choice of the whole grid with as many draws.
    """

    transfer: str
    n: int
    draws: int
    seed: int
    share_of_seconds: float
    trained: int
    planned: int
    freeze_count: int
    fine_tune: bool
    test_loss: float
    grid_loss: float


def main(argv: Sequence[str]) -> int:
    """Writes cell_search.csv and prints means and the worst, over sizes and seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ledger", type=Path, default=PUBLISHED / "ledger.csv.gz")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    arguments = parser.parse_args(argv)
    config, began = load_config(PRESETS / "report.yaml"), time.perf_counter()
    rows = pd.read_csv(arguments.ledger)
    found = [
        one
        for _, of_transfer in rows[rows["source"].notna()].groupby("transfer", sort=True)
        for draws in range(1, config.draws + 1)
        for seed in range(config.seed, config.seed + arguments.seeds)
        for one in replayed(of_transfer, config, draws, seed)
    ]
    table = pd.DataFrame([dataclasses.asdict(one) for one in found])
    arguments.out.mkdir(parents=True, exist_ok=True)
    table.round(4).to_csv(arguments.out / "cell_search.csv", index=False)
    print(summary(table, ["transfer", "draws"]).to_string())
    print(summary(table, ["n", "draws"]).to_string())
    print(summary(table, ["draws"]).to_string())
    print(f"{time.perf_counter() - began:.0f} s")
    return 0


def replayed(rows: pd.DataFrame, config: ExperimentConfig, draws: int, seed: int) -> Iterator[Replay]:
    """A search of one transfer at every n of its rows.

    Args:
      rows: of the ledger, one transfer's.
      config: of the ledger.
      draws: of every cell, in the search; the ledger has as many or more.
      seed: of the search.
    """
    sizes = {int(n): of_size for n, of_size in rows.groupby("n")}
    purses = {n: Purse(Grid(of_size[of_size["draw"] < draws])) for n, of_size in sizes.items()}
    settings = settings_of(rows, config, draws, seed)

    def val_accuracy(cell: Cell, draw: int) -> float:
        return purses[cell.n].train((settings.name, cell.freeze_count, cell.fine_tune), draw)

    def train(plan: Plan) -> bool:
        for execution in plan:
            val_accuracy(*execution)
        return True

    val_images = round(config.data.val_fraction * IMAGES_PER_CLASS * len(config.target.classes))
    with tempfile.TemporaryDirectory() as folder:
        search_cells(settings, config.most_frozen(settings.architecture), val_images, train, val_accuracy, Path(folder))
    for n, purse in purses.items():
        yield _replay(purse, Grid(sizes[n]), seed)


def settings_of(rows: pd.DataFrame, config: ExperimentConfig, draws: int, seed: int) -> SweepSettings:
    """The search settings of a transfer's Tuner node."""
    first = rows.iloc[0]
    return SweepSettings(
        role="transfer", name=first["transfer"], source=first["source"], architecture=first["architecture"],
        classes=config.target.classes, image_shape=config.data.image_shape, image_key=config.data.image_key,
        schedule=config.schedule, seed=seed, data_name=first["data"], code="", sizes=tuple(sorted(set(rows["n"]))),
        search="bayesian", freeze_counts=tuple(sorted(set(rows["freeze_count"]))), fine_tune=config.fine_tune,
        draws=draws, deployed_size=max(rows["n"]), ledger_dir=Path("nowhere"),
    )  # fmt: skip


def _replay(purse: Purse, whole: Grid, seed: int) -> Replay:
    """The result of a search: like a Tuner, the best on val of the cells that have all draws."""
    grid = purse.grid
    complete = [way for way in grid.ways if all((way, draw) in purse.trained for draw in range(grid.draws))]
    chosen = grid.best_among(complete)
    best = whole.mean(whole.best, "test_accuracy")
    return Replay(
        chosen[0], grid.n, grid.draws, seed, purse.spent / grid.seconds, len(purse.trained), len(grid.rows),
        *chosen[1:], best - whole.mean(chosen, "test_accuracy"), best - whole.mean(grid.best, "test_accuracy"),
    )  # fmt: skip


def summary(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Means over the rest, and the worst."""
    groups = table.groupby(list(by), sort=False)
    return pd.DataFrame({
        "share of seconds": groups["share_of_seconds"].mean(), "most": groups["share_of_seconds"].max(),
        "trained": groups["trained"].mean(), "planned": groups["planned"].mean(),
        "test loss": groups["test_loss"].mean(), "worst": groups["test_loss"].max(),
        "grid's test loss": groups["grid_loss"].mean(), "grid's worst": groups["grid_loss"].max(),
    }).round(2)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
