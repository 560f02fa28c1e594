"""Executions in units, and which unit suits a worker; processes and machines share it. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Sequence

from ledger.cell_selection import Cell

Planned = tuple[Cell, int]
"""One execution: a cell and the number of its draw."""
LONG_S = 40.0
"""Seconds of a training for which one more worker begins its sweep, which takes 8 s and more, although another sweep
waits (worker_pools.joint_pool)."""


@dataclasses.dataclass(frozen=True)
class Unit:
    """The work that one worker takes at once: the cells that share n, trained layers and draw, and so phase 1."""

    cells: tuple[Cell, ...]
    draw: int

    @property
    def freeze_count(self) -> int:
        return self.cells[0].freeze_count

    @property
    def phase_1(self) -> Planned:
        """The execution that trains only what all cells share; not all units have one."""
        return dataclasses.replace(self.cells[0], fine_tune=False), self.draw

    @property
    def executions(self) -> list[Planned]:
        """In the order in which they are to run."""
        return [(cell, self.draw) for cell in self.cells]

    def without(self, ended: Container[Planned]) -> Unit | None:
        """The part that has not ended; None if everything has."""
        cells = tuple(cell for cell in self.cells if (cell, self.draw) not in ended)
        return Unit(cells, self.draw) if cells else None


def group_units(executions: Sequence[Planned]) -> list[Unit]:
    """Executions in units, the longest first: fewest frozen layers, most images; cells without fine-tuning first."""
    groups: dict[tuple[int, int, int, int], list[Cell]] = {}
    for cell, draw in executions:
        groups.setdefault((cell.n, cell.freeze_count, cell.held_from, draw), []).append(cell)
    units = [Unit(tuple(sorted(cells, key=lambda cell: cell.fine_tune)), draw) for (*_, draw), cells in groups.items()]
    return sorted(units, key=lambda unit: (unit.freeze_count, unit.cells[0].held_from, -unit.cells[0].n, unit.draw))


def best_fit(pending: Sequence[Unit], warm: int | None, elsewhere: Container[int | None]) -> Unit:
    """A unit of the freeze count whose program the worker has compiled; else of one that no other worker has."""
    return min(pending, key=lambda unit: (unit.freeze_count != warm, unit.freeze_count in elsewhere))
