"""Choosing a cell by val accuracy alone; nothing here ever reads a test figure. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
import statistics
from collections import defaultdict
from collections.abc import Iterable

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
