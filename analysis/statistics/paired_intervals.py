"""Intervals, p-values and verdicts of accuracies and paired differences. Imports only numpy and scipy.

The formula and its sources are in uncertainty.py; here it is applied to one cell, or one difference, at a time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.optimize import brentq

from analysis.statistics.uncertainty import Spread, Uncertainty, spread_of, uncertainty_of

Verdict = Literal["gain", "loss", "undecided"]

SMALLEST_P = 1e-12
"""p-values are not computed below this."""

ROUNDING = 1e-9
"""Smaller differences between draws, of values around 1, come from floats: one image of 10 million changes an accuracy
by 1e-7, and gains of one image each, in two draws, have differed by 3e-14 points."""


@dataclasses.dataclass(frozen=True)
class Interval:
    """An estimate with its interval.

    Attributes:
      low, estimate, high: in the unit of the values; `low <= estimate <= high`.
      draws: draws it rests on; with 1 it covers only the test images.
    """

    low: float
    estimate: float
    high: float
    draws: int

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.estimate, -self.low, self.draws)

    @property
    def images_only(self) -> bool:
        """True if there is one draw, whose spread between draws is unknown."""
        return self.draws < 2

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """The bounds of draws_interval; None for one draw or equal draws, whose spread is unknown."""
        return (None, None) if self.low == self.high else (self.low, self.high)


def mean_interval(correct: np.ndarray, level: float = 0.95, groups: np.ndarray | None = None) -> Interval:
    """Mean accuracy with its interval.

    Args:
      correct: [draws, images], bool or float in 0..1; the same images in the same order in every draw.
      level: share of such intervals that include the truth.
      groups: int [images]; images of one number depend on each other. None: no image depends on another.

    Returns:
      Interval as a fraction, clipped to 0..1.

    Raises:
      ValueError: `correct` has not two axes, no draw, or fewer than two images or groups.
    """
    estimate, uncertainty = _uncertain(correct, groups)
    half = float(uncertainty.half_width(1 - level))
    low, high = max(0.0, estimate - half), min(1.0, estimate + half)
    # Rounding may leave a mean of ones slightly above 1.
    return Interval(min(low, estimate), estimate, max(high, estimate), len(correct))


def paired_gain_interval(
    cell: np.ndarray, baseline: np.ndarray, level: float = 0.95, groups: np.ndarray | None = None
) -> tuple[Interval, float]:
    """Gain of a cell over its baseline in percentage points, with interval (within ±100) and two-sided p-value.

    Args:
      cell, baseline: [draws, images]; row d of both is the same draw, column i the same image.
      level, groups: as in `mean_interval`.

    Returns:
      As `difference_interval`.

    Raises:
      ValueError: the shapes differ, or as `mean_interval`.
    """
    if np.shape(cell) != np.shape(baseline):
        raise ValueError(f"A paired gain needs equal shapes, got {np.shape(cell)} and {np.shape(baseline)}.")
    found, p_value = difference_interval(np.subtract(cell, baseline, dtype=np.float64), level, groups)
    # Student's t of two draws is wider than any difference of two accuracies can be.
    return dataclasses.replace(found, low=max(-100.0, found.low), high=min(100.0, found.high)), p_value


def difference_interval(
    values: np.ndarray, level: float = 0.95, groups: np.ndarray | None = None
) -> tuple[Interval, float]:
    """Mean of differences between any number of cells, in percentage points with two-sided p-value.

    Args:
      values: [draws, images] in fractions, such as right (1) or wrong (0) of one cell minus that of another.
      level, groups: as in `mean_interval`.

    Returns:
      (interval, p); p is the level at which the interval would just touch 0. With one draw p is 1.

    Raises:
      ValueError: as `mean_interval`.
    """
    mean, uncertainty = _uncertain(values, groups)
    half = float(uncertainty.half_width(1 - level))
    p_value = _p_value(mean, uncertainty) if len(values) > 1 else 1.0
    return Interval(100 * (mean - half), 100 * mean, 100 * (mean + half), len(values)), p_value


def draws_interval(values: Sequence[float] | np.ndarray, level: float = 0.95) -> tuple[Interval, float]:
    """Mean of one value a draw, such as a measure of a learning curve, in the values' unit with two-sided p-value.

    Student's t interval; it covers other draws on the same images.

    Args:
      values: [draws]; one draw, or draws that are equal but for rounding, decide nothing: the interval is their value
        and p is 1.
      level: as in `mean_interval`.

    Raises:
      ValueError: no value.
    """
    x = np.asarray(values, np.float64)
    if x.ndim != 1 or not x.size:
        raise ValueError(f"Expected one value a draw, got the shape {x.shape}.")
    mean = float(x.mean())
    if np.ptp(x) <= ROUNDING * max(1.0, float(np.abs(x).max())):
        return Interval(mean, mean, mean, x.size), 1.0
    nothing = np.zeros(1)
    spread = Spread(x.mean(keepdims=True), x.var(keepdims=True, ddof=1), nothing, nothing, nothing + 1, x.size)
    mean, uncertainty = _of_one(spread)
    half = float(uncertainty.half_width(1 - level))
    return Interval(mean - half, mean, mean + half, x.size), _p_value(mean, uncertainty)


def verdict(gain_points: Interval, rejected: bool) -> Verdict:
    """The verdict on a difference, `rejected` being its Benjamini-Hochberg decision.

    One draw never decides, and neither does an interval that includes 0.
    """
    if gain_points.images_only or not rejected or gain_points.low <= 0 <= gain_points.high:
        return "undecided"
    return "gain" if gain_points.estimate > 0 else "loss"


def _uncertain(values: np.ndarray, groups: np.ndarray | None) -> tuple[float, Uncertainty]:
    """Mean of [draws, images] and its variance components."""
    x = np.asarray(values, np.float64)
    if x.ndim != 2 or not x.shape[0] or x.shape[1] < 2:
        raise ValueError(f"Expected [draws, images] with a draw and two images or more, got {x.shape}.")
    if groups is not None and len(np.unique(groups)) < 2:
        raise ValueError(f"Expected images of two groups or more, got {x.shape[1]} of one group.")
    return _of_one(spread_of(x[None], np.ones(1), groups))


def _of_one(spread: Spread) -> tuple[float, Uncertainty]:
    """Estimate and uncertainty of a spread of arrays [1], as numbers."""
    found = uncertainty_of(spread)
    parts = found.between_draws, found.between_images, found.degrees, found.image_degrees
    return float(spread.estimate[0]), Uncertainty(*(float(np.ravel(part)[0]) for part in parts))


def _p_value(estimate: float, uncertainty: Uncertainty) -> float:
    distance = abs(estimate)
    # Of values that cancel out, rounding leaves a distance smaller than that of the quantile at p = 1.
    if distance <= uncertainty.half_width(1.0):
        return 1.0
    if uncertainty.half_width(SMALLEST_P) <= distance:
        return SMALLEST_P
    return float(brentq(lambda p: uncertainty.half_width(p) - distance, SMALLEST_P, 1.0, xtol=1e-15))
