"""How time and memory grow with draws, cells and images. Imports the sweep engine."""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pipeline.runner.process import prepare_process

prepare_process(os.environ)


from acquisition.data_sources.locate_dataset import Dataset
from benchmarks.inputs import target
from experiment.config import Schedule
from ledger.cell_selection import Cell
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.cell_training.target_data import TargetData
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import build_network
from trainer_module.processes import fork_server
from trainer_module.processes.fixed_threads import one_thread
from trainer_module.sweep.engine import SweepEngine
from trainer_module.training.activation_cache import Budget
from trainer_module.worker_pools.process_pool import WorkerPool, default_workers

SIZES, FREEZE_COUNTS = (20, 100, 400), (6, 7, 8)
SCHEDULE = StepSchedule(Schedule(tuning=None, epochs=10, max_steps=30))
"""As in the preset `quick`."""
FEW_DRAWS, MANY_DRAWS = 3, 24
FIVE_CLASSES = ("airplane", "automobile", "bird", "cat", "deer")
MANY_IMAGES = 20_000


def main(argv: Sequence[str]) -> int:
    """Prints the results of `measure` as JSON, and keeps them in growth.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    arguments = parser.parse_args(argv)
    one_thread()
    found = measure(target.find_dataset())
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "growth.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(json.dumps(found, indent=1))
    return 0


def measure(dataset: Dataset) -> dict[str, object]:
    """Seconds of a sweep with few and with many draws, memory along the way, and memory with 20,000 images."""
    # As in a run, which starts it with the pipeline and not with the first sweep.
    fork_server.start()
    few, _ = _sweep(dataset, FEW_DRAWS)
    many, memory = _sweep(dataset, MANY_DRAWS)
    large_s, large_mb = _many_images(dataset)
    return {
        "workers": default_workers(),
        "executions": [len(executions(draws)) for draws in (FEW_DRAWS, MANY_DRAWS)],
        "seconds": [few, many],
        "seconds_ratio": many / few,
        "memory_mb_at_100th_execution": memory[99],
        "memory_mb_at_last_execution": memory[-1],
        "memory_growth": memory[-1] / memory[99] - 1,
        "many_images": MANY_IMAGES,
        "many_images_s": large_s,
        "many_images_peak_mb": large_mb,
    }


@dataclasses.dataclass(frozen=True)
class TransferJob:
    """Builds a transfer's engine in a worker, with random weights for a source: they take as long."""

    data: TargetData

    def build(self) -> SweepEngine:
        network = target.original_network()
        source = weight_values.initial_weights(network.backbone_layers, 1)
        return SweepEngine(network, source, self.data, SCHEDULE, target.SEED)


def executions(draws: int) -> list[tuple[Cell, int]]:
    """Every cell on every draw, in a sweep's order."""
    return [
        (Cell(n, k, tuned), draw)
        for k in FREEZE_COUNTS
        for draw in range(draws)
        for n in SIZES
        for tuned in (False, True)
    ]


def _sweep(dataset: Dataset, draws: int) -> tuple[float, list[float]]:
    """Seconds from the workers' start to the last execution, and their resident MB together after each."""
    job = TransferJob(target.target_data(dataset, target.TARGET, max(SIZES), range(draws)))
    started = time.perf_counter()
    memory = []
    with WorkerPool(job, default_workers()) as pool:
        for _ in pool.run(executions(draws)):
            memory.append(sum(_resident_mb(process.pid) for process in multiprocessing.active_children()))
        return time.perf_counter() - started, memory


def _many_images(dataset: Dataset) -> tuple[float, float]:
    """Seconds and peak MB of one execution on 20,000 images of five classes (60,000 records), cut k = 2 on disk."""
    data = target.target_data(dataset, FIVE_CLASSES, MANY_IMAGES, range(1))
    network = build_network("original", target.IMAGE_SHAPE, len(FIVE_CLASSES))
    source = weight_values.initial_weights(network.backbone_layers, 1)
    schedule = StepSchedule(Schedule(tuning=None, max_steps=50))
    engine = SweepEngine(network, source, data, schedule, target.SEED, Budget(spill_dir=Path.cwd()))
    started = time.perf_counter()
    engine.run(Cell(MANY_IMAGES, 2, False), 0)
    return time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _resident_mb(process: int | None) -> float:
    pages = int(Path(f"/proc/{process}/statm").read_text(encoding="utf-8").split()[1])
    return pages * resource.getpagesize() / 2**20


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
