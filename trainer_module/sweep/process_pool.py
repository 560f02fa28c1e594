"""Runs a sweep's executions in processes of one thread each. Imports sweep, no TFX and no KerasTuner.

Two processes of one thread train nearly twice as fast as one process of two: the layers are too small for threads to
share, and Python traces graphs on one core whatever TensorFlow is told. One thread also makes each execution's
arithmetic the same on every machine width.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import os
import threading
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Protocol

import tensorflow as tf

from ledger.cell_selection import Cell
from trainer_module.processes import fork_server
from trainer_module.processes.single_thread import Failure, WorkerFailed, failures_told
from trainer_module.sources import source_card
from trainer_module.sweep.engine import SweepEngine
from trainer_module.sweep.execution import Execution
from trainer_module.sweep.job import SweepFacts, SweepJob, facts_of
from trainer_module.sweep.units import Unit, best_fit, group_units

MOST_DEATHS = 2
"""A unit of work that ends this many processes is not tried again."""
NEXT_CELL = "next cell"
"""What a worker is told once its last result is written down."""


class Job(Protocol):
    """Builds the engine in the worker's process; must be picklable."""

    def build(self) -> SweepEngine: ...


@dataclasses.dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    unit: Unit | None = None
    done: int = 0
    freeze_count: int | None = None

    def advance(self, execution: Execution) -> tuple[Cell, int, Execution]:
        """Notes that the next cell of the unit in hand has ended."""
        assert self.unit is not None
        unit, cell = self.unit, self.unit.cells[self.done]
        self.done += 1
        if self.done == len(unit.cells):
            self.unit = None
        return cell, unit.draw, execution


def default_workers() -> int:
    """One a core where the arithmetic is done by the CPU; one in all where a GPU does it."""
    return 1 if tf.config.list_physical_devices("GPU") else len(os.sched_getaffinity(0))


class WorkerPool:
    """Processes that each build a sweep's engine and run executions on it.

    Args:
      job: builds the engine.
      workers: how many processes.

    Raises:
      WorkerFailed: the engine can't be built.
    """

    def __init__(self, job: Job, workers: int):
        self._job = job
        self._workers: list[_Worker] = []
        self._deaths: collections.Counter[Unit] = collections.Counter()
        # A search closes pools from another thread than the one that runs them.
        self._lock = threading.Lock()
        self._closed = False
        fork_server.start()
        try:
            for _ in range(workers):
                self._workers.append(self._start())
            self.facts: SweepFacts = self._first_message(self._workers[0])
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends the processes; what they had in hand is lost, and no process starts any more."""
        with self._lock:
            self._closed = True
            for worker in self._workers:
                worker.process.terminate()
                worker.pipe.close()
        for worker in self._workers:
            worker.process.join()

    def run(self, executions: Sequence[tuple[Cell, int]]) -> Iterator[tuple[Cell, int, Execution]]:
        """Yields what executions gave, as they end; what a killed worker had in hand runs again in a new one.

        Raises:
          WorkerFailed: an execution raised, or its process died more than once.
        """
        pending = group_units(executions)
        while pending or any(worker.unit for worker in self._workers):
            self._hand_out(pending)
            busy = {worker.pipe: worker for worker in self._workers if worker.unit}
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]
                try:
                    message = self._receive(worker)
                except (EOFError, ConnectionError):
                    self._bury(worker, pending)
                    continue
                if isinstance(message, Execution):
                    yield worker.advance(message)  # whoever takes it has written it down when this goes on
                    if worker.unit:
                        with contextlib.suppress(ConnectionError):  # a dead worker is buried above
                            worker.pipe.send(NEXT_CELL)
                elif message != self.facts:
                    raise WorkerFailed("The data or the source changed while the sweep ran. Run it again.")

    def _hand_out(self, pending: list[Unit]) -> None:
        for worker in self._workers:
            if worker.unit is None and pending:
                elsewhere = {other.freeze_count for other in self._workers if other is not worker}
                worker.unit = best_fit(pending, worker.freeze_count, elsewhere)
                pending.remove(worker.unit)
                worker.done, worker.freeze_count = 0, worker.unit.freeze_count
                try:
                    worker.pipe.send(worker.unit)
                except ConnectionError:
                    self._bury(worker, pending)

    def _bury(self, worker: _Worker, pending: list[Unit]) -> None:
        """Puts back what a dead worker had in hand, and starts another in its place."""
        worker.process.join()
        unit = worker.unit
        assert unit is not None
        self._deaths[unit] += 1
        if self._deaths[unit] >= MOST_DEATHS:
            raise WorkerFailed(
                f"{unit.cells[0]}, draw {unit.draw}: {MOST_DEATHS} processes died of it, the last with exit code "
                f"{worker.process.exitcode} (-9: killed, most often because memory ran out). Finished executions are "
                "kept; run again with fewer workers (--set workers=1) or on a machine with more memory."
            )
        rest = Unit(unit.cells[worker.done :], unit.draw)
        self._deaths[rest] = self._deaths[unit]
        pending.insert(0, rest)
        worker.pipe.close()
        with self._lock:
            if self._closed:
                raise WorkerFailed(f"The sweep was ended while it ran {unit.cells[0]}. Run it again.")
            self._workers[self._workers.index(worker)] = self._start()

    def _start(self) -> _Worker:
        here, there = fork_server.CONTEXT.Pipe()
        process = fork_server.CONTEXT.Process(target=_work, args=(there, self._job), daemon=True)
        with there:
            try:
                process.start()
            except BaseException:
                here.close()
                raise
        return _Worker(process, here)

    def _first_message(self, worker: _Worker) -> SweepFacts:
        try:
            facts = self._receive(worker)
        except (EOFError, ConnectionError) as error:
            worker.process.join()
            raise WorkerFailed(
                f"A worker process died while it read the data (exit code {worker.process.exitcode}; -9: killed, most "
                "often because memory ran out). Run again with fewer workers (--set workers=1)."
            ) from error
        assert isinstance(facts, SweepFacts)
        return facts

    def _receive(self, worker: _Worker) -> Execution | SweepFacts:
        message: Execution | SweepFacts | Failure = worker.pipe.recv()
        if isinstance(message, Failure):
            raise WorkerFailed(message.message)
        return message


def checked_pool(job: SweepJob, workers: int) -> WorkerPool:
    """A sweep's workers, once its source has been found fit to be transferred.

    Raises:
      ThawError: the source is no better than guessing, or was altered since it was trained.
    """
    if job.base_model and not job.settings.allow_untrained_sources:
        source_card.check_trained(job.base_model)
    pool = WorkerPool(job, workers)
    try:
        if job.base_model:
            source_card.check_unaltered(job.base_model, pool.facts.source_hash)
    except BaseException:
        pool.close()
        raise
    return pool


def _work(pipe: Connection, job: Job) -> None:
    """A worker's life: facts first, then one execution after the other until the pool closes the pipe."""
    with failures_told(pipe):
        engine = job.build()
        pipe.send(facts_of(engine))
        while True:
            unit: Unit = pipe.recv()
            for place, cell in enumerate(unit.cells):
                if place:
                    pipe.recv()  # NEXT_CELL: a kill costs a worker one execution, not the one before it too
                pipe.send(engine.run(cell, unit.draw))
