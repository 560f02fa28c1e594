"""The report's recipe (a random head) against a solved head, pair by pair in as many steps. Imports the sweep engine.

`python -m benchmarks.schedules.recipes`: both recipes see every record thirty times and take at most 800 steps, so that
they cost the same; steps and seconds of both are printed with the difference.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.runner.process import prepare_process

prepare_process(os.environ)

from benchmarks.inputs import grid, target
from experiment.config import Schedule, Tuning
from ledger.cell_selection import Cell
from pipeline.dag.fingerprint import SWEEP_CODE, source_fingerprint
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.networks import weight_values
from trainer_module.processes.fixed_threads import one_thread
from trainer_module.sweep.engine import SweepEngine

SIZES, COUNTS = (20, 100, 400), (0, 4, 6, 8)
FIRST_DRAW, DRAWS = 400, 5
"""Draws on which no setting was chosen."""
OURS = Schedule(tuning=Tuning(epochs=30, max_steps=800))
RECIPES = {"report": Schedule(tuning=None), "solved": OURS}


@dataclasses.dataclass(frozen=True)
class Trained:
    """One training: test accuracy, a fraction; optimiser steps; seconds of one core."""

    accuracy: float
    steps: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class Pair:
    """One cell on one draw, trained by both recipes."""

    cell: Cell
    draw: int
    report: Trained
    solved: Trained

    @property
    def points(self) -> float:
        """Points by which the solved head is better."""
        return 100 * (self.solved.accuracy - self.report.accuracy)


def main(argv: Sequence[str]) -> int:
    """Trains the pairs that the record lacks, and prints the summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    arguments = parser.parse_args(argv)
    one_thread()
    print(json.dumps(summarise(list(compare(arguments.out, arguments.draws))), indent=1))
    return 0


def compare(out: Path, draws: int) -> Iterator[Pair]:
    """Yields the pairs, the cheapest first; trainings that ended before come from `out`/recipe_pairs.jsonl."""
    dataset, record = target.find_dataset(), out / "recipe_pairs.jsonl"
    path = target.trained_source(dataset, target.SOURCE, target.SOURCE_STEPS, out / "source" / "model.keras")
    backbone = target.source_backbone(path, target.original_network())
    numbers = range(FIRST_DRAW, FIRST_DRAW + draws)
    data = target.target_data(dataset, target.TARGET, max(SIZES), numbers)
    engines = {
        name: SweepEngine(target.original_network(), backbone, data, StepSchedule(schedule), target.SEED)
        for name, schedule in RECIPES.items()
    }
    lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
    known = {json.dumps(line["key"]): Trained(**line["trained"]) for line in map(json.loads, lines)}
    shared = {"source": weight_values.weights_hash(backbone), "code": source_fingerprint(*SWEEP_CODE)}
    cells = [Cell(n, k, tuned) for k in sorted(COUNTS, reverse=True) for n in SIZES for tuned in (False, True)]
    for cell, draw in ((cell, draw) for cell in cells for draw in numbers):
        found = {}
        for name, engine in engines.items():
            key = {**dataclasses.asdict(cell), "draw": draw, "recipe": RECIPES[name].decisive, **shared}
            if json.dumps(key) not in known:
                ran = engine.run(cell, draw)
                known[json.dumps(key)] = Trained(ran.test.accuracy, ran.steps, ran.seconds)
                with record.open("a", encoding="utf-8") as file:
                    trained = dataclasses.asdict(known[json.dumps(key)])
                    file.write(json.dumps({"key": key, "trained": trained}) + "\n")
            found[name] = known[json.dumps(key)]
        pair = Pair(cell, draw, **found)
        print(pair, flush=True)
        yield pair


def summarise(pairs: Sequence[Pair]) -> dict[str, dict[str, float]]:
    """Mean difference (solved minus report, points) with its 95% interval over two or more draws; and the cost of both.

    A draw's cells share its images, so a draw counts once: its cells are averaged first.
    """
    groups: dict[str, list[Pair]] = {"all": list(pairs)}
    for pair in pairs:
        cell = pair.cell
        groups.setdefault(f"n={cell.n}", []).append(pair)
        groups.setdefault(f"k={cell.freeze_count}{' fine-tuned' * cell.fine_tune}", []).append(pair)
    return {name: _summary(group) for name, group in groups.items()}


def _summary(pairs: Sequence[Pair]) -> dict[str, float]:
    by_draw: dict[int, list[float]] = {}
    for pair in pairs:
        by_draw.setdefault(pair.draw, []).append(pair.points)
    points = [statistics.fmean(of_draw) for of_draw in by_draw.values()]
    found = {"points": statistics.fmean(points), "draws": len(points), "pairs": len(pairs)}
    if len(points) > 1:
        _, found["low"], found["high"] = grid.paired_difference(points)
    for name in RECIPES:
        trained = [getattr(pair, name) for pair in pairs]
        found[f"{name}_accuracy"] = 100 * statistics.fmean(one.accuracy for one in trained)
        found[f"{name}_steps"] = statistics.fmean(one.steps for one in trained)
        found[f"{name}_seconds"] = statistics.fmean(one.seconds for one in trained)
    return {name: round(value, 2) for name, value in found.items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
