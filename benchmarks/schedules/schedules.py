"""Accuracy of Thaw's own schedule against thirty plain epochs, pair by pair. Imports the engine, not stock Keras."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pipeline.runner.process import prepare_process

prepare_process(os.environ)

import numpy as np

from acquisition.data_sources.locate_dataset import Dataset
from benchmarks.inputs import grid, target
from experiment.config import Schedule
from ledger.cell_selection import Cell
from pipeline.dag.fingerprint import SWEEP_CODE, source_fingerprint
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.networks import weight_values
from trainer_module.processes.fixed_threads import one_thread
from trainer_module.sweep.engine import SweepEngine

PLAIN_SETTINGS = Schedule(
    tuning=None, epochs=grid.EPOCHS, learning_rate=1e-3, fine_tune_learning_rate=1e-4, max_steps=None
)
BASELINE, TRANSFER = "baseline", "transfer"
FIRST_DRAW = 200
"""First draw; no setting was chosen on these draws (benchmarks.schedules.schedule_choice uses 100 and 101)."""


@dataclasses.dataclass(frozen=True)
class CellDraw:
    """A cell of a transfer or of the baseline, on one draw."""

    role: str
    n: int
    k: int
    fine_tune: bool
    draw: int


@dataclasses.dataclass(frozen=True)
class Pair:
    """Test accuracies at one place, same images, head and batches as far as both go."""

    place: CellDraw
    plain: float
    own: float


def constant(learning_rate: float, steps: int) -> np.ndarray:
    """A constant rate, as in the report, float32 [steps]."""
    return np.full(steps, learning_rate, np.float32)


PLAIN, OWN = StepSchedule(PLAIN_SETTINGS, constant), StepSchedule(Schedule(tuning=None))


def third_of_grid(counts: Sequence[int]) -> tuple[CellDraw, ...]:
    """Every third (n, k) of the report's grid with these freeze counts, twice each: all sizes and counts come up.

    Neighbouring sizes have different thirds of the counts, and three draws alternate.
    """
    chosen = [(i, k) for k in counts for i in range(len(grid.SIZES)) if (i + k) % 3 == 0]
    return tuple(
        CellDraw(TRANSFER, grid.SIZES[i], k, tuned, FIRST_DRAW + (i // 3 + k) % 3)
        for i, k in chosen
        for tuned in (False, True)
    )


MORE_DRAWS = {10: 12, 20: 12, 50: 12, 100: 8, 200: 4}
"""The small sizes differ most from draw to draw and cost least: they are repeated this many times."""


def small_sizes_again() -> tuple[CellDraw, ...]:
    """Small sizes on further draws: a freeze count of the transfer, twice, and every third time the baseline. Freeze
    counts alternate. The order is by draw, so that at every moment all sizes have about as many.
    """
    places = []
    for i in range(max(MORE_DRAWS.values())):
        for position, n in enumerate(size for size, most in MORE_DRAWS.items() if i < most):
            k, draw = (2 * i + position) % len(grid.FREEZE_COUNTS), FIRST_DRAW + 20 + i
            places += [CellDraw(TRANSFER, n, k, tuned, draw) for tuned in (False, True)]
            places += [CellDraw(BASELINE, n, 0, False, draw)] if i % 3 == 0 else []
    return tuple(places)


GROUPS = {
    "quick": tuple(
        CellDraw(TRANSFER, n, k, False, FIRST_DRAW + 10 + draw) for draw in range(3) for k in (8, 6) for n in grid.SIZES
    ),
    "shallow": third_of_grid(range(5)),
    "deep": third_of_grid(range(5, 9)),
    "baselines": tuple(CellDraw(BASELINE, n, 0, False, FIRST_DRAW + i % 3) for i, n in enumerate(grid.SIZES)),
    "again": small_sizes_again(),
}
"""The groups of comparisons. All but `quick` together represent the grid and take about three core-hours."""


def main(argv: Sequence[str]) -> int:
    """Measures the pairs that the record lacks and prints the summary of the groups."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", nargs="+", choices=list(GROUPS), default=["quick"], help="all but quick take hours")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    arguments = parser.parse_args(argv)
    one_thread()
    places = [place for group in arguments.groups for place in GROUPS[group]]
    print(json.dumps(summarise(list(compare(target.find_dataset(), arguments.out, places))), indent=1))
    return 0


def compare(dataset: Dataset, out: Path, places: Sequence[CellDraw]) -> Iterator[Pair]:
    """Yields the pairs; trainings that ended before come from `out`/schedule_pairs.jsonl.

    A training is known by its place, its schedule, the source's weights and the code that decides its result.
    """
    record = out / "schedule_pairs.jsonl"
    lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
    known = {json.dumps(line["key"]): line["accuracy"] for line in map(json.loads, lines)}
    engines = Engines(dataset, out, places)
    for place in places:
        reached = []
        for name, schedule in (("plain", PLAIN), ("own", OWN)):
            key = {
                **dataclasses.asdict(place), "schedule": f"{name} {schedule.settings.model_dump_json()}",
                "source": engines.source_hash, "code": source_fingerprint(*SWEEP_CODE),
            }  # fmt: skip
            if json.dumps(key) not in known:
                engine = engines.of(place.role, name)
                accuracy = engine.run(Cell(place.n, place.k, place.fine_tune), place.draw).test.accuracy
                known[json.dumps(key)] = accuracy
                with record.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"key": key, "accuracy": accuracy}) + "\n")
            reached.append(known[json.dumps(key)])
        pair = Pair(place, *reached)
        print(pair, flush=True)
        yield pair


class Engines:
    """The engines by role and schedule, each built at its first use.

    Args:
      dataset: CIFAR-10.
      out: the source is kept here.
      places: where they will be asked to train.
    """

    def __init__(self, dataset: Dataset, out: Path, places: Iterable[CellDraw]):
        path = target.trained_source(dataset, target.SOURCE, target.SOURCE_STEPS, out / "source" / "model.keras")
        self._source = target.source_backbone(path, target.original_network())
        self.source_hash = weight_values.weights_hash(self._source)
        largest, draws = max(place.n for place in places), {place.draw for place in places}
        self._data = target.target_data(dataset, target.TARGET, largest, sorted(draws))
        self._built: dict[tuple[str, str], SweepEngine] = {}

    def of(self, role: str, name: str) -> SweepEngine:
        """The engine of a baseline or transfer, with the plain schedule or our own."""
        if (role, name) not in self._built:
            schedule = PLAIN if name == "plain" else OWN
            source = self._source if role == TRANSFER else None
            self._built[role, name] = SweepEngine(target.original_network(), source, self._data, schedule, target.SEED)
        return self._built[role, name]


def summarise(pairs: Sequence[Pair]) -> dict[str, object]:
    """Mean difference (own minus plain, points) with its 95% interval over all pairs, and by role, k and n.

    All sizes count equally (grid.stratified_difference), however often each was repeated.
    """
    groups = {"all": list(pairs)}
    for pair in pairs:
        place = pair.place
        groups.setdefault(place.role, []).append(pair)
        groups.setdefault(f"{place.role} k={place.k}{' fine-tuned' * place.fine_tune}", []).append(pair)
        groups.setdefault(f"{place.role} n={place.n}", []).append(pair)
    return {name: _difference(group) for name, group in groups.items() if len(units(group)) > 1}


def units(pairs: Sequence[Pair]) -> list[float]:
    """Differences in points by (role, n, k, draw); a fine-tuned cell continues its counterpart's training."""
    return grid.means_by_group(
        (dataclasses.replace(pair.place, fine_tune=False), 100 * (pair.own - pair.plain)) for pair in pairs
    )


def _difference(pairs: Sequence[Pair]) -> dict[str, float]:
    sizes = sorted({pair.place.n for pair in pairs})
    by_size = [units([pair for pair in pairs if pair.place.n == n]) for n in sizes]
    if all(len(differences) > 1 for differences in by_size):
        mean, low, high = grid.stratified_difference(by_size)
    else:
        mean, low, high = grid.paired_difference(units(pairs))
    values = {"mean": round(mean, 2), "low": round(low, 2), "high": round(high, 2)}
    return {**values, "pairs": len(pairs), "units": len(units(pairs))}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
