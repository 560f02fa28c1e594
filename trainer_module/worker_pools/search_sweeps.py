"""The sweeps of a search: their workers and their ledgers. Imports no TFX and no KerasTuner."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from ledger.cell_selection import Cell
from ledger.ledger import Ledger
from ledger.rows import Row
from trainer_module.processes.fixed_threads import WorkerFailed
from trainer_module.sweep.job import SweepJob
from trainer_module.sweep.record import SweepRecord
from trainer_module.sweep.units import group_units
from trainer_module.worker_pools.process_pool import WorkerPool, checked_pool

MOST_OPEN = 3
"""Idle sweeps that keep a process: each holds the target's images and compiled programs."""

Result = TypeVar("Result")


class SearchSweep:
    """One sweep that runs only requested executions that are not in its ledger.

    Args:
      job: the sweep.
    """

    def __init__(self, job: SweepJob):
        self.job = job
        self._pool: WorkerPool | None = None
        # A search ends from another thread than the one that starts a sweep's processes.
        self._lock = threading.Lock()
        self._ended = False
        self._opened: tuple[SweepRecord, Ledger] | None = None

    def rows(self, executions: Sequence[tuple[Cell, int]], most: int = 1) -> list[Row]:
        """The executions' rows; each is in the ledger before the next one ends.

        Args:
          executions: cells and draws.
          most: processes that may train them.

        Raises:
          ThawError: the source may not be transferred, or an execution failed; rows that ended before are kept.
        """
        useful = min(most, len(group_units(executions)))
        record, ledger = self.open(useful)
        missing = [execution for execution in executions if record.key(*execution) not in ledger.rows]
        if missing:
            pool = self._workers(useful)
            pool.resize(min(most, max(useful, pool.size)))  # compiled programs are kept where they may be
            for execution in pool.run(missing):
                ledger.append(record.row(*execution))
        return [ledger.rows[record.key(*execution)] for execution in executions]

    def open(self, processes: int = 1) -> tuple[SweepRecord, Ledger]:
        """The sweep's record and its ledger.

        Args:
          processes: how many to start if none runs.

        Raises:
          ThawError: the source may not be transferred, or the ledger can't be read.
        """
        if self._opened is None:
            record = SweepRecord(self.job.settings, self._workers(processes).facts)
            self._opened = record, record.open_ledger()
        return self._opened

    @property
    def processes(self) -> int:
        """How many there are."""
        return self._pool.size if self._pool is not None else 0

    def rest(self) -> None:
        """Ends all processes but one."""
        if self._pool is not None:
            self._pool.resize(1)

    def pause(self) -> None:
        """Ends the processes; they start again when they are needed."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def close(self) -> None:
        """Ends the processes, also those that another thread is starting; none starts afterwards."""
        with self._lock:
            self._ended = True
        self.pause()

    def _workers(self, processes: int) -> WorkerPool:
        if self._pool is not None:
            return self._pool
        pool = checked_pool(self.job, max(1, processes))
        with self._lock:
            if not self._ended:
                self._pool = pool
                return pool
        pool.close()
        raise WorkerFailed(f"The search ended while the processes of {self.job.settings.name} began. Search again.")


class SearchSweeps:
    """Several sweeps in parallel; those in use have processes, and at most MOST_OPEN of the others have one.

    Args:
      sweeps: by the sweep's name.
      workers: processes that train in parallel.
    """

    def __init__(self, sweeps: Mapping[str, SearchSweep], workers: int):
        self.sweeps = sweeps
        self.workers = workers
        self._used: list[str] = []  # the last is the newest

    def rows(self, asked: Mapping[str, Sequence[tuple[Cell, int]]]) -> dict[str, list[Row]]:
        """Rows of executions, by sweep.

        Raises:
          ThawError: as SearchSweep.rows.
        """
        resting = [name for name in self._used if name not in asked]
        self._used = resting + list(asked)
        for name in resting:
            self.sweeps[name].rest()
        for name in self._used[: -max(MOST_OPEN, len(asked))]:
            self.sweeps[name].pause()
        share = self.workers // max(1, len(asked))
        most = {name: min(self.workers, max(share, len(group_units(one)), 1)) for name, one in asked.items()}
        calls = [lambda name=name: self.sweeps[name].rows(asked[name], most[name]) for name in asked]
        return dict(zip(asked, side_by_side(calls), strict=True))

    def close(self) -> None:
        """Ends all processes; none starts afterwards."""
        for sweep in self.sweeps.values():
            sweep.close()


def most_processes(workers: int) -> int:
    """Bound on the processes of all sweeps together, if no more than `workers` units are requested at once.

    One for each unit, for each sweep its share of the rest, and those of idle sweeps.
    """
    return 2 * workers + MOST_OPEN


def side_by_side(calls: Sequence[Callable[[], Result]]) -> list[Result]:
    """The results of the calls, each made in its own thread; the first error ends the waiting.

    The threads are daemons: otherwise, after Ctrl-C, the process would wait for trainings that nobody needs.
    """
    ended: queue.SimpleQueue[tuple[int, Result | BaseException]] = queue.SimpleQueue()

    def make(place: int) -> None:
        try:
            ended.put((place, calls[place]()))
        except BaseException as error:
            ended.put((place, error))

    for place in range(len(calls)):
        threading.Thread(target=make, args=(place,), daemon=True).start()
    found: dict[int, Result] = {}
    for _ in calls:
        place, result = ended.get()
        if isinstance(result, BaseException):
            raise result
        found[place] = result
    return [found[place] for place in range(len(calls))]
