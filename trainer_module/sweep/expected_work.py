"""The expected time left of a sweep's executions, for the progress bar. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from experiment.machine import Expected, read_machine
from ledger.cell_selection import Cell
from terminal.time_left import Piece, TimeLeft
from trainer_module.sweep.units import Planned


class ExpectedWork:
    """The time left of one sweep on this machine; executions count equally if no plan has expected times.

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

    def foresee(self, later: Iterable[Planned]) -> None:
        """Executions that may follow the next round."""
        self._later = list(later)

    def begin(self, executions: Iterable[Planned]) -> None:
        """A round of executions begins."""
        self._now = pieces(self._expected, executions)
        later = pieces(self._expected, (one for one in self._later if one not in self._now))
        self.time_left.plan(self._now, list(later.values()))

    def ended(self, cell: Cell, draw: int, seconds: float) -> None:
        """An execution has ended after so many seconds of training; one outside the round was found in the ledger."""
        if (cell, draw) in self._now:
            self.time_left.ended((cell, draw), seconds)


class JointWork:
    """The time left of several sweeps' executions, which share workers: mostly, one worker alone begins a sweep.

    Args:
      folder: of the search's ledgers, with the machine's file.
      searched: by sweep, executions that ended earlier with their seconds, which give the machine's speed.
      workers: processes that train side by side.
      clock: seconds.
    """

    def __init__(
        self, folder: Path, searched: Mapping[str, Mapping[Planned, float]], workers: int,
        clock: Callable[[], float] = time.monotonic,
    ):  # fmt: skip
        machine = read_machine(folder)
        self._expected = machine.expected if machine else {}
        self.time_left = TimeLeft(workers, clock, starts=1)
        for name, seconds in searched.items():
            before = self._pieces({name: list(seconds)})
            self.time_left.learn((before[name, one], seconds[one]) for one in seconds)
        self._now: dict[tuple[str, Planned], Piece] = {}

    def begin(self, executions: Mapping[str, Sequence[Planned]]) -> None:
        """Executions begin, by sweep."""
        self._now = self._pieces(executions)
        self.time_left.plan(self._now)

    def ended(self, sweep: str, cell: Cell, draw: int, seconds: float) -> None:
        """An execution has ended after so many seconds of training; one that has not begun was found in the ledger."""
        if (sweep, (cell, draw)) in self._now:
            self.time_left.ended((sweep, (cell, draw)), seconds)

    def _pieces(self, executions: Mapping[str, Sequence[Planned]]) -> dict[tuple[str, Planned], Piece]:
        return {
            (name, one): dataclasses.replace(piece, name=(name, piece.name), kind=(name, piece.kind))
            for name, planned in executions.items()
            for one, piece in pieces(self._expected.get(name), planned).items()
        }


def pieces(expected: Expected | None, executions: Iterable[Planned]) -> dict[Planned, Piece]:
    """Expected pieces of executions; a fine-tuned one without its counterpart also trains their shared phase.

    Args:
      expected: seconds of the sweep; none: the same for each.
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
