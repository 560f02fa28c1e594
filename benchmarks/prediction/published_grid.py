"""The trainings of a published ledger by cell, with their costs, in place of new ones. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.stats

from analysis.cells.paired_ledgers import BASELINE_PREFIX
from analysis.statistics.paired_intervals import Interval
from benchmarks.inputs.fresh_rows import fresh_draws, is_plain, read_rows
from pipeline.runs.run_files import damaged

PUBLISHED = Path(__file__).resolve().parents[2] / "docs" / "results"
"""The ledger and the claims of the preset `report`."""
BUDGET_SHARE = 0.25

Way = tuple[str, int, bool]
"""Transfer, freeze_count, fine_tune."""


class Grid:
    """One size's trainings.

    Args:
      rows: of transfers only, or of baselines only.
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
        return float(self.by_draw(way, column).mean())

    def by_draw(self, way: Way, column: str, draws: Sequence[int] | None = None) -> np.ndarray:
        """A cell's accuracy on some draws, all if none are given, in points; float64 [draws]."""
        chosen = self.draws_of(way) if draws is None else draws
        return 100 * np.array([getattr(self.rows[way, draw], column) for draw in chosen])

    def draws_of(self, way: Way) -> list[int]:
        """Numbers of a cell's draws; empty if it was not trained."""
        return sorted(draw for other, draw in self.rows if other == way)

    @property
    def best(self) -> Way:
        """The whole grid's choice."""
        return self.best_among(self.ways)

    def best_of(self, transfer: str) -> Way:
        """The whole grid's choice for one transfer."""
        return self.best_among([way for way in self.ways if way[0] == transfer])

    def best_among(self, ways: Sequence[Way]) -> Way:
        """The best mean on val."""
        return max(ways, key=lambda way: self.mean(way, "val_accuracy"))


class Purse:
    """Counts the cost of rows, each once. Fine-tuning continues from its counterpart, whose cost counts too."""

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


def cell_seconds(grid: Grid, way: Way) -> float:
    """Mean seconds of one training of a cell; a fine-tuned cell includes its counterpart's."""
    twins = [(way[0], way[1], tuned) for tuned in ((False, True) if way[2] else (False,))]
    return statistics.fmean(
        sum(grid.rows[twin, draw].seconds for twin in twins) for draw in range(grid.draws)
    )  # fmt: skip


def expected_seconds(grid: Grid) -> float:
    """Seconds of the whole grid: every fine-tuned cell with its counterpart."""
    return grid.draws * sum(cell_seconds(grid, way) for way in grid.ways if way[2])


@dataclasses.dataclass(frozen=True)
class Published:
    """The published grid, and the fresh draws of what it chose.

    Attributes:
      transfers, baselines: trainings of the grid, by n.
      fresh: trainings on fresh draws, transfers and baselines together, by n; empty for a grid that has none.
      claims: verdicts, by claim.
      about: the other entries of claims.json, such as `data` and `target_classes`.
    """

    transfers: Mapping[int, Grid]
    baselines: Mapping[int, Grid]
    fresh: Mapping[int, Grid]
    claims: Mapping[str, str]
    about: Mapping[str, Any]

    def accuracy(self, n: int, way: Way) -> float:
        """Mean test accuracy of a chosen cell in points: of its fresh draws, or of the grid's if it has none."""
        return self._trained(n, way).mean(way, "test_accuracy")

    def gain(self, n: int, transfer: str, baseline: str) -> Interval:
        """Points of a transfer's cell above a baseline's, each chosen on val; Student's interval over common draws."""
        ways = self.transfers[n].best_of(transfer), self.baselines[n].best_of(baseline)
        above, below = (self._trained(n, way) for way in ways)
        common = sorted(set(above.draws_of(ways[0])) & set(below.draws_of(ways[1])))
        if len(common) < 2:  # one of them has no fresh draws
            above, below = self.transfers[n], self.baselines[n]
            common = sorted(set(above.draws_of(ways[0])) & set(below.draws_of(ways[1])))
        one, other = (
            grid.by_draw(way, "test_accuracy", common) for grid, way in zip((above, below), ways, strict=True)
        )
        mean = float((one - other).mean())
        if len(common) < 2:
            return Interval(-100.0, mean, 100.0, len(common))
        half = float(scipy.stats.t.ppf(0.975, len(common) - 1) * (one - other).std(ddof=1) / np.sqrt(len(common)))
        return Interval(mean - half, mean, mean + half, len(common))

    def _trained(self, n: int, way: Way) -> Grid:
        """The trainings with a cell's fresh draws, or the grid's if it has none."""
        if n in self.fresh and self.fresh[n].draws_of(way):
            return self.fresh[n]
        return self.transfers[n] if way in self.transfers[n].ways else self.baselines[n]


def read_published(folder: Path) -> Published:
    """The ledger and the claims that docs_build.results_page has written, and fresh draws of what the grid chose.

    Raises:
      ThawError: a file is missing or can't be read.
    """
    try:
        rows = pd.read_csv(folder / "ledger.csv.gz")
        fresh = _by_size(_fresh(folder))
        about = json.loads((folder / "claims.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise damaged(folder, error) from error
    transferred = rows["source"].notna()
    claims = {one["id"]: one["verdict"] for one in about["claims"]}
    return Published(_by_size(rows[transferred]), _by_size(rows[~transferred]), fresh, claims, about)


def _fresh(folder: Path) -> pd.DataFrame:
    """Fresh draws of a run that was published, or the cells of the record that have all their draws.

    With nothing frozen a baseline has nothing to fine-tune, so its rows are those of both ways.
    """
    if (folder / "confirmed.csv.gz").exists():
        return pd.read_csv(folder / "confirmed.csv.gz")
    known = [row for row in read_rows(folder / "fresh_draws.csv").values() if is_plain(row.place)]
    trained = Counter((row.place.sweep, row.place.cell) for row in known)
    values = [
        (place.sweep, place.sweep.split("__")[1], place.cell.n, place.cell.freeze_count, tuned, place.draw,
         row.val_accuracy, row.correct.mean(), row.seconds)
        for row in known for place in [row.place] if trained[place.sweep, place.cell] == len(fresh_draws(place.cell.n))
        for tuned in ((False, True) if place.sweep.startswith(BASELINE_PREFIX) else (place.cell.fine_tune,))
    ]  # fmt: skip
    return pd.DataFrame(values, columns=["transfer", "architecture", "n", "freeze_count", "fine_tune", "draw",
                                         "val_accuracy", "test_accuracy", "seconds"])  # fmt: skip


def _by_size(rows: pd.DataFrame) -> dict[int, Grid]:
    return {int(n): Grid(of_size) for n, of_size in rows.groupby("n")}
