"""Accuracy of Thaw's own schedule against thirty plain epochs, pair by pair. Imports the sweep engine, no stock way."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "0"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import numpy as np
import tensorflow as tf

from acquisition.dataset import Dataset
from benchmarks import grid, target
from pipeline.config import Schedule
from trainer_module.selection import Cell
from trainer_module.sweep import SweepEngine

PLAIN = Schedule(epochs=grid.EPOCHS, learning_rate=1e-3, fine_tune_learning_rate=1e-4, max_steps=None)
OWN = Schedule()
BASELINE, TRANSFER = "baseline", "transfer"
QUICK_DRAWS = 3
QUICK = tuple((TRANSFER, n, k, False) for k in (8, 6) for n in grid.SIZES)
BASELINES = tuple((BASELINE, n, 0, False) for n in grid.SIZES)
BOUNDED_SIZES = (400, 800, 1500, 2000)
BOUNDED = (
    *((TRANSFER, n, k, tuned) for k in (8, 6, 4) for n in BOUNDED_SIZES for tuned in (False, True)),
    *((BASELINE, n, 0, False) for n in BOUNDED_SIZES),
)
SMALL = tuple((TRANSFER, n, k, True) for k in (8, 6) for n in (10, 20, 50, 100, 200))
CELLS = {"quick": QUICK, "baselines": BASELINES, "bounded": BOUNDED, "small": SMALL}
"""What can be compared. `bounded`: where max_steps cuts; a draw of it takes an hour. `small`: fine-tuned elsewhere."""


class PlainEngine(SweepEngine):
    """The same engine with a rate that stays as it is, as in the report."""

    def rates(self, learning_rate: float, steps: int) -> np.ndarray:
        return np.full(steps, learning_rate, np.float32)


@dataclasses.dataclass(frozen=True)
class Training:
    """One cell on one draw with one schedule: a line of schedules.jsonl."""

    role: str
    n: int
    k: int
    fine_tune: bool
    draw: int
    schedule: str
    accuracy: float

    @property
    def place(self) -> tuple[object, ...]:
        """All but what came out."""
        return dataclasses.astuple(self)[:-1]


@dataclasses.dataclass(frozen=True)
class Pair:
    """Test accuracies of one cell on one draw, same images, head and batches as far as both go."""

    role: str
    n: int
    k: int
    fine_tune: bool
    draw: int
    plain: float
    own: float


def main(argv: Sequence[str]) -> int:
    """Measures what the file lacks and prints the summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=QUICK_DRAWS)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    parser.add_argument("--cells", choices=list(CELLS), default="quick", help="all but quick take hours")
    arguments = parser.parse_args(argv)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    cells = CELLS[arguments.cells]
    pairs = list(compare(target.find_dataset(), arguments.out, cells, range(arguments.draws)))
    print(json.dumps(summarise(pairs), indent=1))
    return 0


def compare(
    dataset: Dataset, out: Path, cells: Sequence[tuple[str, int, int, bool]], draws: Iterable[int]
) -> Iterator[Pair]:
    """Yields the pairs of the cells, draw by draw; trainings that ended before come from `out`/schedules.jsonl."""
    record = out / "schedules.jsonl"
    lines = record.read_text().splitlines() if record.exists() else []
    known = {training.place: training.accuracy for training in (Training(**json.loads(line)) for line in lines)}
    draws = list(draws)
    engines = Engines(dataset, out, max(n for _, n, _, _ in cells), max(draws) + 1)
    for draw in draws:
        for cell in cells:
            reached = []
            for name, schedule in (("plain", PLAIN), ("own", OWN)):
                place = (*cell, draw, schedule_key(name, schedule))
                if place not in known:
                    role, n, k, tuned = cell
                    known[place] = engines.of(role, name).run(Cell(n, k, tuned), draw).test.accuracy
                    with record.open("a") as file:
                        file.write(json.dumps(dataclasses.asdict(Training(*place, known[place]))) + "\n")
                reached.append(known[place])
            pair = Pair(*cell, draw, *reached)
            print(pair, flush=True)
            yield pair


def schedule_key(name: str, schedule: Schedule) -> str:
    """Name and settings: a training with other settings is another one."""
    return f"{name} {schedule.model_dump_json()}"


class Engines:
    """The engines by role and schedule, each built when it is first asked for.

    Args:
      dataset: CIFAR-10.
      out: the source is kept here.
      largest: n of the largest cell.
      draws: how many.
    """

    def __init__(self, dataset: Dataset, out: Path, largest: int, draws: int):
        place = target.trained_source(dataset, target.SOURCE, target.SOURCE_STEPS, out / "source" / "model.keras")
        self._source = target.source_backbone(place, target.original_network())
        self._data = target.target_data(dataset, target.TARGET, largest, draws)
        self._built: dict[tuple[str, str], SweepEngine] = {}

    def of(self, role: str, name: str) -> SweepEngine:
        """The engine of a baseline or transfer, with the plain schedule or our own."""
        if (role, name) not in self._built:
            kind, schedule = (PlainEngine, PLAIN) if name == "plain" else (SweepEngine, OWN)
            source = self._source if role == TRANSFER else None
            self._built[role, name] = kind(target.original_network(), source, self._data, schedule, target.SEED)
        return self._built[role, name]


def summarise(pairs: Sequence[Pair]) -> dict[str, object]:
    """Mean difference (own minus plain, points) with its 95% interval over all pairs, and by role and freeze count."""
    groups = {"all": list(pairs)}
    for pair in pairs:
        groups.setdefault(f"{pair.role} k={pair.k}{' fine-tuned' * pair.fine_tune}", []).append(pair)
        groups.setdefault(f"{pair.role} n={pair.n}", []).append(pair)
    return {name: _difference(group) for name, group in groups.items() if len(group) > 1}


def _difference(pairs: Sequence[Pair]) -> dict[str, float]:
    mean, low, high = grid.paired_difference([100 * (pair.own - pair.plain) for pair in pairs])
    return {"mean": round(mean, 2), "low": round(low, 2), "high": round(high, 2), "pairs": len(pairs)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
