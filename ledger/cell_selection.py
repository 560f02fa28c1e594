"""Chooses a cell by val accuracy; nothing here reads a test figure. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from experiment.schedules import layers_in_table
from ledger.rows import Row


@dataclasses.dataclass(frozen=True, order=True, repr=False)
class Cell:
    """One point of a sweep's grid.

    Attributes:
      n, freeze_count, fine_tune: labelled images; layers frozen from below; whether all are trained in the end.
      held_from: layers from here on are held too, so that those from freeze_count up to here and the head alone are
        tuned (Lee et al., arXiv 2210.11466); 0 where all above the frozen layers are trained.
    """

    n: int
    freeze_count: int
    fine_tune: bool
    held_from: int = 0

    def __repr__(self) -> str:
        """For messages; names held_from only if layers are held."""
        held = f", held_from={self.held_from}" if self.held_from else ""
        return f"Cell(n={self.n}, freeze_count={self.freeze_count}, fine_tune={self.fine_tune}{held})"

    @classmethod
    def of_row(cls, row: Row) -> Cell:
        """The cell of a row."""
        return cls(row.n, row.freeze_count, row.fine_tune, row.held_from)

    @classmethod
    def of_values(cls, values: Mapping[str, Any]) -> Cell:
        """From values by name, as KerasTuner and JSON hold them; held_from may be missing."""
        return cls(values["n"], values["freeze_count"], bool(values["fine_tune"]), values.get("held_from", 0))

    @property
    def note(self) -> str:
        """For a progress bar: `n=200 k=13 fine-tuned`."""
        return f"n={self.n} k={self.layers}{' fine-tuned' * self.fine_tune}"

    @property
    def layers(self) -> str:
        """As a column `k` has them: `4`, or `[4, 6]` where layers above are held."""
        return layers_in_table(self.freeze_count, self.held_from)


def rows_by_cell(rows: Iterable[Row]) -> dict[Cell, list[Row]]:
    """Groups rows by their cell, each group in the order of its draws."""
    groups: dict[Cell, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (Cell.of_row(row), row.draw)):
        groups[Cell.of_row(row)].append(row)
    return dict(groups)


def best_cell(rows: Iterable[Row], n: int) -> Cell:
    """The cell at size n with the highest val accuracy, averaged over its draws.

    Ties go to the cell with more layers frozen from below, then to the one without fine-tuning, then to the one that
    tunes fewer layers: the cheaper model.

    Raises:
      ValueError: no row has size n.
    """
    groups = {cell: group for cell, group in rows_by_cell(rows).items() if cell.n == n}
    if not groups:
        raise ValueError(f"No execution at n={n} to choose from.")

    def merit(cell: Cell) -> tuple[float, int, bool, bool, int]:
        return cell_merit(cell, statistics.fmean(row.val_accuracy for row in groups[cell]))

    return max(groups, key=merit)


def rounded_off(accuracy: float) -> float:
    """A mean of accuracies to compare with another one or a bound: 0.9 and 0.8 have the mean of 0.85 and 0.85.

    As floats they differ by 1e-16, and that would decide; one image of 10 million changes an accuracy by 1e-7.
    """
    return round(accuracy, 9)


def cell_merit(cell: Cell, val_accuracy: float) -> tuple[float, int, bool, bool, int]:
    """The key that `best_cell` maximises.

    Args:
      cell: of any n.
      val_accuracy: its mean, a fraction.
    """
    return (rounded_off(val_accuracy), cell.freeze_count, not cell.fine_tune, cell.held_from > 0, -cell.held_from)
