"""One worker of a sweep: its process, and its pool's view of it. Imports sweep, no TFX and no KerasTuner."""

from __future__ import annotations

import collections
import contextlib
from multiprocessing.connection import Connection
from typing import Any, Protocol

from trainer_module.cell_training.execution import Execution
from trainer_module.processes import fork_server
from trainer_module.processes.fixed_threads import Failure, WorkerFailed, failures_told
from trainer_module.sweep.engine import SweepEngine
from trainer_module.sweep.job import SweepFacts, SweepJob, facts_of
from trainer_module.sweep.kept_weights import WeightsKeeper
from trainer_module.sweep.units import Planned, Unit

MOST_DEATHS = 2
"""Work during which this many processes died is not tried again."""


class Job(Protocol):
    """Builds the engine in the worker's process; must be picklable."""

    def build(self) -> SweepEngine: ...


class WorkerDied(Exception):
    """The process ended without a message."""


class WorkerProcess:
    """A process of one thread that builds an engine, and answers each `Planned` that it is sent by an `Execution`.

    It reports an error and ends. The next execution of its unit is sent once the last one's result is written
    down: a kill costs a worker one execution, not the one before it too.

    Args:
      job: builds the engine.
      expected: the facts that it must have read; none: its first message says what it has read (see `facts`).

    Attributes:
      unit: its assigned work that has not ended; None if it is idle.
      freeze_count: of the last unit, whose program it has compiled.
    """

    def __init__(self, job: Job, expected: SweepFacts | None = None):
        self.unit: Unit | None = None
        self.freeze_count: int | None = None
        self.pipe, there = fork_server.CONTEXT.Pipe()
        self.process = fork_server.CONTEXT.Process(target=_work, args=(there, job, expected), daemon=True)
        with there:
            try:
                self.process.start()
            except BaseException:
                self.pipe.close()
                raise

    def facts(self) -> SweepFacts:
        """The facts that it has read; waits until it is ready.

        Raises:
          WorkerDied: see there.
          WorkerFailed: the engine can't be built.
        """
        facts: SweepFacts = self._received()
        return facts

    def begin(self, unit: Unit) -> None:
        """Starts the first of a unit's executions."""
        self.unit, self.freeze_count = unit, unit.freeze_count
        self.train_next()

    def train_next(self) -> None:
        """Starts the next of its unit's executions, if there is one."""
        if self.unit is not None:
            with contextlib.suppress(ConnectionError):  # it died: the caller that waits for the result notices
                self.pipe.send(self.unit.executions[0])

    def result(self) -> tuple[Planned, Execution]:
        """The execution that ended, and its result; the rest of the unit waits for `train_next`.

        Raises:
          WorkerDied: see there.
          WorkerFailed: the execution raised.
        """
        execution: Execution = self._received()
        assert self.unit is not None
        ended = self.unit.executions[0]
        self.unit = self.unit.without([ended])
        return ended, execution

    def terminate(self) -> None:
        """Kills the process; `bury` waits until it has ended."""
        self.process.terminate()
        self.pipe.close()

    def bury(self) -> int | None:
        """Its exit code, once it has ended."""
        self.process.join()
        self.pipe.close()
        return self.process.exitcode

    def _received(self) -> Any:
        try:
            message = self.pipe.recv()
        except (EOFError, ConnectionError) as error:
            raise WorkerDied from error
        if isinstance(message, Failure):
            raise WorkerFailed(message.message)
        return message


class Deaths:
    """Counts the processes that died while they trained the same unit, so that a sweep ends."""

    def __init__(self) -> None:
        self._counts: collections.Counter[tuple[str, Planned]] = collections.Counter()

    def unit_of(self, worker: WorkerProcess, sweep: str = "") -> Unit:
        """The unfinished work of a worker that died, to be trained again.

        Args:
          worker: which died.
          sweep: of the work, if there are several.

        Raises:
          WorkerFailed: MOST_DEATHS processes have died while they trained it.
        """
        exit_code, unit = worker.bury(), worker.unit
        assert unit is not None
        self._counts[sweep, unit.phase_1] += 1
        if self._counts[sweep, unit.phase_1] < MOST_DEATHS:
            return unit
        raise WorkerFailed(
            f"{f'{sweep}: ' if sweep else ''}{unit.cells[0]}, draw {unit.draw}: {MOST_DEATHS} worker processes died "
            f"while they trained it, the last with exit code {exit_code} (-9: killed, most often because memory ran "
            "out). Finished executions are kept; run again with fewer workers (--set workers=1) or on a machine with "
            "more memory."
        )


def _work(pipe: Connection, job: Job, expected: SweepFacts | None) -> None:
    """A worker's main loop, until the pool closes the pipe."""
    with failures_told(pipe):
        engine = job.build()
        facts = facts_of(engine)
        if expected is None:
            pipe.send(facts)
        elif facts != expected:
            raise WorkerFailed("The data or the source changed while the sweep ran. Run it again.")
        keeper = WeightsKeeper(job.settings, facts) if isinstance(job, SweepJob) and job.keep_weights else None
        while True:
            cell, draw = pipe.recv()
            execution = engine.run(cell, draw)
            if keeper:
                keeper.offer(engine, cell, draw, execution)
            pipe.send(execution)
