"""Choosing Thaw's own schedule on val, among candidates that are fast enough. Imports the engine, not stock Keras."""

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


from benchmarks.inputs import target
from experiment.config import Schedule
from ledger.cell_selection import Cell
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.processes.fixed_threads import one_thread
from trainer_module.sweep.engine import SweepEngine

VAL_FRACTION = 0.2
DRAWS = (100, 101)
"""Used only here; benchmarks.schedules.schedules compares on others."""
BASELINE, TRANSFER = "baseline", "transfer"


@dataclasses.dataclass(frozen=True)
class ScheduleCandidate:
    """A candidate: the bound on phase 1's steps, phase 2's share of it (draws.PHASE_2_BOUND), and both rates."""

    max_steps: int | None
    learning_rate: float
    phase_2_bound: tuple[float, float]
    fine_tune_learning_rate: float

    def schedule(self) -> StepSchedule:
        """The schedule of an engine."""
        settings = Schedule(
            tuning=None,
            max_steps=self.max_steps, learning_rate=self.learning_rate,
            fine_tune_learning_rate=self.fine_tune_learning_rate,
        )  # fmt: skip
        return StepSchedule(settings, phase_2_bound=self.phase_2_bound)


@dataclasses.dataclass(frozen=True)
class Choice:
    """Candidates, and the cells (role, cell) whose mean val accuracy decides between them; the bound affects all of
    them."""

    candidates: tuple[ScheduleCandidate, ...]
    cells: tuple[tuple[str, Cell], ...]


CHOICES = {
    1: Choice(
        tuple(
            ScheduleCandidate(steps, rate, (1 / 8, 1 / 2), 4e-4)
            for steps, rate in ((800, 4e-3), (800, 6e-3), (700, 6e-3), (700, 8e-3))
        ),
        ((BASELINE, Cell(2000, 0, False)), (BASELINE, Cell(800, 0, False)), (TRANSFER, Cell(2000, 4, False))),
    ),
    2: Choice(
        tuple(
            ScheduleCandidate(Schedule().max_steps, Schedule().learning_rate, bound, rate)
            for bound, rate in (
                ((1 / 8, 1 / 2), 4e-4),
                ((1 / 8, 0.4), 4e-4),
                ((1 / 16, 0.4), 4e-4),
                ((1 / 16, 0.4), 6e-4),
                ((1 / 16, 1 / 2), 4e-4),
                ((0.0, 1 / 2), 4e-4),
            )
        ),
        tuple((TRANSFER, Cell(n, k, True)) for k in (8, 4, 0) for n in (2000, 400)),
    ),
}  # fmt: skip
"""By phase; phase 2 continues from the phase 1 that was chosen before and is in the configuration."""


def main(argv: Sequence[str]) -> int:
    """Trains every candidate on every cell of one draw; prints the mean val accuracies of the draws so far."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phase", type=int, choices=list(CHOICES), required=True)
    parser.add_argument("--draw", type=int, choices=DRAWS, required=True)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    arguments = parser.parse_args(argv)
    one_thread()
    choice, record = CHOICES[arguments.phase], arguments.out / f"schedule_choice_{arguments.phase}.jsonl"
    for line in trainings(choice, arguments.draw, arguments.out):
        with record.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    print(*summary([json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]), sep="\n")
    return 0


def trainings(choice: Choice, draw: int, out: Path) -> Iterator[dict[str, object]]:
    """The val accuracy of each candidate on each cell of the draw."""
    dataset = target.find_dataset()
    place = target.trained_source(dataset, target.SOURCE, target.SOURCE_STEPS, out / "source" / "model.keras")
    source = target.source_backbone(place, target.original_network())
    largest = max(cell.n for _, cell in choice.cells)
    data = target.target_data(dataset, target.TARGET, largest, [draw], VAL_FRACTION)
    phase_1 = {(c.max_steps, c.learning_rate): c.schedule() for c in choice.candidates}
    for settings, schedule in phase_1.items():
        for role in dict.fromkeys(role for role, _ in choice.cells):
            weights = source if role == TRANSFER else None
            # Candidates that differ only in phase 2 continue from one phase 1 in one engine.
            engine = SweepEngine(target.original_network(), weights, data, schedule, target.SEED)
            for cell in (cell for its_role, cell in choice.cells if its_role == role):
                for candidate in (c for c in choice.candidates if (c.max_steps, c.learning_rate) == settings):
                    engine.schedule = candidate.schedule()
                    val = engine.run(cell, draw).val.accuracy
                    place_of = {"role": role, **dataclasses.asdict(cell), "draw": draw}
                    yield {"candidate": dataclasses.asdict(candidate), "cell": place_of, "val_accuracy": val}


def summary(lines: Sequence[dict[str, object]]) -> list[str]:
    """A line per candidate, the best mean val accuracy first."""
    reached: dict[str, list[float]] = {}
    for line in lines:
        reached.setdefault(json.dumps(line["candidate"]), []).append(float(str(line["val_accuracy"])))
    means = sorted(((statistics.fmean(values), len(values), name) for name, values in reached.items()), reverse=True)
    return [f"{100 * mean:.2f}% of {count} trainings: {name}" for mean, count, name in means]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
