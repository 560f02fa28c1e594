"""Runs executions of several sweeps in one set of processes of one thread each. Imports sweep, no TFX, no KerasTuner.

With a pool for each sweep, idle workers would wait for the sweep's last execution, and each of them would read the
target, compile programs and pass images through frozen layers. Here a worker takes another sweep instead. Two train one
sweep only if its trainings are long, or if no other sweep is left.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import wait
from types import TracebackType

from ledger.cell_selection import Cell
from trainer_module.cell_training.execution import Execution
from trainer_module.processes import fork_server
from trainer_module.processes.fixed_threads import WorkerFailed
from trainer_module.sweep.job import SweepFacts
from trainer_module.sweep.units import LONG_S, Planned, Unit, best_fit, group_units
from trainer_module.worker_pools.worker_process import Deaths, Job, WorkerDied, WorkerProcess


@dataclasses.dataclass(frozen=True)
class KnownSweep:
    """A sweep whose data and source were read already.

    Attributes:
      job: builds its engine.
      facts: of the data and the source that a worker must read.
      seconds: expected of a cell's training, with all its phases.
    """

    job: Job
    facts: SweepFacts
    seconds: Callable[[Cell], float]


class JointPool:
    """Processes that share the executions of several sweeps; a context manager that ends them.

    A process starts only when it has work, and stays with its sweep until that has none left.

    Args:
      sweeps: by name.
      workers: the most processes at a time.
    """

    def __init__(self, sweeps: Mapping[str, KnownSweep], workers: int):
        self._sweeps = sweeps
        self._most = workers
        self._workers: dict[WorkerProcess, str] = {}
        self._deaths = Deaths()
        fork_server.start()

    def __enter__(self) -> JointPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the processes; their current work is lost."""
        for worker in self._workers:
            worker.terminate()
        for worker in self._workers:
            worker.bury()

    def run(self, executions: Mapping[str, Sequence[Planned]]) -> Iterator[tuple[str, Cell, int, Execution]]:
        """Yields sweeps and results as executions end; the work of a killed worker runs again in a new one.

        Args:
          executions: by sweep.

        Raises:
          WorkerFailed: an execution raised, its process died more than once, or a worker has read other data or
            another source than the sweep's facts say.
        """
        waiting = {name: group_units(planned) for name, planned in executions.items()}
        while True:
            self._hand_out(waiting)
            busy = [worker for worker in self._workers if worker.unit]
            if not busy:
                return
            told = wait([worker.pipe for worker in busy])
            for worker in (worker for worker in busy if worker.pipe in told):
                name = self._workers[worker]
                try:
                    ended, execution = worker.result()
                except WorkerDied:
                    del self._workers[worker]
                    waiting[name].insert(0, self._deaths.unit_of(worker, name))
                    continue
                except WorkerFailed as failed:
                    raise WorkerFailed(f"{name}: {failed}") from failed
                yield name, *ended, execution  # the caller has written it when this continues
                worker.train_next()

    def _hand_out(self, waiting: Mapping[str, list[Unit]]) -> None:
        """Gives each worker work of its own sweep; one that has none makes room for a worker of another sweep."""
        for worker, its_own in self._workers.items():
            if worker.unit is None and waiting.get(its_own):
                self._begin(worker, its_own, waiting[its_own])
        while (name := self._next_sweep(waiting)) and self._makes_room():
            sweep = self._sweeps[name]
            worker = WorkerProcess(sweep.job, sweep.facts)
            self._workers[worker] = name
            self._begin(worker, name, waiting[name])

    def _begin(self, worker: WorkerProcess, name: str, waiting: list[Unit]) -> None:
        others = {one.freeze_count for one, other in self._workers.items() if other == name and one is not worker}
        unit = best_fit(waiting, worker.freeze_count, others)
        waiting.remove(unit)
        worker.begin(unit)

    def _next_sweep(self, waiting: Mapping[str, Sequence[Unit]]) -> str | None:
        """The sweep that a free worker begins, or None.

        It is the sweep with the longest next training, so that no long one is left alone at the end. If another worker
        has that sweep, the training must take LONG_S. Otherwise it is the sweep with the most units per worker.
        """
        has = collections.Counter(self._workers.values())
        longest = {
            name: max(map(self._sweeps[name].seconds, units[0].cells)) for name, units in waiting.items() if units
        }
        lacking = sorted(longest, key=lambda name: -longest[name])
        first = (name for name in lacking if not has[name] or longest[name] >= LONG_S)
        return next(first, max(lacking, key=lambda name: len(waiting[name]) / max(1, has[name]), default=None))

    def _makes_room(self) -> bool:
        """Whether one more process may start; ends an idle one if the maximum is reached."""
        if len(self._workers) < self._most:
            return True
        idle = next((worker for worker in self._workers if worker.unit is None), None)
        if idle is None:
            return False
        del self._workers[idle]
        idle.terminate()
        idle.bury()  # its memory is free before another begins
        return True
