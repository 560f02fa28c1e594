"""Choosing a cell by val accuracy alone; nothing here ever reads a test figure. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence

from scipy import stats

from ledger.rows import Row


@dataclasses.dataclass(frozen=True, order=True)
class Cell:
    """One point of a sweep's grid."""

    n: int
    freeze_count: int
    fine_tune: bool


def rows_by_cell(rows: Iterable[Row]) -> dict[Cell, list[Row]]:
    """Groups rows by their cell, each group in the order of its draws."""
    groups: dict[Cell, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.n, row.freeze_count, row.fine_tune, row.draw)):
        groups[Cell(row.n, row.freeze_count, row.fine_tune)].append(row)
    return dict(groups)


def best_cell(rows: Iterable[Row], n: int) -> Cell:
    """The cell at size n with the highest val accuracy, averaged over its draws.

    Ties go to the cell with more frozen layers, then to the one without fine-tuning: the cheaper model.

    Raises:
      ValueError: no row has size n.
    """
    groups = {cell: group for cell, group in rows_by_cell(rows).items() if cell.n == n}
    if not groups:
        raise ValueError(f"No execution at n={n} to choose from.")

    def merit(cell: Cell) -> tuple[float, int, bool]:
        mean = statistics.fmean(row.val_accuracy for row in groups[cell])
        return (round(mean, 9), cell.freeze_count, not cell.fine_tune)

    return max(groups, key=merit)


LEVEL = 0.95


def undecided_cells(rows: Iterable[Row], baseline: Iterable[Row], draws: int) -> list[Cell]:
    """Cells with exactly that many draws whose gain over the baseline on val may be nothing, in the order of cells.

    The gain is paired by draw; it is undecided while its 95% interval (Student's t over draws) contains 0. A cell's
    twin is named with it: both go on from one phase 1. Test plays no part: no repeat seeks a verdict of the report.

    Args:
      rows: of the transfer.
      baseline: of its architecture's baseline; holds every n, fine_tune and draw of the transfer.
      draws: how many each cell has by now.

    Raises:
      KeyError: the baseline lacks a draw.
    """
    of_baseline = {(row.n, row.fine_tune, row.draw): row.val_accuracy for row in baseline}
    groups = {cell: group for cell, group in rows_by_cell(rows).items() if len(group) == draws}
    undecided = {
        (cell.n, cell.freeze_count)
        for cell, group in groups.items()
        if may_be_nothing([row.val_accuracy - of_baseline[row.n, row.fine_tune, row.draw] for row in group])
    }
    return [cell for cell in groups if (cell.n, cell.freeze_count) in undecided]


def may_be_nothing(gains: Sequence[float]) -> bool:
    """Whether the 95% interval of the gains' mean contains 0; with one draw nothing is decided."""
    if len(gains) < 2:
        return True
    half = stats.t.ppf((1 + LEVEL) / 2, len(gains) - 1) * statistics.stdev(gains) / math.sqrt(len(gains))
    return bool(abs(statistics.fmean(gains)) <= half)
