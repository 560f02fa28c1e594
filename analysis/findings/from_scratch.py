"""A transfer's cell against the best network trained from scratch, whatever its architecture. No TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from analysis.cells.cell_summaries import CellSummary, MeasuredCell, Summaries
from analysis.cells.grid import Grid, SweepCell
from analysis.statistics.paired_intervals import Interval, Verdict, verdict


@dataclasses.dataclass(frozen=True)
class FromScratch:
    """The baseline whose best cell is best on val at one n, and how far a transfer's cell of that n is ahead on test.

    Attributes:
      best: that baseline's cell, of any architecture of the run.
      lead: the transfer's accuracy less that of `best` in percentage points, paired by draw and image.
      verdict: of `lead`. Where `best` is the transfer's own baseline, `lead` is its gain and this is the gain's
        verdict; else it is one comparison chosen on val, so its interval decides.
    """

    best: MeasuredCell
    lead: Interval
    verdict: Verdict


def measured_cells(summaries: Summaries) -> dict[SweepCell, MeasuredCell]:
    """Every cell of every transfer and baseline by its place."""
    return {
        (summary.sweep, summary.cell): summary
        for group in (*summaries.transfers.values(), *summaries.baselines.values())
        for summary in group
    }


def best_from_scratch(grid: Grid, n: int) -> SweepCell:
    """The baseline's cell with the best val accuracy at n; test plays no part.

    Raises:
      ValueError: no baseline has n (a transfer's own always has).
    """
    places = [
        (grid.ledgers.baselines[architecture].header.sweep, cells[n])
        for architecture, cells in grid.chosen.baselines.items()
        if n in cells
    ]
    return max(places, key=grid.val)


def against_scratch(grid: Grid, measured: Mapping[SweepCell, MeasuredCell], summary: CellSummary) -> FromScratch:
    """How far a transfer's cell is ahead of the best network from scratch at its n."""
    place = summary.sweep, summary.cell
    best = best_from_scratch(grid, summary.cell.n)
    if _is_same(grid, best, grid.baseline_of(place)):
        return FromScratch(measured[best], summary.gain_points, summary.verdict)
    lead, _ = grid.lead(place, {best: 1.0})
    return FromScratch(measured[best], lead, verdict(lead, rejected=True))


def _is_same(grid: Grid, one: SweepCell, other: SweepCell) -> bool:
    """True of one baseline's cells that hold the same executions: nothing is fine-tuned that was trained whole."""
    if one[0] != other[0]:
        return False
    found, twin = grid.correct(one), grid.correct(other)
    return found.keys() == twin.keys() and all(np.array_equal(found[draw], twin[draw]) for draw in found)
