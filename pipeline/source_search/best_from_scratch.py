"""The cell that `thaw search` chose, against every network from scratch on the same draws. Imports no TensorFlow."""

from __future__ import annotations

from analysis.cells.cell_summaries import CellSummary, summarise
from analysis.cells.paired_ledgers import Ledgers
from analysis.findings.from_scratch import FromScratch
from analysis.statistics.metric_intervals import LEVEL
from analysis.statistics.paired_intervals import paired_gain_interval, verdict
from ledger.cell_selection import rounded_off


def compared_with_scratch(ledgers: Ledgers, transfer: str) -> tuple[CellSummary, FromScratch | None]:
    """The transfer's one cell, and its lead over the network from scratch that is best on val.

    Args:
      ledgers: one cell of the transfer and one of each baseline, of the same draws.
      transfer: which.

    Returns:
      The cell against its baseline, and its lead; None if the best from scratch is that baseline.
    """
    summaries, sweep = summarise(ledgers), ledgers.transfers[transfer]
    [chosen] = summaries.transfers[transfer]
    best = max((cell for [cell] in summaries.baselines.values()), key=lambda cell: rounded_off(cell.val_accuracy))
    if best.architecture == sweep.header.baseline:
        return chosen, None
    scratch = ledgers.baselines[best.architecture]
    lead, p_value = paired_gain_interval(
        sweep.correct(sweep.cells[chosen.cell]), scratch.correct(scratch.cells[best.cell]), groups=sweep.groups
    )
    return chosen, FromScratch(best, lead, verdict(lead, rejected=p_value <= 1 - LEVEL))
