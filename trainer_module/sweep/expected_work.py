"""How long a sweep's executions are expected to continue, for the progress bar. Imports no TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from experiment.machine import Expected, read_machine
from ledger.cell_selection import Cell
from terminal.time_left import Piece, TimeLeft
from trainer_module.sweep.units import Planned


class ExpectedWork:
    """The time left of one sweep on this machine; executions count alike where nobody has planned them.

    Args:
      folder: of the search's ledgers, with the machine's file.
      sweep: its name.
      workers: processes that train side by side.
    """

    def __init__(self, folder: Path, sweep: str, workers: int):
        machine = read_machine(folder)
        self._expected = machine.expected.get(sweep) if machine else None
        self.time_left = TimeLeft(workers)
        self._now: dict[Planned, Piece] = {}
        self._later: list[Planned] = []

    def learn(self, seconds: Mapping[Planned, float]) -> None:
        """Takes the machine's speed from executions that were trained before, and the seconds they took."""
        before = pieces(self._expected, seconds)
        self.time_left.learn((before[one], seconds[one]) for one in seconds)

    def foresee(self, later: Iterable[Planned]) -> None:
        """What may come after the next round."""
        self._later = list(later)

    def begin(self, executions: Iterable[Planned]) -> None:
        """A round of executions begins."""
        self._now = pieces(self._expected, executions)
        later = pieces(self._expected, (one for one in self._later if one not in self._now))
        self.time_left.plan(self._now, list(later.values()))

    def ended(self, cell: Cell, draw: int, seconds: float) -> None:
        """An execution has ended after so many seconds of training; one that is not of the round was found."""
        if (cell, draw) in self._now:
            self.time_left.ended((cell, draw), seconds)


def pieces(expected: Expected | None, executions: Iterable[Planned]) -> dict[Planned, Piece]:
    """What is expected of executions; a fine-tuned one without its counterpart trains what they would share.

    Args:
      expected: of the sweep; none: of each the same.
      executions: that are planned together.
    """
    planned = list(dict.fromkeys(executions))
    known = {Cell(*one[:4]): one[4] for one in expected.cells} if expected else {}
    starts = dict(expected.starts) if expected else {}
    together = set(planned)

    def piece(cell: Cell, draw: int) -> Piece:
        seconds, twin = known.get(cell, 1.0), Cell(cell.n, cell.freeze_count, False)
        if cell.fine_tune and (twin, draw) not in together:
            seconds += known.get(twin, 0.0)
        kind = cell.freeze_count, cell.fine_tune, cell.held_from
        return Piece(cell, kind, seconds, starts.get(cell.freeze_count, 0.0))

    return {one: piece(*one) for one in planned}
