"""make bench: cells of the report's grid the stock way and Thaw's, by turns, on one core. Imports both ways."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import resource
import sys
import time
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "0"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import tensorflow as tf

from benchmarks import grid, plot, schedules, target, workers
from benchmarks.grid import Timing
from benchmarks.stock import StockData, StockTrial, run_trial
from pipeline.config import Schedule
from trainer_module.selection import Cell
from trainer_module.sweep import SweepEngine
from trainer_module.target import TargetData, record_ranks

FORWARD_AND_BACKWARD_MFLOP = 233.0
"""Of one image through Table 1, nothing frozen (two per multiply-add)."""


def main(argv: list[str]) -> int:
    """Times the sampled cells and writes bench.json and bench.png."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    arguments = parser.parse_args(argv)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    dataset = target.find_dataset()
    place = target.trained_source(dataset, target.SOURCE, target.SOURCE_STEPS, arguments.out / "source" / "model.keras")
    data = target.target_data(dataset, target.TARGET, max(n for n, _ in grid.sampled_cells()), arguments.draws + 1)
    network = target.original_network()
    engine = SweepEngine(network, target.source_backbone(place, network), data, schedules.PLAIN, target.SEED)
    peak = matrix_gflops()
    timings, first_runs = [], {}
    for n, k in grid.sampled_cells():
        if k not in first_runs:
            first_runs[k] = first_run(engine, k, spare_draw=arguments.draws)
        for draw in range(arguments.draws):
            for timing in time_cells(engine, place, n, k, draw):
                timings.append(timing)
                print(f"n={n} k={k} fine_tune={timing.fine_tune} draw={draw}: stock {timing.stock_s:.2f} s, "
                      f"thaw {timing.thaw_s:.2f} s, {timing.stock_s / timing.thaw_s:.1f}x; accuracy "
                      f"{timing.stock_accuracy:.1%} and {timing.thaw_accuracy:.1%}", flush=True)  # fmt: skip
    pairs = list(schedules.compare(dataset, arguments.out, schedules.QUICK, range(schedules.QUICK_DRAWS)))
    result = summarise(timings, first_runs, arguments.draws, peak, dataset.name)
    result["own_schedule_accuracy"] = schedules.summarise(pairs)
    result["workers_s"] = {count: workers.seconds_with(count) for count in (1, 2)}
    (arguments.out / "bench.json").write_text(json.dumps(result, indent=1))
    plot.draw(result, arguments.out / "bench.png")
    print(json.dumps({key: value for key, value in result.items() if key != "cells"}, indent=1))
    return 0


def first_run(engine: SweepEngine, k: int, spare_draw: int) -> float:
    """Seconds that the first execution at a freeze count takes longer than the next: walks and compilations."""
    seconds = []
    # The last draw is timed nowhere else, and so leaves no phase 1 behind for the cells to come.
    for draw in (0, spare_draw):
        for fine_tune in (False, True):
            started = time.perf_counter()
            engine.run(Cell(10, k, fine_tune), draw)
            seconds.append(time.perf_counter() - started)
    return max(0.0, sum(seconds[:2]) - sum(seconds[2:]))


def time_cells(engine: SweepEngine, place: Path, n: int, k: int, draw: int) -> list[Timing]:
    """Both cells of (n, k), without and with fine-tuning, Thaw and stock by turns."""
    layers = tuple(tuple(layer.name for layer in group) for group in engine.network.freezable)
    stock_data = draw_of(engine.data, n, draw)
    found = []
    for fine_tune in (False, True):
        cell = Cell(n, k, fine_tune)
        started = time.perf_counter()
        execution = engine.run(cell, draw)
        thaw_s = time.perf_counter() - started
        started = time.perf_counter()
        accuracy = run_trial(StockTrial(place, layers, cell, stock_data, grid.EPOCHS, seed=draw + 1))
        stock_s = time.perf_counter() - started
        found.append(Timing(n, k, fine_tune, draw, stock_s, thaw_s, accuracy, execution.test.accuracy))
    return found


def draw_of(data: TargetData, n: int, draw: int) -> StockData:
    """The same records as Thaw trains on."""
    mask = record_ranks(data.train, target.SEED, draw) < n // data.num_classes
    train = data.train.select(mask)
    return StockData(*((split.images, split.labels) for split in (train, data.val, data.test)))


def matrix_gflops(size: int = 2048) -> float:
    """The core's best rate of float32 matrix products by TensorFlow, in 10^9 operations a second."""
    matrix = tf.random.normal((size, size))
    product = tf.function(lambda: tf.matmul(matrix, matrix))
    best = 0.0
    for _ in range(6):
        started = time.perf_counter()
        product().numpy()
        best = max(best, 2 * size**3 / (time.perf_counter() - started) / 1e9)
    return best


def summarise(
    timings: list[Timing], first_runs: dict[int, float], draws: int, peak: float, data_name: str
) -> dict[str, object]:
    """What bench.json holds."""
    shared = grid.shared_seconds(first_runs, draws)
    stock = sum(grid.seconds_by_cell(timings, "stock_s").values())
    thaw = grid.seconds_by_cell(timings, "thaw_s")
    own = grid.seconds_by_cell(timings, "thaw_s", Schedule().max_steps)
    mean, low, high = grid.paired_difference([100 * (t.thaw_accuracy - t.stock_accuracy) for t in timings])
    step_s, _ = grid.line_through([(grid.steps_of(t.n), t.thaw_s) for t in timings if t.k == 0 and not t.fine_tune])
    gflops = grid.BATCH * FORWARD_AND_BACKWARD_MFLOP / 1e3 / step_s
    return {
        "data": data_name,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one used; Python {platform.python_version()}, "
        f"TensorFlow {tf.__version__}",
        "draws": draws,
        "cells": [{**dataclasses.asdict(t), "ratio": t.stock_s / (t.thaw_s + shared)} for t in timings],
        "shared_s_per_execution": shared,
        "grid_stock_s": stock,
        "grid_thaw_s": sum(thaw.values()) + shared * len(thaw),
        "grid_ratio_same_schedule": stock / (sum(thaw.values()) + shared * len(thaw)),
        "grid_ratio_own_schedule": stock / (sum(own.values()) + shared * len(own)),
        "accuracy_difference_points": {"mean": mean, "low": low, "high": high, "pairs": len(timings)},
        "matrix_gflops": peak,
        "step_ms_nothing_frozen": 1000 * step_s,
        "peak_share_nothing_frozen": gflops / peak,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
