"""A transfer's cell against the best network trained from scratch, whatever its architecture. No TensorFlow."""

from __future__ import annotations

import dataclasses

from analysis.cells.cell_summaries import MeasuredCell
from analysis.cells.grid import Grid, SweepCell
from analysis.statistics.paired_intervals import Interval, Verdict
from ledger.cell_selection import rounded_off


@dataclasses.dataclass(frozen=True)
class FromScratch:
    """How far a transfer's cell is ahead of the network from scratch that is best on val at its n.

    Attributes:
      best: that network's cell, of any architecture of the run.
      lead: the transfer's accuracy minus that of `best` in percentage points, paired by draw and image.
      verdict: of `lead`.
    """

    best: MeasuredCell
    lead: Interval
    verdict: Verdict


def best_from_scratch(grid: Grid, n: int) -> SweepCell:
    """The baseline's cell with the best val accuracy at n; reads no test figures.

    Raises:
      ValueError: no baseline has n (a transfer's own always has).
    """
    places = [
        (grid.ledgers.baselines[architecture].header.sweep, cells[n])
        for architecture, cells in grid.chosen.baselines.items()
        if n in cells
    ]
    return max(places, key=lambda place: rounded_off(grid.val(place)))
