"""make bench: stock KerasTuner trials and Thaw's cells, alternating, on one core. Imports both ways."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.runner.process import prepare_process

prepare_process(os.environ)

import tensorflow as tf

from acquisition.data_sources.locate_dataset import Dataset
from benchmarks.inputs import grid, target
from benchmarks.inputs.grid import Timing
from benchmarks.schedules import schedules
from benchmarks.speed import plot, workers
from benchmarks.speed.stock import StockData, StockTrial, run_trial
from ledger.cell_selection import Cell
from trainer_module.cell_training.target_data import TargetData, record_ranks
from trainer_module.processes.single_thread import one_thread
from trainer_module.sweep.engine import SweepEngine

FORWARD_AND_BACKWARD_MFLOP = 233.0
"""Of one image through Table 1, nothing frozen (two per multiply-add)."""


def main(argv: list[str]) -> int:
    """Times the sampled cells and writes bench.json and bench.png."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    arguments = parser.parse_args(argv)
    one_thread()
    dataset = target.find_dataset()
    ways = three_ways(dataset, arguments.out, arguments.draws)
    peak = matrix_gflops()
    timings, first_runs = [], {}
    # By freeze count, as a sweep goes: an engine keeps the activations of one cut at a time.
    for n, k in grid.sampled_cells():
        if k not in first_runs:
            first_runs[k] = max(first_run(engine, k, spare_draw=arguments.draws) for engine in (ways.thaw, ways.own))
        for draw in range(arguments.draws):
            for timing in time_cells(ways, n, k, draw):
                timings.append(timing)
                print(told(timing), flush=True)
    result = summarise(timings, first_runs, arguments.draws, peak, ways.own)
    result = {"data": dataset.name, **result}
    # Written before what follows, and again after it: the cells took most of the time.
    write(result, arguments.out)
    pairs = list(schedules.compare(dataset, arguments.out, schedules.GROUPS["quick"]))
    result["own_schedule_accuracy"] = schedules.summarise(pairs)
    # In a process of its own, so that its peak of memory is its own.
    subprocess.run([sys.executable, "-m", "benchmarks.speed.growth", "--out", str(arguments.out)], check=True)
    result["growth"] = json.loads((arguments.out / "growth.json").read_text(encoding="utf-8"))
    result["workers_s"] = {count: workers.seconds_with(count) for count in (1, 2)}
    write(result, arguments.out)
    print(json.dumps({key: value for key, value in result.items() if key != "cells"}, indent=1))
    return 0


def write(result: dict[str, Any], out: Path) -> None:
    """Writes bench.json and its picture."""
    (out / "bench.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    plot.draw(result, out / "bench.png")


@dataclasses.dataclass(frozen=True)
class Ways:
    """What a cell is trained with: the stock way from a source's file, and Thaw's engine with two schedules."""

    source: Path
    thaw: SweepEngine
    own: SweepEngine


def three_ways(dataset: Dataset, out: Path, draws: int) -> Ways:
    """Trains the source where `out` lacks it and builds the engines; one more draw than is timed warms them up."""
    place = target.trained_source(dataset, target.SOURCE, target.SOURCE_STEPS, out / "source" / "model.keras")
    data = target.target_data(dataset, target.TARGET, max(n for n, _ in grid.sampled_cells()), range(draws + 1))
    weights = target.source_backbone(place, target.original_network())
    plain = SweepEngine(target.original_network(), weights, data, schedules.PLAIN, target.SEED)
    own = SweepEngine(target.original_network(), weights, data, schedules.OWN, target.SEED)
    return Ways(place, plain, own)


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


def time_cells(ways: Ways, n: int, k: int, draw: int) -> list[Timing]:
    """Both cells of (n, k), without and with fine-tuning, Thaw and stock alternating."""
    layers = tuple(tuple(layer.name for layer in group) for group in ways.thaw.network.freezable)
    stock_data = draw_of(ways.thaw.data, n, draw)
    found = []
    for fine_tune in (False, True):
        cell = Cell(n, k, fine_tune)
        trial = StockTrial(ways.source, layers, cell, stock_data, grid.EPOCHS, seed=draw + 1)
        thaw_s, thaw = timed(ways.thaw.run, cell, draw)
        own_s, own = timed(ways.own.run, cell, draw)
        stock_s, stock = timed(run_trial, trial)
        accuracies = stock, thaw.test.accuracy, own.test.accuracy
        found.append(Timing(n, k, fine_tune, draw, stock_s, thaw_s, own_s, *accuracies))
    return found


def timed(train: Callable[..., Any], *arguments: object) -> tuple[float, Any]:
    """Seconds, and what came out."""
    started = time.perf_counter()
    result = train(*arguments)
    return time.perf_counter() - started, result


def told(t: Timing) -> str:
    """A cell's line."""
    return (
        f"n={t.n} k={t.k} fine_tune={t.fine_tune} draw={t.draw}: stock {t.stock_s:.2f} s; Thaw {t.thaw_s:.2f} s, "
        f"{t.stock_s / t.thaw_s:.1f}x; with its own schedule {t.own_s:.2f} s, {t.stock_s / t.own_s:.1f}x; accuracy "
        f"{t.stock_accuracy:.1%}, {t.thaw_accuracy:.1%}, {t.own_accuracy:.1%}"
    )


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
    timings: list[Timing], first_runs: dict[int, float], draws: int, peak: float, own_engine: SweepEngine
) -> dict[str, object]:
    """What bench.json holds of the timed cells and the grid that they stand for."""
    shared = grid.shared_seconds(first_runs, draws)
    costs, most = own_engine.network.multiply_adds, own_engine.schedule.settings.max_steps

    def own_steps(n: int, k: int, fine_tune: bool) -> int:
        return grid.steps_of(n, fine_tune, most, costs[k] / costs[0])

    def plain_steps(n: int, k: int, fine_tune: bool) -> int:
        return grid.steps_of(n, fine_tune)

    ways = {"stock_s": plain_steps, "thaw_s": plain_steps, "own_s": own_steps}
    cells = {way: grid.seconds_by_cell(timings, way, steps) for way, steps in ways.items()}
    whole = {way: sum(seconds.values()) for way, seconds in cells.items()}
    whole = {way: seconds + (0 if way == "stock_s" else shared * len(cells[way])) for way, seconds in whole.items()}
    phase_1 = [(grid.steps_of(t.n), t.thaw_s) for t in timings if t.k == 0 and not t.fine_tune]
    step_s, _ = grid.line_through(phase_1)
    gflops = grid.BATCH * FORWARD_AND_BACKWARD_MFLOP / 1e3 / step_s
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one used; Python {platform.python_version()}, "
        f"TensorFlow {tf.__version__}",
        "draws": draws,
        "cells": [{**dataclasses.asdict(t), "ratio": t.stock_s / (t.thaw_s + shared)} for t in timings],
        "shared_s_per_execution": shared,
        "grid_s": whole,
        "grid_ratio_same_schedule": whole["stock_s"] / whole["thaw_s"],
        "grid_ratio_own_schedule": whole["stock_s"] / whole["own_s"],
        "grid_s_by_n": {way: grid.seconds_by(seconds, 0) for way, seconds in cells.items()},
        "grid_s_by_k": {way: grid.seconds_by(seconds, 1) for way, seconds in cells.items()},
        "accuracy_difference_points": difference([100 * (t.thaw_accuracy - t.stock_accuracy) for t in timings]),
        "own_accuracy_difference_points": difference([100 * (t.own_accuracy - t.stock_accuracy) for t in timings]),
        "matrix_gflops": peak,
        "step_ms_nothing_frozen": 1000 * step_s,
        "peak_share_nothing_frozen": gflops / peak,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def difference(points: list[float]) -> dict[str, float]:
    """Mean of paired differences with its 95% interval."""
    mean, low, high = grid.paired_difference(points)
    return {"mean": mean, "low": low, "high": high, "pairs": len(points)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
