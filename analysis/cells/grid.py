"""The whole grid: which images any cell gets right, and differences between cells. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
import functools
import statistics
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from analysis.cells.paired_ledgers import Ledgers, Sweep
from analysis.statistics.paired_intervals import Interval, difference_interval
from experiment.errors import ThawError
from ledger.cell_selection import Cell, best_cell

SweepCell = tuple[str, Cell]
"""A sweep, named as in its ledger's header, and a cell of it."""

Terms = Mapping[SweepCell, float]
"""A difference between cells, each with its weight: {a: 1, b: -1} is the accuracy of a minus that of b."""


@dataclasses.dataclass(frozen=True)
class Chosen:
    """The cell with the best val accuracy at each n: transfers by id, baselines by architecture."""

    transfers: Mapping[str, Mapping[int, Cell]]
    baselines: Mapping[str, Mapping[int, Cell]]


class Grid:
    """Every sweep of a report, its executions found by sweep, cell and draw.

    Args:
      ledgers: checked and paired.

    Raises:
      ThawError: sweeps were tested on different images.
    """

    def __init__(self, ledgers: Ledgers):
        self.ledgers = ledgers
        self.sweeps: dict[str, Sweep] = {
            sweep.header.sweep: sweep for sweep in (*ledgers.transfers.values(), *ledgers.baselines.values())
        }
        tested = {sweep.header.test_ids_hash for sweep in self.sweeps.values()}
        if len(tested) > 1:
            raise ThawError(
                f"The ledgers were tested on {len(tested)} different sets of test images, so transfers "
                "can't be compared with each other. Delete the ledgers of an earlier run "
                "and run the same configuration again."
            )
        self._correct: dict[SweepCell, dict[int, np.ndarray]] = {}

    @functools.cached_property
    def chosen(self) -> Chosen:
        """At each n of each sweep the best cell on val; reads no test figures."""

        def by_size(sweep: Sweep) -> dict[int, Cell]:
            return {n: best_cell(sweep.rows, n) for n in sorted({cell.n for cell in sweep.cells})}

        return Chosen(
            {name: by_size(sweep) for name, sweep in self.ledgers.transfers.items()},
            {name: by_size(sweep) for name, sweep in self.ledgers.baselines.items()},
        )

    @functools.cached_property
    def sizes(self) -> list[int]:
        """Every n of any transfer, rising."""
        return sorted({cell.n for sweep in self.ledgers.transfers.values() for cell in sweep.cells})

    def baseline_of(self, place: SweepCell) -> SweepCell:
        """The baseline of a transfer's cell: the same architecture, n and fine_tune.

        Raises:
          ThawError: the baseline has no such cell.
        """
        sweep = self.sweeps[place[0]]
        [row] = self.ledgers.baseline_rows(sweep, sweep.cells[place[1]][:1])
        name = self.ledgers.baseline_of(sweep).header.sweep
        return name, Cell.of_row(row)

    def gain(self, place: SweepCell) -> dict[SweepCell, float]:
        """The terms of a cell's gain over its baseline."""
        return {place: 1.0, self.baseline_of(place): -1.0}

    def val(self, place: SweepCell) -> float:
        """Mean val accuracy over draws, a fraction, which the choice reads."""
        return statistics.fmean(row.val_accuracy for row in self.sweeps[place[0]].cells[place[1]])

    def val_of(self, terms: Terms) -> float:
        """A difference on val, in percentage points."""
        return 100 * sum(weight * self.val(place) for place, weight in terms.items())

    def correct(self, place: SweepCell) -> dict[int, np.ndarray]:
        """By draw, float32 [test images]: 1 if right."""
        if place not in self._correct:
            sweep = self.sweeps[place[0]]
            rows = sweep.cells[place[1]]
            right = sweep.correct(rows).astype(np.float32)
            self._correct[place] = {row.draw: one for row, one in zip(rows, right, strict=True)}
        return self._correct[place]

    def common_draws(self, places: Iterable[SweepCell]) -> list[int]:
        """Draws that every one of the cells was run on."""
        return sorted(set.intersection(*(set(self.correct(place)) for place in places)))

    def values(self, terms: Terms, draws: Sequence[int] | None = None) -> np.ndarray:
        """A difference for each draw and each test image, float32 [draws, images].

        Args:
          terms: the difference.
          draws: of those that all its cells share; None: all of them.

        Raises:
          ThawError: the cells share no draw.
        """
        draws = self.common_draws(terms) if draws is None else draws
        if not draws:
            names = sorted({name for name, _ in terms})
            raise ThawError(f"Cells of {names} share no draw, so they can't be compared. Run with the same draws.")
        return np.stack([sum(np.float32(weight) * self.correct(place)[draw] for place, weight in terms.items())
                         for draw in draws])  # fmt: skip

    def difference(self, terms: Terms, draws: Sequence[int] | None = None) -> tuple[Interval, float]:
        """A difference in percentage points with its interval and two-sided p-value (`difference_interval`).

        Args:
          terms, draws: as in `values`.
        """
        groups = next(iter(self.sweeps.values())).groups
        return difference_interval(self.values(terms, draws), groups=groups)


def averaged(parts: Sequence[Terms]) -> dict[SweepCell, float]:
    """The mean of several differences as one.

    Raises:
      ValueError: no difference was given.
    """
    if not parts:
        raise ValueError("Expected at least one cell to average, got none.")
    return combined([(1 / len(parts), part) for part in parts])


def combined(parts: Iterable[tuple[float, Terms]]) -> dict[SweepCell, float]:
    """A weighted sum of differences as one; cells that cancel are left out."""
    total: dict[SweepCell, float] = {}
    for factor, part in parts:
        for place, weight in part.items():
            total[place] = total.get(place, 0.0) + factor * weight
    return {place: weight for place, weight in total.items() if abs(weight) > 1e-12}
