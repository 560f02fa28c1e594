"""The trainings of a published ledger by cell, and what they cost, instead of new ones. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.stats

from analysis.statistics.paired_intervals import Interval
from pipeline.runs.run_files import damaged

PUBLISHED = Path(__file__).resolve().parents[2] / "docs" / "results"
"""The ledger and the claims of the preset `report`."""
BUDGET_SHARE = 0.25

Way = tuple[str, int, bool]
"""Transfer, freeze_count, fine_tune."""


class Grid:
    """One size's trainings.

    Args:
      rows: of transfers alone, or of baselines alone.
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

    def by_draw(self, way: Way, column: str) -> np.ndarray:
        """A cell's accuracy on each draw, in points; float64 [draws]."""
        return 100 * np.array([getattr(self.rows[way, draw], column) for draw in range(self.draws)])

    @property
    def best(self) -> Way:
        """What the whole grid would choose."""
        return self.best_among(self.ways)

    def best_of(self, transfer: str) -> Way:
        """What the whole grid would choose of one transfer."""
        return self.best_among([way for way in self.ways if way[0] == transfer])

    def best_among(self, ways: Sequence[Way]) -> Way:
        """The best mean on val."""
        return max(ways, key=lambda way: self.mean(way, "val_accuracy"))


class Purse:
    """Pays for rows, for each once. Fine-tuning continues from its counterpart, which is paid for too."""

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
    """Mean seconds of one training of a cell, its counterpart's among them where it is fine-tuned."""
    twins = [(way[0], way[1], tuned) for tuned in ((False, True) if way[2] else (False,))]
    return statistics.fmean(
        sum(grid.rows[twin, draw].seconds for twin in twins) for draw in range(grid.draws)
    )  # fmt: skip


def expected_seconds(grid: Grid) -> float:
    """Of the whole grid: every fine-tuned cell with its counterpart."""
    return grid.draws * sum(cell_seconds(grid, way) for way in grid.ways if way[2])


@dataclasses.dataclass(frozen=True)
class Published:
    """The published grid.

    Attributes:
      transfers, baselines: trainings, by n.
      claims: verdicts, by claim.
      about: what claims.json says beside them, `data` and `target_classes` among it.
    """

    transfers: Mapping[int, Grid]
    baselines: Mapping[int, Grid]
    claims: Mapping[str, str]
    about: Mapping[str, Any]

    def gain(self, n: int, transfer: str, baseline: str) -> Interval:
        """Points of a transfer's cell above a baseline's, each chosen on val; Student's interval over draws."""
        above, below = self.transfers[n], self.baselines[n]
        gains = above.by_draw(above.best_of(transfer), "test_accuracy")
        gains = gains - below.by_draw(below.best_of(baseline), "test_accuracy")
        mean, draws = float(gains.mean()), len(gains)
        half = float(scipy.stats.t.ppf(0.975, draws - 1) * gains.std(ddof=1) / np.sqrt(draws))
        return Interval(mean - half, mean, mean + half, draws)


def read_published(folder: Path) -> Published:
    """The ledger and the claims that docs_build.results_page has written.

    Raises:
      ThawError: a file is missing or can't be read.
    """
    try:
        rows = pd.read_csv(folder / "ledger.csv.gz")
        about = json.loads((folder / "claims.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise damaged(folder, error) from error
    transferred = rows["source"].notna()
    transfers, baselines = (
        {int(n): Grid(of_size) for n, of_size in some.groupby("n")} for some in (rows[transferred], rows[~transferred])
    )
    return Published(transfers, baselines, {one["id"]: one["verdict"] for one in about["claims"]}, about)
