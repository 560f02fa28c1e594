"""What one worker does in one go, and which it is given next. Imports cell_selection alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ledger.cell_selection import Cell


@dataclasses.dataclass(frozen=True)
class Unit:
    """What one worker does in one go: the cells that share n, freeze_count and draw, and so phase 1."""

    cells: tuple[Cell, ...]
    draw: int

    @property
    def freeze_count(self) -> int:
        return self.cells[0].freeze_count


def group_units(executions: Sequence[tuple[Cell, int]]) -> list[Unit]:
    """Executions in units, the longest first: fewest frozen layers, most images; twins without fine-tuning lead."""
    groups: dict[tuple[int, int, int], list[Cell]] = {}
    for cell, draw in executions:
        groups.setdefault((cell.n, cell.freeze_count, draw), []).append(cell)
    units = [
        Unit(tuple(sorted(cells, key=lambda cell: cell.fine_tune)), draw) for (_, _, draw), cells in groups.items()
    ]
    return sorted(units, key=lambda unit: (unit.freeze_count, -unit.cells[0].n, unit.draw))


def best_fit(pending: Sequence[Unit], warm: int | None, elsewhere: set[int | None]) -> Unit:
    """A unit of the freeze count whose program the worker has compiled; else of one that no other worker has."""
    return min(pending, key=lambda unit: (unit.freeze_count != warm, unit.freeze_count in elsewhere))
