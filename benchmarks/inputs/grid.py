"""The report's grid, which cells of it are timed, and what the others are estimated to cost. Imports draws."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from trainer_module.data import draws

SIZES = (10, 20, 50, 100, 200, 400, 800, 1500, 2000)
FREEZE_COUNTS = tuple(range(9))
TIMED_COUNTS = (0, 2, 4, 6, 7, 8)
COPIES = 3
BATCH = 32
EPOCHS = 30

Steps = Callable[[int, int, bool], int]
"""Optimiser steps that a cell's own seconds pay for, by (n, freeze_count, fine_tune)."""


@dataclasses.dataclass(frozen=True)
class Timing:
    """Seconds of one cell three ways, and what each reached on test.

    Attributes:
      stock_s: a whole KerasTuner trial.
      thaw_s: this execution alone, phase 1 of a fine-tuned cell not counted again; the stock way's epochs and rates.
      own_s: likewise, with Thaw's own schedule.
    """

    n: int
    k: int
    fine_tune: bool
    draw: int
    stock_s: float
    thaw_s: float
    own_s: float
    stock_accuracy: float
    thaw_accuracy: float
    own_accuracy: float


def sampled_cells() -> list[tuple[int, int]]:
    """(n, k) that are timed, by freeze count: each at two sizes, four at a larger one to check the lines by."""
    checks = [(400, 8), (400, 7), (400, 6), (800, 4)]
    return sorted([(n, k) for k in TIMED_COUNTS for n in (10, 100)] + checks, key=lambda cell: (cell[1], cell[0]))


def steps_of(n: int, fine_tune: bool = False, max_steps: int | None = None, share_of_cost: float = 1.0) -> int:
    """Optimiser steps of phase 1 at that size, or of phase 2 (trainer_module.data.draws)."""
    if fine_tune:
        return draws.fine_tuning_steps(n * COPIES, EPOCHS, BATCH, max_steps, share_of_cost)[0]
    return draws.training_steps(n * COPIES, EPOCHS, BATCH, max_steps, share_of_cost)


def seconds_by_cell(timings: Sequence[Timing], way: str, steps: Steps) -> dict[tuple[int, int, bool], float]:
    """Seconds of every cell of the grid: straight lines in the number of steps, and between timed freeze counts.

    Args:
      timings: of the sampled cells.
      way: `stock_s`, `thaw_s` or `own_s`.
      steps: of that way.

    Returns:
      Seconds by (n, k, fine_tune).
    """
    found: dict[tuple[int, int, bool], float] = {}
    for fine_tune in (False, True):
        for n in SIZES:
            timed = []
            for k in TIMED_COUNTS:
                mine = [t for t in timings if (t.k, t.fine_tune) == (k, fine_tune)]
                slope, start = line_through([(steps(t.n, k, fine_tune), getattr(t, way)) for t in mine])
                timed.append(max(0.0, start) + slope * steps(n, k, fine_tune))
            seconds = np.interp(FREEZE_COUNTS, TIMED_COUNTS, timed)
            found |= {(n, k, fine_tune): float(value) for k, value in zip(FREEZE_COUNTS, seconds, strict=True)}
    return found


def seconds_by(cells: Mapping[tuple[int, int, bool], float], axis: int) -> dict[int, float]:
    """The grid's seconds summed over everything but n (axis 0) or the freeze count (axis 1)."""
    sums: dict[int, float] = {}
    for place, seconds in cells.items():
        sums[place[axis]] = sums.get(place[axis], 0.0) + seconds
    return sums


def line_through(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Slope and intercept of the least-squares line through (x, y); level where every x is the same."""
    x, y = (np.array(axis, float) for axis in zip(*points, strict=True))
    if np.ptp(x) == 0:
        return 0.0, float(y.mean())
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


def stratified_difference(strata: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    """Mean over strata of their mean paired differences, with its 95% interval.

    The variance is the strata's own, the degrees of freedom of Student's t are Satterthwaite's (Biometrics Bulletin 2,
    1946, 110-114).

    Args:
      strata: differences of each, two or more.
    """
    from scipy import stats

    values = [np.asarray(differences, float) for differences in strata]
    mean = float(np.mean([differences.mean() for differences in values]))
    parts = [differences.var(ddof=1) / len(differences) / len(values) ** 2 for differences in values]
    variance = sum(parts)
    if variance == 0:
        return mean, mean, mean
    freedom = variance**2 / sum(part**2 / (len(v) - 1) for part, v in zip(parts, values, strict=True))
    half = float(stats.t.ppf(0.975, freedom)) * math.sqrt(variance)
    return mean, mean - half, mean + half
