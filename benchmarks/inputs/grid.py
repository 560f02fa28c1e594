"""The report's grid, the cells that are timed, and estimates for the others. Imports draws."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

import numpy as np
from scipy import stats

from trainer_module.data import draws

SIZES = (10, 20, 50, 100, 200, 400, 800, 1500, 2000)
FREEZE_COUNTS = tuple(range(9))
TIMED_SIZES, TIMED_COUNTS = (10, 100), (0, 2, 4, 6, 8)
COPIES = 3
BATCH = 32
EPOCHS = 30

Steps = Callable[[int, int, bool], int]
"""Optimiser steps included in a cell's own seconds, by (n, freeze_count, fine_tune)."""
Line = tuple[int, bool]
"""A freeze count, without or with fine-tuning: all sizes of the grid."""


@dataclasses.dataclass(frozen=True)
class Timing:
    """One cell on one draw.

    Attributes:
      seconds: of the processor, by way. The stock ways train a whole KerasTuner trial; Thaw's this execution alone,
        phase 1 of a fine-tuned cell not counted again.
      accuracies: on test, by way, fractions.
      wall_seconds: as `seconds`, by the clock.
    """

    n: int
    k: int
    fine_tune: bool
    draw: int
    seconds: Mapping[str, float]
    accuracies: Mapping[str, float]
    wall_seconds: Mapping[str, float]

    @property
    def by_the_clock(self) -> Timing:
        """A copy with wall seconds in place of CPU seconds."""
        return dataclasses.replace(self, seconds=self.wall_seconds)


def steps_of(n: int, fine_tune: bool = False, max_steps: int | None = None, share_of_cost: float = 1.0) -> int:
    """Optimiser steps of phase 1 at that size, or of phase 2 (trainer_module.data.draws)."""
    if fine_tune:
        return draws.fine_tuning_steps(n * COPIES, EPOCHS, BATCH, max_steps, share_of_cost)[0]
    return draws.training_steps(n * COPIES, EPOCHS, BATCH, max_steps, share_of_cost)


def line_seconds(timings: Sequence[Timing], way: str, steps: Steps) -> dict[int, float]:
    """Seconds of a line's cells by n: a straight line in the number of steps through the sizes that were timed.

    Args:
      timings: of one line on one draw.
      way: one of the timings'.
      steps: of that way.
    """
    k, fine_tune = timings[0].k, timings[0].fine_tune
    slope, start = line_through([(steps(t.n, k, fine_tune), t.seconds[way]) for t in timings])
    return {n: max(0.0, start) + slope * steps(n, k, fine_tune) for n in SIZES}


def line_weights(counts: Iterable[int]) -> dict[Line, float]:
    """How many freeze counts of the grid each timed line stands for, by linear interpolation between timed ones.

    Nothing frozen and fine-tuned is a separate line: Thaw's own schedule does not train it.

    Args:
      counts: that were timed.
    """
    timed, found = sorted(counts), dict[Line, float]()
    for fine_tune in (False, True):
        known = [k for k in timed if k or not fine_tune]
        for k in FREEZE_COUNTS if known else ():
            if k or not fine_tune:
                for place, alone in zip(known, np.eye(len(known)), strict=True):
                    share = float(np.interp(k, known, alone))
                    found[place, fine_tune] = found.get((place, fine_tune), 0.0) + share
    return found | ({(0, True): 1.0} if 0 in timed else {})


def line_through(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Slope and intercept of the least-squares line through (x, y); level where every x is the same."""
    x, y = (np.array(axis, float) for axis in zip(*points, strict=True))
    if np.ptp(x) == 0:
        return 0.0, float(y.mean())
    slope, start = np.polyfit(x, y, 1)
    return float(slope), float(start)


def shared_seconds(first_runs: Mapping[int, float], draws: int) -> float:
    """One execution's share of the forward passes and compilations that all executions of a freeze count use."""
    executions = len(SIZES) * 2 * draws
    return sum(first_runs.values()) / (len(first_runs) * executions)


def ratio_of_sums(
    values: Mapping[Line, Sequence[tuple[float, float]]], weights: Mapping[Line, float]
) -> dict[str, float | None]:
    """Weighted sum of the first ways' seconds over that of the second's, with the 95% interval that sampling leaves.

    The variance of a ratio of stratified sums is that of its residuals, first - ratio x second (Cochran, Sampling
    Techniques, 3rd ed. 1977, section 6.11). Lines that were timed on one draw take the relative variance of the others;
    without any repeat there is no interval.

    Args:
      values: by line, (first, second) of each draw.
      weights: by line.
    """
    sums = {line: np.sum(pairs, axis=0) / len(pairs) * weights[line] for line, pairs in values.items()}
    first, second = np.sum(list(sums.values()), axis=0)
    ratio = float(first / second)
    squares, freedom = 0.0, 0
    for line, pairs in values.items():
        residuals = [weights[line] * (a - ratio * b) / sums[line][0] for a, b in pairs]
        squares += float(np.var(residuals) * len(residuals))
        freedom += len(residuals) - 1
    if not freedom:
        return {"ratio": ratio, "low": None, "high": None}
    variance = sum(squares / freedom * sums[line][0] ** 2 / len(pairs) for line, pairs in values.items())
    half = float(stats.t.ppf(0.975, freedom) * math.sqrt(variance) / second)
    return {"ratio": ratio, "low": ratio - half, "high": ratio + half}


def means_by_group(values: Iterable[tuple[Hashable, float]]) -> list[float]:
    """Mean of each group's values, in the order in which the groups first come.

    Args:
      values: (group, value).
    """
    groups: dict[Hashable, list[float]] = {}
    for group, value in values:
        groups.setdefault(group, []).append(value)
    return [statistics.fmean(members) for members in groups.values()]


def paired_difference(differences: Sequence[float]) -> tuple[float, float, float]:
    """Mean of paired differences with its 95% interval from Student's t."""
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
    values = [np.asarray(differences, float) for differences in strata]
    mean = float(np.mean([differences.mean() for differences in values]))
    parts = [differences.var(ddof=1) / len(differences) / len(values) ** 2 for differences in values]
    variance = sum(parts)
    if variance == 0:
        return mean, mean, mean
    freedom = variance**2 / sum(part**2 / (len(v) - 1) for part, v in zip(parts, values, strict=True))
    half = float(stats.t.ppf(0.975, freedom)) * math.sqrt(variance)
    return mean, mean - half, mean + half
