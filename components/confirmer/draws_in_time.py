"""How many fresh draws there is time for, by the times of the search's trainings. Imports analysis and sweep.units, no
TensorFlow."""

from __future__ import annotations

import dataclasses
import heapq
import itertools
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence

from analysis.cells.grid import Grid, SweepCell
from analysis.findings.questions import Question
from experiment.training_settings import FIRST_FRESH_DRAW
from ledger.cell_selection import Cell
from ledger.rows import Row
from trainer_module.sweep.units import LONG_S

FEWEST = 2
"""Draws without which a size has no interval; the size to deploy always gets them."""
SECONDS_PER_SWEEP = 8.0
"""What a worker needs to begin a sweep and to compile, measured on two cores."""


class DrawsInTime:
    """Limits the fresh draws to what can be trained in the time left.

    A size gets whole draws of all its cells. The first batch is the size to deploy alone: what it really takes
    corrects what is expected of the others.

    Args:
      grid: the search's, whose rows say what a training took.
      workers: processes that train side by side.
      deadline: by the clock.
      clock: seconds.
      is_there: whether an execution has its row already, and takes no time.
    """

    def __init__(
        self, grid: Grid, workers: int, deadline: float, clock: Callable[[], float],
        is_there: Callable[[str, Cell, int], bool],
    ):  # fmt: skip
        self._grid = grid
        self._is_there = is_there
        self._workers = workers
        self._deadline = deadline
        self._clock = clock
        self._slowness = 1.0
        self._began: tuple[float, float] | None = None
        """When the batch in hand began, and the seconds that were expected of it."""

    def batch(
        self, questions: Sequence[Question], drawn: Mapping[int, int], lacking: Mapping[int, int]
    ) -> dict[int, int]:  # fmt: skip
        """Draws to train next, by n; empty when there is no time for any.

        Args:
          questions: all of them.
          drawn: draws that each n has, the size to deploy first.
          lacking: draws that it needs to its next look, of those that need some.
        """
        now = self._clock()
        if self._began is not None:
            began, expected = self._began
            self._slowness = max(self._slowness, (now - began) / expected)
        deployed = next(iter(drawn))
        left = (self._deadline - now) / self._slowness
        cells = {n: {cell for one in questions if one.n == n for cell in one.cells} for n in drawn}
        found, trained = dict[int, int](), dict[str, list[float]]()
        for n in [deployed] if not drawn[deployed] else [n for n in drawn if n in lacking]:
            free = self._free(cells[n], drawn[n], lacking[n])
            plans = {count: self._with(trained, cells[n], count - free) for count in range(free, lacking[n] + 1)}
            count = max((count for count, plan in plans.items() if self._seconds(plan) <= left), default=free)
            if n == deployed:
                count = max(count, FEWEST - drawn[n])
            if drawn[n] + count >= FEWEST and count:
                found[n], trained = count, self._with(trained, cells[n], count - free)
        self._began = (now, self._seconds(trained)) if trained else None
        return found

    def _with(
        self, trained: Mapping[str, list[float]], cells: Iterable[SweepCell], draws: int
    ) -> dict[str, list[float]]:  # fmt: skip
        """Expected seconds of each training, by sweep, with so many more draws of some cells."""
        more = {name: list(seconds) for name, seconds in trained.items()}
        for name, cell in cells:
            if draws > 0:
                seconds = training_seconds(self._grid.sweeps[name].rows, cell)
                more.setdefault(name, []).extend([seconds] * draws)
        return more

    def _seconds(self, trained: Mapping[str, Sequence[float]]) -> float:
        """Until all has ended. One worker begins a sweep, several one of long trainings, and the last sweep too."""
        longs = sum(max(seconds) >= LONG_S for seconds in trained.values())
        starts = len(trained) + max(1, longs) * (self._workers - 1) if trained else 0
        return makespan([*itertools.chain(*trained.values()), *[SECONDS_PER_SWEEP] * starts], self._workers)

    def _free(self, cells: Iterable[SweepCell], drawn: int, lacking: int) -> int:
        """How many of the next draws all cells have already."""
        draws = range(FIRST_FRESH_DRAW + drawn, FIRST_FRESH_DRAW + drawn + lacking)
        lacks = (at for at, draw in enumerate(draws) if not all(self._is_there(*cell, draw) for cell in cells))
        return next(lacks, lacking)


def training_seconds(rows: Sequence[Row], cell: Cell) -> float:
    """Mean seconds of a draw in the search; for a fine-tuned cell including phase 1, which its counterpart's rows have.

    Args:
      rows: of the search's ledger.
      cell: one that it has.
    """
    phases = [
        [row.seconds for row in rows if Cell.of_row(row) == phase]
        for phase in {cell, dataclasses.replace(cell, fine_tune=False)}
    ]
    return sum(statistics.fmean(seconds) for seconds in phases if seconds)


def makespan(seconds: Iterable[float], workers: int) -> float:
    """Seconds until all work has ended, if each free worker takes the longest piece that is left.

    With five equal pieces two workers need the time of three.
    """
    busy = [0.0] * workers
    for one in sorted(seconds, reverse=True):
        heapq.heapreplace(busy, busy[0] + one)
    return max(busy)
