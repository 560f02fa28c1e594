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
from trainer_module.freezing import Weights
from trainer_module.selection import Cell
from trainer_module.sweep import SweepEngine
from trainer_module.target import TargetData

PLAIN = Schedule(epochs=grid.EPOCHS, learning_rate=1e-3, fine_tune_learning_rate=1e-4, max_steps=None)
BASELINE, TRANSFER = "baseline", "transfer"
QUICK_DRAWS = 3
QUICK = tuple((TRANSFER, n, k, False) for k in (8, 6) for n in grid.SIZES)
BASELINES = tuple((BASELINE, n, 0, False) for n in grid.SIZES)
DEEP = (
    *((TRANSFER, n, k, True) for k in (8, 6) for n in (10, 20, 50, 100)),
    *((TRANSFER, n, 4, tuned) for n in (10, 20, 50, 100) for tuned in (False, True)),
    *((TRANSFER, n, 4, False) for n in (200, 400, 800, 1500, 2000)),
)
CELLS = {"quick": QUICK, "baselines": BASELINES, "deep": DEEP}
"""What can be compared; all but the first take hours."""


class PlainEngine(SweepEngine):
    """The same engine with a rate that stays as it is, as in the report."""

    def rates(self, learning_rate: float, steps: int) -> np.ndarray:
        return np.full(steps, learning_rate, np.float32)


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
    """Yields the pairs of the cells on each draw, cheap cells first; finished ones come from `out`/schedules.jsonl."""
    record = out / "schedules.jsonl"
    known = [Pair(**json.loads(line)) for line in record.read_text().splitlines()] if record.exists() else []
    place = target.trained_source(dataset, target.SOURCE, target.SOURCE_STEPS, out / "source" / "model.keras")
    source = target.source_backbone(place, target.original_network())
    largest = max(n for _, n, _, _ in cells)
    draws = list(draws)
    data = target.target_data(dataset, target.TARGET, largest, max(draws) + 1)
    engines: dict[str, tuple[SweepEngine, SweepEngine]] = {}
    for draw in draws:
        for role, n, k, tuned in cells:
            found = [p for p in known if (p.role, p.n, p.k, p.fine_tune, p.draw) == (role, n, k, tuned, draw)]
            if not found:
                if role not in engines:
                    engines[role] = _engines(data, source if role == TRANSFER else None)
                plain, own = (engine.run(Cell(n, k, tuned), draw).test.accuracy for engine in engines[role])
                found = [Pair(role, n, k, tuned, draw, plain, own)]
                with record.open("a") as file:
                    file.write(json.dumps(dataclasses.asdict(found[0])) + "\n")
                print(f"{found[0]}", flush=True)
            yield found[0]


def summarise(pairs: Sequence[Pair]) -> dict[str, object]:
    """Mean difference (own minus plain, points) with its 95% interval over all pairs, and by role and freeze count."""
    groups = {"all": list(pairs)}
    for pair in pairs:
        groups.setdefault(f"{pair.role} k={pair.k}", []).append(pair)
        groups.setdefault(f"{pair.role} n={pair.n}", []).append(pair)
    return {name: _difference(group) for name, group in groups.items() if len(group) > 1}


def _difference(pairs: Sequence[Pair]) -> dict[str, float]:
    mean, low, high = grid.paired_difference([100 * (pair.own - pair.plain) for pair in pairs])
    return {"mean": round(mean, 2), "low": round(low, 2), "high": round(high, 2), "pairs": len(pairs)}


def _engines(data: TargetData, source: Weights | None) -> tuple[SweepEngine, SweepEngine]:
    return (
        PlainEngine(target.original_network(), source, data, PLAIN, target.SEED),
        SweepEngine(target.original_network(), source, data, Schedule(), target.SEED),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
