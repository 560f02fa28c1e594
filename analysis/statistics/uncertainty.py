"""The uncertainty of a mean over draws and test images: the formula behind every interval. Imports only numpy and
scipy.

The estimate is the mean over draws and test images. Two things make it uncertain, and the interval covers both:

* the draw (target subset, initial head, order of batches): D draws of all the draws there could be;
* the test images, the same in every draw: I images of all the images there could be.

A bootstrap over two or three draws is too narrow, so the interval is in closed form. With x[d, i] the
values (right or wrong, or a difference of such), the variance of the mean in this crossed layout has two parts
(Searle, Casella and McCulloch, Variance Components, 1992, ch. 4; Owen, Ann. Appl. Stat. 1, 2007):

    A = max(s2 - f e2 / I, (1 - f) e2 / I) / D    draws; s2: variance of the D draw means, nu = D - 1
    B = max(v - e2 / (D I), 0) + f e2 / (D I)     images; v = (S + 1) / (I (I - 1)), S: sum of squares of the image
                                                  means about their mean
                                                  e2: mean square of what neither draw nor image explains, with
                                                  (D - 1) (I - 1) degrees of freedom
    half width = sqrt(t(nu)^2 A + t(mu)^2 B)      mu = I - 1

This is Howe's combination of two intervals with different degrees of freedom (JASA 69, 1974). S + 1 adds one image's
worth of disagreement, as images that all agree don't prove that the next one does; it widens an interval by about 1 /
(2 S) of itself. With one draw A = 0 and B = v. e2 is in s2 too, but known from thousands of images, so it needs no t:
the share f of it moves to B, 0.8. Simulation chose 0.8: with 0, intervals of three draws cover 99%; with 1, those of
five are too narrow in the tails.

Test images of one group (near-duplicates, a person, a burst) are not independent, so groups of images take the place of
images (cluster-robust variance: Liang and Zeger, Biometrika 73, 1986; Cameron and Miller, J. Human Resources 50, 2015).
With G groups of m[g] images, in v and e2 each image's deviation becomes the sum of its group's, and

    v = (S + 1 - r + r mean(m^2)) G / ((G - 1) I^2)   S: sum over groups of squares of those sums
    mu = (sum w)^2 / sum w^2 - 1                      w[g] = m (1 - r) + m^2 r, the variance of a sum of m deviations
                                                      with the correlation r within groups (Satterthwaite)
    r = (S / S1 - 1) / (sum(m^2) / I - 1)             within 0 and 1, and 1 where all agree; S1: sum of squares of
                                                      single images (Kish, Survey Sampling, 1965, ch. 5)

A group for each image gives the formula above. If the images of a group are all alike (r = 1), a whole group's
disagreement is added.

With few draws s2 is poorly known (t(1) = 12.7, t(2) = 4.3), and no variance comes from other cells of the same n. If
draw effects of two cells correlate by r, their s2 correlate by r^2, and the mean s2 of the others is worth nothing at r
= 1 (Satterthwaite, Biometrics Bulletin 2, 1946): gains over one baseline share its draw effects (ADR 19).

docs/statistics.md has the simulations, tests/analysis/statistics/test_coverage.py repeats them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

KNOWN_SHARE = 0.8
"""f in this module's docstring."""


@dataclasses.dataclass(frozen=True)
class Spread:
    """Estimates and their variance components; arrays of one shape.

    Attributes:
      estimate: mean over draws.
      between_draws: variance of the draws' figures; NaN for one draw.
      rest: variance of a draw's figure by what neither draw nor image explains.
      between_images: variance of the estimate by its images, `rest` counted in; NaN for fewer than two groups.
      image_degrees: degrees of freedom of between_images, mu in this module's docstring.
      draws: how many.
    """

    estimate: np.ndarray
    between_draws: np.ndarray
    rest: np.ndarray
    between_images: np.ndarray
    image_degrees: np.ndarray
    draws: int

    @staticmethod
    def stack(spreads: Sequence[Spread]) -> Spread:
        """Spreads of several slices as one, the slices' axis first."""
        return Spread(
            estimate=np.stack([spread.estimate for spread in spreads]),
            between_draws=np.stack([spread.between_draws for spread in spreads]),
            rest=np.stack([spread.rest for spread in spreads]),
            between_images=np.stack([spread.between_images for spread in spreads]),
            image_degrees=np.stack([spread.image_degrees for spread in spreads]),
            draws=spreads[0].draws,
        )


@dataclasses.dataclass(frozen=True)
class Uncertainty:
    """A and B of this module's docstring with their degrees of freedom, nu and mu; arrays of one shape or numbers."""

    between_draws: np.ndarray | float
    between_images: np.ndarray | float
    degrees: np.ndarray | float
    image_degrees: np.ndarray | float

    def half_width(self, p: float) -> np.ndarray:
        """Half width of the interval at level 1 - p."""
        of_images = stdtrit(self.image_degrees, p / 2) ** 2 * self.between_images
        return np.sqrt(of_images + stdtrit(self.degrees, p / 2) ** 2 * self.between_draws)


def spread_of(values: np.ndarray, one_image: np.ndarray, groups: np.ndarray | None = None) -> Spread:
    """Spread of metrics, arrays [metrics].

    Args:
      values: float64 [metrics, draws, images], whose mean over images is the metric of that draw.
      one_image: float64 [metrics]; what one image changes in a value by being wrong (1 for accuracy).
      groups: int [images]; images of one number depend on each other. None: each image is a group.
    """
    _, draws, images = values.shape
    grouped = _Groups(np.arange(images) if groups is None else groups)
    draw_means, image_means = values.mean(axis=2), values.mean(axis=1)  # [metrics, draws], [metrics, images]
    estimate = draw_means.mean(axis=1)
    off = image_means - estimate[:, None]  # [metrics, images]
    correlation = grouped.correlation(off)
    between_images = grouped.variance(off[:, None], one_image**2 * grouped.one_disagreement(correlation))
    degrees = grouped.degrees(correlation)
    if draws == 1:
        nothing = np.zeros_like(estimate)
        return Spread(estimate, np.full_like(estimate, np.nan), nothing, between_images, degrees, 1)
    rest = values - draw_means[:, :, None] - off[:, None]
    rest_variance = grouped.variance(rest) / (draws - 1)
    return Spread(estimate, draw_means.var(axis=1, ddof=1), rest_variance, between_images, degrees, draws)


class _Groups:
    """Sums over groups of images.

    Args:
      groups: int [images].
    """

    def __init__(self, groups: np.ndarray):
        _, place, self._sizes = np.unique(groups, return_inverse=True, return_counts=True)  # [images], [groups]
        self._order = np.argsort(place, kind="stable")
        self._starts = np.concatenate([[0], np.cumsum(self._sizes)[:-1]])
        self._images, self._count = len(place), len(self._sizes)

    def variance(self, off: np.ndarray, added: np.ndarray | float = 0.0) -> np.ndarray:
        """Variance of a mean over images by its groups, [metrics], summed over draws; NaN for fewer than two groups.

        Args:
          off: deviations [metrics, draws, images], each draw's mean 0.
          added: [metrics], to the sum of squares.
        """
        if self._count < 2:
            return np.full(len(off), np.nan)
        sums = self._sums(off)
        squares = np.einsum("mdg,mdg->m", sums, sums) + added
        return np.asarray(squares * self._count / ((self._count - 1) * self._images**2))

    def correlation(self, off: np.ndarray) -> np.ndarray:
        """r of this module's docstring, [metrics], from deviations [metrics, images]; 0 where each image is a group."""
        surplus = self._power_sum(2) / self._images - 1
        if not surplus:
            return np.zeros(len(off))
        sums = self._sums(off)
        alone = np.einsum("mi,mi->m", off, off)
        whole = np.ones_like(alone) * (1 + surplus)  # r = 1
        ratio = np.divide(np.einsum("mg,mg->m", sums, sums), alone, out=whole, where=alone > 0)
        return np.asarray(np.clip((ratio - 1) / surplus, 0, 1))

    def one_disagreement(self, correlation: np.ndarray) -> np.ndarray:
        """What one more image, or the part of its group that is like it, adds to the sum of squares, [metrics]."""
        return 1 - correlation + correlation * self._power_sum(2) / self._count

    def degrees(self, correlation: np.ndarray) -> np.ndarray:
        """mu of this module's docstring, [metrics]; 1 at least."""
        apart = 1 - correlation
        whole = self._images * apart + self._power_sum(2) * correlation
        squares = self._power_sum(2) * apart**2 + 2 * self._power_sum(3) * apart * correlation
        squares += self._power_sum(4) * correlation**2
        return np.maximum(whole**2 / squares - 1, 1)

    def _power_sum(self, power: int) -> float:
        return float((self._sizes.astype(np.float64) ** power).sum())

    def _sums(self, off: np.ndarray) -> np.ndarray:
        """Sums over each group's images, the last axis of `off`."""
        if self._count == self._images:
            return off
        return np.add.reduceat(off[..., self._order], self._starts, axis=-1)


def uncertainty_of(spread: Spread) -> Uncertainty:
    """The interval of a cell, or of a difference, from its spread; arrays of the same shape."""
    between_images = np.maximum(spread.between_images - spread.rest / spread.draws, 0)
    image_degrees = np.asarray(spread.image_degrees, np.float64)
    if spread.draws == 1:
        return Uncertainty(np.zeros_like(between_images), between_images, np.ones_like(between_images), image_degrees)
    known = KNOWN_SHARE * spread.rest
    between = np.maximum(spread.between_draws, spread.rest) - known
    degrees = np.full_like(between, spread.draws - 1)
    return Uncertainty(between / spread.draws, between_images + known / spread.draws, degrees, image_degrees)
