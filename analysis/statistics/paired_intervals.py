"""Intervals, p-values and verdicts of accuracies and paired differences. Imports numpy and scipy alone.

The estimate is the mean over draws and test images. Two things make it uncertain, and both are counted:

* the draw (target subset, initial head, order of batches): D draws of all the draws there could be;
* the test images, the same in every draw: I images of all the images there could be.

A bootstrap over two or three draws comes out too narrow, so the interval is in closed form. With x[d, i] the
values (right or wrong, or a difference of such), the variance of the mean in this crossed layout has two parts
(Searle, Casella and McCulloch, Variance Components, 1992, ch. 4; Owen, Ann. Appl. Stat. 1, 2007):

    A = max(s2 - f e2 / I, (1 - f) e2 / I) / D    draws; s2: variance of the D draw means, nu = D - 1
    B = max(v - e2 / (D I), 0) + f e2 / (D I)     images; v = (S + 1) / (I (I - 1)), S: sum of squares of the image
                                                  means about their mean
                                                  e2: mean square of what neither draw nor image explains, with
                                                  (D - 1) (I - 1) degrees of freedom
    half width = sqrt(t(nu)^2 A + z^2 B)

(S + 1: one image's worth of disagreement is added, as images that all agree don't prove that the next one will; of
I images it widens an interval by about 1 / (2 S) of itself. With one draw A = 0 and B = v.)
which is Howe's combination of two intervals with different degrees of freedom (JASA 69, 1974). e2 is in s2 too,
but known from thousands of images, so it needs no t: the share f of it moves to B, 0.8, and nothing with nu = 1.
Simulation chose 0.8: with 0 intervals of three draws cover 99%, with 1 those of five are too narrow far out.

With few draws s2 alone says little (t(1) = 12.7, t(2) = 4.3). Cells of the same architecture and n share draws
and have like spreads, so the mean s2 of the others joins in as one further degree of freedom:
s2' = ((D - 1) s2 + s2_others) / D, nu' = D. This is the moderated variance of Smyth (Stat. Appl. Genet. Mol.
Biol. 3, 2004) with the prior's weight fixed at one, low because those cells are far from independent.

docs/statistics.md has the simulations, tests/analysis/statistics/test_coverage.py repeats them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri, stdtrit

Verdict = Literal["gain", "loss", "undecided"]

KNOWN_SHARE = 0.8
"""f in this module's docstring."""

SMALLEST_P = 1e-12
"""p-values are not computed below this."""


@dataclasses.dataclass(frozen=True)
class Interval:
    """An estimate with its interval.

    Attributes:
      low, estimate, high: in the unit of the values; `low <= estimate <= high`.
      draws: draws it rests on; with 1 it tells of the test images alone.
    """

    low: float
    estimate: float
    high: float
    draws: int

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.estimate, -self.low, self.draws)

    @property
    def images_only(self) -> bool:
        """True where one draw leaves the spread between draws unknown."""
        return self.draws < 2


@dataclasses.dataclass(frozen=True)
class _Spread:
    """Estimate and the two parts of its variance; `degrees` belongs to `between_draws` (0: one draw)."""

    estimate: float
    between_draws: float
    between_images: float
    degrees: int

    def half_width(self, p: float) -> float:
        """Half width of the interval at level 1 - p."""
        square: float = ndtri(p / 2) ** 2 * self.between_images
        if self.degrees:
            square += stdtrit(self.degrees, p / 2) ** 2 * self.between_draws
        return math.sqrt(square)


def draw_variance(values: np.ndarray) -> float:
    """Variance of the draws' means: `values` [draws, images], two draws or more."""
    return float(np.var(np.asarray(values, np.float64).mean(axis=1), ddof=1))


def mean_interval(correct: np.ndarray, others_variance: float | None = None, level: float = 0.95) -> Interval:
    """Mean accuracy with its interval.

    Args:
      correct: [draws, images], bool or float in 0..1; the same images in the same order in every draw.
      others_variance: mean `draw_variance` of like cells; None if this cell stands alone.
      level: share of such intervals that hold the truth.

    Returns:
      Interval as a fraction, clipped to 0..1.

    Raises:
      ValueError: `correct` has not two axes, no draw, or fewer than two images.
    """
    spread = _spread(correct, others_variance)
    half = spread.half_width(1 - level)
    low, high = max(0.0, spread.estimate - half), min(1.0, spread.estimate + half)
    # Rounding may leave a mean of ones a hair above 1.
    return Interval(min(low, spread.estimate), spread.estimate, max(high, spread.estimate), len(correct))


def paired_gain_interval(
    cell: np.ndarray, baseline: np.ndarray, others_variance: float | None = None, level: float = 0.95
) -> tuple[Interval, float]:
    """Gain of a cell over its baseline in percentage points, with interval and two-sided p-value.

    Args:
      cell, baseline: [draws, images]; row d of both is the same draw, column i the same image.
      others_variance: mean `draw_variance` of the differences of like cells, as fractions.
      level: as in `mean_interval`.

    Returns:
      As `difference_interval`.

    Raises:
      ValueError: the shapes differ, or as `mean_interval`.
    """
    if np.shape(cell) != np.shape(baseline):
        raise ValueError(f"A paired gain needs equal shapes, got {np.shape(cell)} and {np.shape(baseline)}.")
    return difference_interval(np.subtract(cell, baseline, dtype=np.float64), others_variance, level)


def difference_interval(
    values: np.ndarray, others_variance: float | None = None, level: float = 0.95
) -> tuple[Interval, float]:
    """Mean of differences between cells, however many took part, in percentage points with two-sided p-value.

    Args:
      values: [draws, images] in fractions, such as right (1) or wrong (0) of one cell less that of another.
      others_variance: mean `draw_variance` of like differences.
      level: as in `mean_interval`.

    Returns:
      (interval, p); p is the level at which the interval would just touch 0. With one draw p is 1.

    Raises:
      ValueError: as `mean_interval`.
    """
    spread = _spread(values, others_variance)
    half = spread.half_width(1 - level)
    low, estimate, high = (100 * (spread.estimate + side) for side in (-half, 0.0, half))
    return Interval(low, estimate, high, len(values)), _p_value(spread)


def draws_interval(
    values: Sequence[float] | np.ndarray, others_variance: float | None = None, level: float = 0.95
) -> tuple[Interval, float]:
    """Mean of one value a draw, such as a measure of a learning curve, in the values' unit with two-sided p-value.

    Student's t interval, its variance moderated; it tells what other draws would give on the same images.

    Args:
      values: [draws]; one draw says nothing: the interval is its value and p is 1.
      others_variance: mean variance between draws of like values.
      level: as in `mean_interval`.

    Raises:
      ValueError: no value.
    """
    x = np.asarray(values, np.float64)
    if x.ndim != 1 or not x.size:
        raise ValueError(f"Expected one value a draw, got the shape {x.shape}.")
    mean = float(x.mean())
    if x.size == 1:
        return Interval(mean, mean, mean, 1), 1.0
    variance, degrees = _moderated(float(np.var(x, ddof=1)), x.size - 1, others_variance)
    if not variance:  # equal values in a few draws prove nothing of the next one
        return Interval(mean, mean, mean, x.size), 1.0
    spread = _Spread(mean, variance / x.size, 0.0, degrees)
    half = spread.half_width(1 - level)
    return Interval(mean - half, mean, mean + half, x.size), _p_value(spread)


def verdict(gain_points: Interval, rejected: bool) -> Verdict:
    """What may be said of a difference, `rejected` being its Benjamini-Hochberg decision.

    One draw is never enough, and neither is an interval that contains 0.
    """
    if gain_points.images_only or not rejected or gain_points.low <= 0 <= gain_points.high:
        return "undecided"
    return "gain" if gain_points.estimate > 0 else "loss"


def _spread(values: np.ndarray, others_variance: float | None) -> _Spread:
    x = np.asarray(values, np.float64)
    if x.ndim != 2 or not x.shape[0] or x.shape[1] < 2:
        raise ValueError(f"Expected [draws, images] with a draw and two images or more, got {x.shape}.")
    draws, images = x.shape
    draw_means, image_means = x.mean(axis=1), x.mean(axis=0)
    mean = float(x.mean())
    # One image's worth of disagreement is added: images that all agree don't prove that the next one will.
    image_variance = (float(np.sum((image_means - mean) ** 2)) + 1) / (images * (images - 1))
    if draws == 1:
        return _Spread(mean, 0.0, image_variance, 0)
    rest = x - draw_means[:, None] - image_means + mean
    rest_variance = float(np.sum(rest**2)) / ((draws - 1) * (images - 1)) / images
    between, degrees = _moderated(float(np.var(draw_means, ddof=1)), draws - 1, others_variance)
    known = KNOWN_SHARE * rest_variance if degrees > 1 else 0.0
    between_images = max(image_variance - rest_variance / draws, 0.0) + known / draws
    return _Spread(mean, (max(between, rest_variance) - known) / draws, between_images, degrees)


def _moderated(own: float, degrees: int, others: float | None) -> tuple[float, int]:
    """A variance between draws and its degrees of freedom, after the others' joined in."""
    if others is None:
        return own, degrees
    return (degrees * own + others) / (degrees + 1), degrees + 1


def _p_value(spread: _Spread) -> float:
    distance = abs(spread.estimate)
    # Of values that cancel out, rounding leaves a distance smaller than that of the quantile at p = 1.
    if not spread.degrees or distance <= spread.half_width(1.0):
        return 1.0
    if spread.half_width(SMALLEST_P) <= distance:
        return SMALLEST_P
    return float(brentq(lambda p: spread.half_width(p) - distance, SMALLEST_P, 1.0, xtol=1e-15))


FEWEST_OTHERS = 3
"""Cells of the same architecture and n needed before their spread between draws joins in (statistics.py)."""
