"""Which transfer to use at each n: chosen on val, reported on test. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses

from analysis.cells.cell_summaries import CellSummary, MeasuredCell, Summaries
from analysis.cells.grid import Grid, SweepCell
from analysis.claims.claim import shown
from analysis.findings.from_scratch import against_scratch, best_from_scratch, measured_cells
from analysis.statistics import formats
from analysis.statistics.paired_intervals import Interval, Verdict
from experiment.backbones import network_in_words, unit_of
from ledger.cell_selection import Cell


@dataclasses.dataclass(frozen=True)
class Advice:
    """The model with the best val accuracy at one n, among every transfer's and every baseline's best cell.

    Attributes:
      n: labelled images.
      best: the model; a baseline where training from scratch is best on val.
      scratch: the baseline that is best on val.
      over_scratch: its lead on test over `scratch`, in points (from_scratch.FromScratch). None where it is `scratch`.
      verdict: of `over_scratch`, the one that blessing and the tables go by; None if it is `scratch`.
      next_best: the sweep that follows on val; empty if no other was swept.
      lead: over `next_best`'s best cell, on test.
    """

    n: int
    best: MeasuredCell
    scratch: MeasuredCell
    over_scratch: Interval | None
    verdict: Verdict | None
    next_best: str
    lead: Interval | None

    @property
    def sentence(self) -> str:
        """`With 100 labelled images: the original network, features frozen, 88.1% [86.9, 89.2], +21 points ...`"""
        accuracy = self.best.accuracy
        measured = f"{formats.percent(accuracy.estimate)} {formats.percent_interval((accuracy.low, accuracy.high))}"
        return f"With {self.n} labelled images: {model_in_words(self.best)}, {measured}{self._worth()}."

    def _worth(self) -> str:
        if self.over_scratch is None:
            return ": no transfer does better on val than training from scratch"
        over = f", {shown(self.over_scratch)} over {network_in_words(self.scratch.architecture)} from scratch"
        if self.scratch.architecture != self.best.baseline_architecture:
            over += " (the best of those on val)"
        if self.verdict == "undecided":
            return over + ", undecided: the transfer may gain nothing"
        return over if self.verdict == "gain" else over + "; the choice on val did not hold on test"


def advise(grid: Grid, summaries: Summaries) -> list[Advice]:
    """One Advice for each n that any transfer has, rising."""
    measured = measured_cells(summaries)
    return [_advise(grid, measured, n) for n in grid.sizes]


def _advise(grid: Grid, measured: dict[SweepCell, MeasuredCell], n: int) -> Advice:
    transfers = [(name, cells[n]) for name, cells in grid.chosen.transfers.items() if n in cells]
    scratch = best_from_scratch(grid, n)
    ranked = sorted([*transfers, scratch], key=grid.val, reverse=True)
    best, follower = ranked[0], ranked[1] if len(ranked) > 1 else None
    summary = measured[best]
    ahead = against_scratch(grid, measured, summary) if isinstance(summary, CellSummary) else None
    return Advice(
        n=n,
        best=summary,
        scratch=measured[scratch],
        over_scratch=ahead.lead if ahead else None,
        verdict=ahead.verdict if ahead else None,
        next_best=follower[0] if follower else "",
        lead=grid.lead(best, {follower: 1.0})[0] if follower else None,
    )


def model_in_words(measured: MeasuredCell) -> str:
    """`the backbone mobilenet_v2 from imagenet, features frozen`."""
    architecture = network_in_words(measured.architecture)
    if not measured.source:
        return f"{architecture} from scratch"
    way = way_in_words(measured.cell, measured.architecture, measured.max_freeze_count)
    return f"{architecture} from {measured.source}, {way}"


def way_in_words(cell: Cell, architecture: str, most: int) -> str:
    """`features frozen`, `first 4 of 8 layers frozen, then fine-tuned`, `nothing frozen`.

    Args:
      cell, architecture: what is transferred how.
      most: layers or parts that can be frozen.
    """
    unit = unit_of(architecture) + "s"
    if cell.freeze_count == 0:
        frozen = "nothing frozen"
    elif cell.freeze_count == most:
        frozen = "features frozen"
    else:
        frozen = f"first {cell.freeze_count} of {most} {unit} frozen"
    return f"{frozen}, then fine-tuned" if cell.fine_tune else frozen
