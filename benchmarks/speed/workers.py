"""How much faster two workers are than one. Imports the worker pool."""

from __future__ import annotations

import dataclasses
import time

from benchmarks.inputs import target
from experiment.config import Schedule
from ledger.cell_selection import Cell
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.sweep.engine import SweepEngine
from trainer_module.worker_pools.process_pool import WorkerPool

SCHEDULE = StepSchedule(Schedule(tuning=None, max_steps=60))
WARM_UP = [(Cell(10, 0, False), 0), (Cell(10, 0, False), 1)]
EXECUTIONS = [(Cell(n, 0, False), draw) for n in (100, 200, 400) for draw in range(4)]


@dataclasses.dataclass(frozen=True)
class BaselineJob:
    """Builds a baseline's engine in a worker, from the data that the benchmark uses."""

    def build(self) -> SweepEngine:
        data = target.target_data(target.find_dataset(), target.TARGET, 400, range(4))
        return SweepEngine(target.original_network(), None, data, SCHEDULE, target.SEED)


def seconds_with(workers: int) -> float:
    """Seconds of EXECUTIONS (60 steps each, nothing frozen), the workers' start and compilation left out."""
    with WorkerPool(BaselineJob(), workers) as pool:
        # One execution each, so that every worker has compiled its programs.
        list(pool.run(WARM_UP[:workers]))
        started = time.perf_counter()
        assert len(list(pool.run(EXECUTIONS))) == len(EXECUTIONS)
        return time.perf_counter() - started
