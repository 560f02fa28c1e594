"""The report's grid, which cells of it are timed, and what the others are estimated to cost. Imports draws."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from trainer_module import draws

SIZES = (10, 20, 50, 100, 200, 400, 800, 1500, 2000)
FREEZE_COUNTS = tuple(range(9))
TIMED_COUNTS = (0, 2, 4, 6, 7, 8)
COPIES = 3
BATCH = 32
EPOCHS = 30


@dataclasses.dataclass(frozen=True)
class Timing:
    """Seconds of one cell both ways, and what both reached on test.

    Attributes:
      stock_s: a whole KerasTuner trial.
      thaw_s: this execution alone, phase 1 of a fine-tuned cell not counted again.
    """

    n: int
    k: int
    fine_tune: bool
    draw: int
    stock_s: float
    thaw_s: float
    stock_accuracy: float
    thaw_accuracy: float


def sampled_cells() -> list[tuple[int, int]]:
    """(n, k) that are timed: TIMED_COUNTS at two sizes, and one deep cell at n = 400 to check the line by."""
    return [(n, k) for k in TIMED_COUNTS for n in (10, 100)] + [(400, 7)]


def steps_of(n: int, max_steps: int | None = None) -> int:
    """Optimiser steps of phase 1 at that size; phase 2 takes a third of it."""
    return draws.training_steps(n * COPIES, EPOCHS, BATCH, max_steps)


def seconds_by_cell(
    timings: Sequence[Timing], way: str, max_steps: int | None = None
) -> dict[tuple[int, int, bool], float]:
    """Seconds of every cell of the grid: straight lines in the number of steps, and between timed freeze counts.

    Args:
      timings: of the sampled cells, at the plain schedule.
      way: `stock_s` or `thaw_s`.
      max_steps: the schedule's bound, where there is one.

    Returns:
      Seconds by (n, k, fine_tune).
    """
    found: dict[tuple[int, int, bool], float] = {}
    for fine_tune in (False, True):
        for n in SIZES:
            timed = []
            for k in TIMED_COUNTS:
                mine = [t for t in timings if (t.k, t.fine_tune) == (k, fine_tune)]
                slope, start = line_through([(steps_of(t.n), getattr(t, way)) for t in mine])
                timed.append(max(0.0, start) + slope * steps_of(n, max_steps))
            seconds = np.interp(FREEZE_COUNTS, TIMED_COUNTS, timed)
            found |= {(n, k, fine_tune): float(value) for k, value in zip(FREEZE_COUNTS, seconds, strict=True)}
    return found


def line_through(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Slope and intercept of the least-squares line through (x, y)."""
    x, y = (np.array(axis, float) for axis in zip(*points, strict=True))
    slope, start = np.polyfit(x, y, 1)
    return float(slope), float(start)


def shared_seconds(first_runs: Mapping[int, float], draws: int) -> float:
    """What one execution bears of walks and compilations that all executions of a freeze count share."""
    executions = len(SIZES) * 2 * draws
    return sum(first_runs.values()) / (len(first_runs) * executions)


def paired_difference(differences: Sequence[float]) -> tuple[float, float, float]:
    """Mean of paired differences with its 95% interval from Student's t."""
    from scipy import stats

    values = np.asarray(differences, float)
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean()), float(values.mean() - half), float(values.mean() + half)
