"""make bench: cells of the report's grid in stock Keras and in Thaw, alternating, on one core, for a given time.

This process has one thread and one core. Its CPU seconds stay nearly the same where other work shares the core, but
stock Keras also waits, a third of a second at the end of every epoch. So ratios are given by CPU seconds and by the
clock; those by the clock (`grid_ratios_wall`) hold on a quiet core alone.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
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
from benchmarks.speed.ratios import ratios
from benchmarks.speed.stock import StockData, StockTrial, run_trial
from experiment.stack import Precision
from ledger.cell_selection import Cell
from pipeline.planning.plan import measure_gflops
from trainer_module.cell_training.target_data import TargetData, record_ranks
from trainer_module.networks.architectures import build_network
from trainer_module.processes.fixed_threads import one_thread
from trainer_module.sweep.engine import SweepEngine

MOST_DRAWS = 5
POLICIES: dict[Precision, str] = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def main(argv: list[str]) -> int:
    """Times cells and writes bench.json and bench.png after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=42.0, help="begin no cell that would end later (42)")
    parser.add_argument("--all", action="store_true", help="afterwards measure schedules, growth and two workers")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    arguments = parser.parse_args(argv)
    until = time.monotonic() + 60 * arguments.minutes
    one_thread()
    dataset = target.find_dataset()
    with one_core():
        result = time_grid(dataset, arguments.out, until)
    if arguments.all:
        further(dataset, arguments.out, result)
    print(json.dumps({key: value for key, value in result.items() if key != "cells"}, indent=1))
    return 0


def time_grid(dataset: Dataset, out: Path, until: float) -> dict[str, Any]:
    """Times cells until the time is over; writes the results so far after each."""
    ways = all_ways(dataset, out)
    result: dict[str, Any] = {"data": dataset.name, "matrix_gflops": measure_gflops()}
    first_runs: dict[int, float] = {}
    timings: list[Timing] = []
    for timing in timed_until(ways, until, first_runs):
        timings.append(timing)
        print(told(timing), flush=True)
        result |= summarise(timings, first_runs, ways.engines["own", "float32"])
        write(result, out)
    return result


def further(dataset: Dataset, out: Path, result: dict[str, Any]) -> None:
    """Measurements of another half hour: accuracy of Thaw's own schedule, growth, and two workers against one."""
    pairs = list(schedules.compare(dataset, out, schedules.GROUPS["quick"]))
    result["own_schedule_accuracy"] = schedules.summarise(pairs)
    # In a separate process, so that its peak of memory is measured alone.
    subprocess.run([sys.executable, "-m", "benchmarks.speed.growth", "--out", str(out)], check=True)
    result["growth"] = json.loads((out / "growth.json").read_text(encoding="utf-8"))
    result["workers_s"] = {count: workers.seconds_with(count) for count in (1, 2)}
    write(result, out)


def write(result: dict[str, Any], out: Path) -> None:
    """Writes bench.json and its picture."""
    (out / "bench.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    plot.draw(result, out / "bench.png")


@dataclasses.dataclass(frozen=True)
class Ways:
    """The ways to train a cell: the stock way from a source's file, and Thaw's engines.

    Attributes:
      engines: by schedule, `thaw` (stock's) or `own`, and precision.
    """

    source: Path
    engines: dict[tuple[str, Precision], SweepEngine]


def all_ways(dataset: Dataset, out: Path) -> Ways:
    """Trains the source if `out` lacks it, and builds the engines; one more draw than is timed warms them up."""
    place = target.trained_source(dataset, target.SOURCE, target.SOURCE_STEPS, out / "source" / "model.keras")
    data = target.target_data(dataset, target.TARGET, max(grid.TIMED_SIZES), range(MOST_DRAWS + 1))
    weights = target.source_backbone(place, target.original_network())
    engines = {
        (name, precision): SweepEngine(
            build_network("original", target.IMAGE_SHAPE, 2, precision=precision), weights, data, schedule, target.SEED
        )
        for name, schedule in (("thaw", schedules.PLAIN), ("own", schedules.OWN))
        for precision in POLICIES
    }
    return Ways(place, engines)


def timed_until(ways: Ways, until: float, first_runs: dict[int, float]) -> Iterator[Timing]:
    """Times every line of the grid once, those with most weight first, then repeats those that add most uncertainty.

    Args:
      ways: the ways to time.
      until: of the monotonic clock; cells that would end later are not begun.
      first_runs: seconds by freeze count that the first executions take longer; filled in.
    """
    weights = grid.line_weights(grid.TIMED_COUNTS)
    spent: dict[int, float] = {}
    done = dict.fromkeys(grid.TIMED_COUNTS, 0)
    while True:

        def gain(k: int) -> float:
            """Effect of one more draw on the variance; a freeze count without any draw comes first."""
            return spent[k] * weights[k, False] / done[k] if done[k] else float("inf")

        # `max` takes the first of equals: nothing frozen costs most.
        k = max((k for k in grid.TIMED_COUNTS if done[k] < MOST_DRAWS), key=gain, default=None)
        if k is None or time.monotonic() + spent.get(k, max(spent.values(), default=0.0)) > until:
            return
        started = time.monotonic()
        if not done[k]:
            first_runs[k] = max(first_run(engine, k) for engine in ways.engines.values())
        began = time.monotonic()
        for n in grid.TIMED_SIZES:
            yield from time_cells(ways, n, k, done[k])
        spent[k] = time.monotonic() - (began if done[k] else started)
        done[k] += 1


def first_run(engine: SweepEngine, k: int) -> float:
    """Extra seconds of the first execution at a freeze count: forward passes and compilations."""
    seconds = []
    # The last draw is not timed elsewhere, so it leaves no phase 1 for later cells.
    for draw in (0, MOST_DRAWS):
        for fine_tune in (False, True):
            cell = Cell(min(grid.TIMED_SIZES), k, fine_tune)
            seconds.append(timed(engine.run, cell, draw)[0][0])
    return max(0.0, sum(seconds[:2]) - sum(seconds[2:]))


def time_cells(ways: Ways, n: int, k: int, draw: int) -> Iterator[Timing]:
    """Both cells of (n, k), without and with fine-tuning, all ways alternating."""
    engine = ways.engines["thaw", "float32"]
    layers = tuple(tuple(layer.name for layer in group) for group in engine.network.freezable)
    stock_data = draw_of(engine.data, n, draw)
    for fine_tune in (False, True):
        cell = Cell(n, k, fine_tune)
        seconds, accuracies = dict[str, tuple[float, float]](), dict[str, float]()
        for precision, policy in POLICIES.items():
            for name in ("thaw", "own"):
                way = f"{name}_{precision}"
                seconds[way], ran = timed(ways.engines[name, precision].run, cell, draw)
                accuracies[way] = ran.test.accuracy
            trial = StockTrial(ways.source, layers, cell, stock_data, grid.EPOCHS, seed=draw + 1, policy=policy)
            seconds[f"stock_{precision}"], accuracies[f"stock_{precision}"] = timed(run_trial, trial)
        cpu, wall = ({way: both[place] for way, both in seconds.items()} for place in range(2))
        yield Timing(n, k, fine_tune, draw, cpu, accuracies, wall)


def timed(train: Callable[..., Any], *arguments: object) -> tuple[tuple[float, float], Any]:
    """Seconds of the processor and of the clock, and the result."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = train(*arguments)
    return (time.process_time() - cpu, time.perf_counter() - wall), result


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Keeps this process on one core, if the system allows it: stock Keras has threads in addition to TensorFlow's."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def told(t: Timing) -> str:
    """A cell's line."""
    ways = (
        f"{way} {seconds:.2f} CPU s, {t.wall_seconds[way]:.2f} s, {t.accuracies[way]:.1%}"
        for way, seconds in sorted(t.seconds.items())
    )
    return f"n={t.n} k={t.k} fine_tune={t.fine_tune} draw={t.draw}: {'; '.join(ways)}"


def draw_of(data: TargetData, n: int, draw: int) -> StockData:
    """The same records as Thaw's."""
    mask = record_ranks(data.train, target.SEED, draw) < n // data.num_classes
    train = data.train.select(mask)
    return StockData(*((split.images, split.labels) for split in (train, data.val, data.test)))


def summarise(timings: list[Timing], first_runs: dict[int, float], own_engine: SweepEngine) -> dict[str, Any]:
    """The entries of bench.json on the timed cells and the grid that they represent."""
    shared = grid.shared_seconds(first_runs, draws=1)
    costs, most = own_engine.network.multiply_adds, own_engine.schedule.settings.max_steps

    def own_steps(n: int, k: int, fine_tune: bool) -> int:
        return grid.steps_of(n, fine_tune, most, costs[k] / costs[0])

    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one used; Python {platform.python_version()}, "
        f"TensorFlow {tf.__version__}",
        "cells": [
            {**dataclasses.asdict(t), "ratio": t.seconds["stock_float32"] / (t.seconds["thaw_float32"] + shared)}
            for t in timings
        ],
        "shared_s_per_execution": shared,
        **ratios(timings, shared, own_steps),
        "grid_ratios_wall": ratios([t.by_the_clock for t in timings], shared, own_steps)["grid_ratios"],
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
