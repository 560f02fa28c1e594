"""Runs a sweep's executions in processes of one thread each. Imports sweep, no TFX and no KerasTuner.

Two processes of one thread train nearly twice as fast as one process of two: the layers are too small for threads to
share, and Python traces graphs on one core whatever TensorFlow is told. One thread also makes each execution's
arithmetic the same on every machine width.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait
from types import TracebackType

import tensorflow as tf

from experiment.machine import usable_cores
from ledger.cell_selection import Cell
from trainer_module.cell_training.execution import Execution
from trainer_module.processes import fork_server
from trainer_module.processes.fixed_threads import WorkerFailed
from trainer_module.sources import source_card
from trainer_module.sweep.job import SweepFacts, SweepJob
from trainer_module.sweep.units import Planned, Unit, best_fit, group_units
from trainer_module.worker_pools.worker_process import MOST_DEATHS, Deaths, Job, WorkerDied, WorkerProcess


def default_workers() -> int:
    """Number of workers: one for each core on a CPU; one in total on a GPU."""
    return 1 if tf.config.list_physical_devices("GPU") else usable_cores()


class WorkerPool:
    """Processes that each build a sweep's engine and run executions on it; a context manager that ends them.

    Args:
      job: builds the engine.
      workers: how many processes.

    Attributes:
      facts: of the data and the source, which all workers have read.

    Raises:
      WorkerFailed: the engine can't be built.
    """

    def __init__(self, job: Job, workers: int):
        self._job = job
        self._workers: list[WorkerProcess] = []
        self._deaths = Deaths()
        # A search closes pools from another thread than the one that runs them.
        self._lock = threading.Lock()
        self._closed = False
        fork_server.start()
        try:
            for _ in range(workers):
                self._workers.append(WorkerProcess(job))
            self.facts = self._facts_of_all()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the processes; their current work is lost, and no process starts afterwards."""
        with self._lock:
            self._closed = True
            for worker in self._workers:
                worker.terminate()
        for worker in self._workers:
            worker.bury()

    @property
    def size(self) -> int:
        """The number of processes."""
        return len(self._workers)

    def resize(self, workers: int) -> None:
        """Starts or ends processes to reach this number, at least one; do not call it while `run` is active."""
        with self._lock:
            if self._closed:
                return
            surplus = self._workers[max(1, workers) :]
            del self._workers[max(1, workers) :]
            while len(self._workers) < workers:
                self._workers.append(WorkerProcess(self._job, self.facts))
        for worker in surplus:
            worker.terminate()
            worker.bury()

    def run(self, executions: Sequence[Planned]) -> Iterator[tuple[Cell, int, Execution]]:
        """Yields results as executions end; the work of a killed worker runs again in a new one.

        Raises:
          WorkerFailed: an execution raised, or its process died more than once.
        """
        waiting = group_units(executions)
        while waiting or any(worker.unit for worker in self._workers):
            self._hand_out(waiting)
            busy = [worker for worker in self._workers if worker.unit]
            told = wait([worker.pipe for worker in busy])
            for worker in (worker for worker in busy if worker.pipe in told):
                try:
                    ended, execution = worker.result()
                except WorkerDied:
                    self._replace(worker, waiting)
                    continue
                yield *ended, execution  # the caller has written it when this continues
                worker.train_next()

    def _facts_of_all(self) -> SweepFacts:
        """Waits until every worker is ready, and compares what they have read."""
        facts = [self._facts_of(place) for place in range(len(self._workers))]
        if any(other != facts[0] for other in facts):
            raise WorkerFailed("The data or the source changed while the sweep began. Run it again.")
        return facts[0]

    def _facts_of(self, place: int) -> SweepFacts:
        """The facts that the worker has read; one that died before it was ready is started again."""
        deaths = 0
        while True:
            try:
                return self._workers[place].facts()
            except WorkerDied as died:
                exit_code = self._workers[place].bury()
                deaths += 1
                if deaths == MOST_DEATHS:
                    raise WorkerFailed(
                        f"{deaths} worker processes died while they read the data, the last with exit code {exit_code} "
                        "(-9: killed, most often because memory ran out). Run again with fewer workers (--set "
                        "workers=1)."
                    ) from died
                self._workers[place] = WorkerProcess(self._job)

    def _hand_out(self, waiting: list[Unit]) -> None:
        for worker in self._workers:
            if waiting and worker.unit is None:
                elsewhere = {other.freeze_count for other in self._workers if other is not worker}
                unit = best_fit(waiting, worker.freeze_count, elsewhere)
                waiting.remove(unit)
                worker.begin(unit)

    def _replace(self, worker: WorkerProcess, waiting: list[Unit]) -> None:
        """Puts back a dead worker's work, and starts another in its place."""
        unit = self._deaths.unit_of(worker)
        waiting.insert(0, unit)
        with self._lock:
            if self._closed:
                raise WorkerFailed(f"The sweep was stopped during the training of {unit.cells[0]}. Run it again.")
            self._workers[self._workers.index(worker)] = WorkerProcess(self._job, self.facts)


def checked_pool(job: SweepJob, workers: int) -> WorkerPool:
    """A sweep's workers, after the check that its source may be transferred.

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
