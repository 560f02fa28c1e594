"""Intervals and p-values from fresh draws, valid at every planned look. Imports analysis.statistics, numpy and scipy.

The interval of one look is that of `statistics/uncertainty.py`: Student's for the draws, the normal one for the test
images, with no variance from other cells. The looks (5, 10, 20 draws) are fixed in advance. Each has a share of the
error: the first a half, the later ones equal parts of the other half. By Bonferroni's inequality, the intervals of all
looks together include the truth at the requested level, whenever and why one stops. They are repeated confidence
intervals (Jennison and Turnbull, Group Sequential Methods, 1999, ch. 9), and a p-value divided by its look's share is
valid at any stopping time. The first look has the larger share because it is the common one, and because with five
draws error is expensive: t is 3.5 for half of 5%, and 4.0 for a third.

If draws collapsed, the estimate is for trainings that do not collapse, from those that did not (for a difference: from
the draws in which neither did), and the intervals are valid given that. A difference of 5 such draws or more gets its
p-value from them. With fewer, it comes from the exact sign test over all draws, collapsed ones included (Dixon and
Mood, JASA 41, 1946). In that test a draw counts as won only if the choice of test images does not explain the
difference (4 standard deviations of a normal distribution, whose probability is added to p). Which test is made depends
on the number of draws in which neither collapsed. That number stays the same if the arms are exchanged, so the sign
test is exact given it. In either case p is 1 if the mean over all draws, collapsed ones included, has the opposite sign
of the estimate.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from scipy.special import ndtr, stdtrit
from scipy.stats import binomtest

from analysis.statistics import paired_intervals
from analysis.statistics.paired_intervals import Interval, mean_interval
from analysis.statistics.uncertainty import spread_of

LEVEL = 0.95
FIRST_SHARE = 0.5
"""Share of the error that the first of several looks may spend."""
FEWEST_PAIRS = 5
"""Fewest draws in which neither arm collapsed for a p-value of their mean, if any draw collapsed."""
IMAGE_MARGIN = 4.0
"""Standard deviations, over the choice of many test images, by which a draw must be won; with few images, the quantile
of Student's t at the same probability."""


@dataclasses.dataclass(frozen=True)
class Arm:
    """Fresh trainings of one cell.

    Attributes:
      correct: bool [draws, images]: which test images are right; row d is the same draw, and column i the same image,
        in every arm of a size.
      collapsed: bool [draws] (`is_collapsed`).
      groups: int [images]; images of one number depend on each other. None: no image depends on another.
    """

    correct: np.ndarray
    collapsed: np.ndarray
    groups: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Checks the shapes.

        Raises:
          ValueError: not [draws, images] and [draws] with a draw and two images or more.
        """
        shape = np.shape(self.correct)
        if len(shape) != 2 or not shape[0] or shape[1] < 2 or np.shape(self.collapsed) != shape[:1]:
            raise ValueError(f"An arm needs [draws, images] and [draws], got {shape} and {np.shape(self.collapsed)}.")

    @property
    def draws(self) -> int:
        """How many trainings, collapsed ones included."""
        return len(self.correct)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One arm minus another.

    Attributes:
      points: mean difference over the draws in which neither collapsed, points; None if one did in every draw.
      interval: of `points`; None with fewer than two such draws.
      p_value: two-sided, valid at any planned look.
      sign: of the difference that p_value tests: 1, -1, or 0 for none.
    """

    points: float | None
    interval: Interval | None
    p_value: float
    sign: int


def error_share(looks_planned: int, look: int) -> float:
    """Share of the error that a look may spend; those of all looks sum to 1.

    Args:
      looks_planned: how many looks were fixed in advance.
      look: which it is, from 1.

    Raises:
      ValueError: not 1 <= look <= looks_planned.
    """
    if not 1 <= look <= looks_planned:
        raise ValueError(f"Expected a look from 1 to {looks_planned}, got {look}.")
    if looks_planned == 1:
        return 1.0
    return FIRST_SHARE if look == 1 else (1 - FIRST_SHARE) / (looks_planned - 1)


def accuracy_interval(
    correct: np.ndarray, looks_planned: int = 1, look: int = 1, level: float = LEVEL, groups: np.ndarray | None = None
) -> Interval:
    """Mean accuracy, a fraction, with an interval that includes the truth at all looks together at that level.

    Args:
      correct: bool [draws, images], of draws that did not collapse.
      looks_planned, look: as in `error_share`.
      level: share of reports whose intervals include the truth.
      groups: as in `Arm`.

    Raises:
      ValueError: as `error_share` and `mean_interval`.
    """
    return mean_interval(correct, 1 - (1 - level) * error_share(looks_planned, look), groups)


def difference_interval(
    correct_a: np.ndarray,
    correct_b: np.ndarray,
    looks_planned: int = 1,
    look: int = 1,
    level: float = LEVEL,
    groups: np.ndarray | None = None,
) -> tuple[Interval, float]:
    """Mean of a minus b in percentage points with its interval and two-sided p-value, both valid at all looks.

    Args:
      correct_a, correct_b: bool [draws, images]; the same draws and images, in which neither collapsed.
      looks_planned, look: as in `error_share`.
      level, groups: as in `accuracy_interval`.

    Raises:
      ValueError: the shapes differ, or as `accuracy_interval`.
    """
    share = error_share(looks_planned, look)
    interval, p_value = paired_intervals.paired_gain_interval(correct_a, correct_b, 1 - (1 - level) * share, groups)
    return interval, min(1.0, p_value / share)


def arm_accuracy(arm: Arm, looks_planned: int = 1, look: int = 1) -> tuple[float | None, Interval | None]:
    """Accuracy of the trainings that did not collapse, a fraction, with its interval.

    The accuracy is None if all trainings collapsed; the interval is None if fewer than two did not collapse.

    Args:
      arm: of one cell.
      looks_planned, look: as in `error_share`.

    Raises:
      ValueError: as `error_share`.
    """
    trained = arm.correct[~arm.collapsed]
    interval = accuracy_interval(trained, looks_planned, look, groups=arm.groups) if len(trained) > 1 else None
    return (float(trained.mean()) if len(trained) else None), interval


def compare(a: Arm, b: Arm, looks_planned: int = 1, look: int = 1) -> Comparison:
    """Arm a minus arm b on the same draws and images, with collapsed draws allowed.

    Args:
      a, b: arms of one shape.
      looks_planned, look: as in `error_share`.

    Raises:
      ValueError: the shapes differ, or as `error_share`.
    """
    if a.correct.shape != b.correct.shape:
        raise ValueError(f"Arms are compared on the same draws and images, got {a.correct.shape}, {b.correct.shape}.")
    share = error_share(looks_planned, look)
    collapsed = a.collapsed | b.collapsed
    of_a, of_b = a.correct[~collapsed], b.correct[~collapsed]
    points = 100 * float(of_a.mean() - of_b.mean()) if len(of_a) else None
    interval, p_value = None, 1.0
    if len(of_a) > 1:
        interval, p_value = difference_interval(of_a, of_b, looks_planned, look, groups=a.groups)
    values = np.subtract(a.correct, b.correct, dtype=np.float64)
    sign = int(np.sign(values.mean()))
    if collapsed.any() and len(of_a) < FEWEST_PAIRS:
        p_value = min(1.0, _sign_test(sign * values, a.groups) / share)
    opposed = points is not None and points * sign < 0
    return Comparison(points, interval, 1.0 if opposed else p_value, sign)


def _sign_test(values: np.ndarray, groups: np.ndarray | None) -> float:
    """Two-sided p-value of the sign test over all draws, from differences [draws, images]."""
    draws = len(values)
    spread = spread_of(values[None], np.ones(1), groups)
    of_images = max(float(spread.between_images[0] - spread.rest[0] / draws), 0.0)
    margin = -stdtrit(float(spread.image_degrees[0]), ndtr(-IMAGE_MARGIN))
    won = int((values.mean(axis=1) > margin * math.sqrt(of_images)).sum())
    return 2 * float(binomtest(won, draws, alternative="greater").pvalue + ndtr(-IMAGE_MARGIN))
