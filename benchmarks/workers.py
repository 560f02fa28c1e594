"""How much faster two workers are than one. Imports the worker pool."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

from acquisition.dataset import locate_dataset
from benchmarks import target
from pipeline.config import Schedule
from trainer_module.selection import Cell
from trainer_module.sweep import SweepEngine
from trainer_module.workers import WorkerPool

SCHEDULE = Schedule(max_steps=60)
WARM_UP = [(Cell(10, 0, False), 0), (Cell(10, 0, False), 1)]
EXECUTIONS = [(Cell(n, 0, False), draw) for n in (100, 200, 400) for draw in range(4)]


@dataclasses.dataclass(frozen=True)
class BaselineJob:
    """Builds a baseline's engine in a worker, from the data that the benchmark uses."""

    classes: tuple[str, ...]

    def build(self) -> SweepEngine:
        dataset = locate_dataset(
            None, project_root=Path.cwd(), environment=os.environ, cache_dir=Path.home() / ".cache" / "thaw",
            tfds_dir=Path.home() / "tensorflow_datasets", say=lambda line: None,
        )  # fmt: skip
        data = target.target_data(dataset, self.classes, 400, 4)
        return SweepEngine(target.original_network(), None, data, SCHEDULE, target.SEED)


def seconds_with(workers: int, classes: tuple[str, ...]) -> float:
    """Seconds of EXECUTIONS (60 steps each, nothing frozen), the workers' start and compilation left out."""
    pool = WorkerPool(BaselineJob(classes), workers)
    try:
        # One execution each, so that every worker has compiled its programs.
        list(pool.run(WARM_UP[:workers]))
        started = time.perf_counter()
        assert len(list(pool.run(EXECUTIONS))) == len(EXECUTIONS)
        return time.perf_counter() - started
    finally:
        pool.close()
