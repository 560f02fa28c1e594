"""How uncertain a mean over draws and test images is: the formula behind every interval. Imports only numpy and scipy.

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
    half width = sqrt(t(nu)^2 A + z^2 B)

This is Howe's combination of two intervals with different degrees of freedom (JASA 69, 1974). S + 1 adds one image's
worth of disagreement, as images that all agree don't prove that the next one will; it widens an interval by about
1 / (2 S) of itself. With one draw A = 0 and B = v. e2 is in s2 too, but known from thousands of images, so it needs no
t: the share f of it moves to B, 0.8. Simulation chose 0.8: with 0, intervals of three draws cover 99%; with 1, those of
five are too narrow in the tails.

With few draws s2 says little (t(1) = 12.7, t(2) = 4.3), and no variance comes from other cells of the same n. If
draw effects of two cells correlate by r, their s2 correlate by r^2, and the mean s2 of the others is worth nothing at
r = 1 (Satterthwaite, Biometrics Bulletin 2, 1946): gains over one baseline share its draw effects (ADR 19).

docs/statistics.md has the simulations, tests/analysis/statistics/test_coverage.py repeats them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri, stdtrit

KNOWN_SHARE = 0.8
"""f in this module's docstring."""


@dataclasses.dataclass(frozen=True)
class Spread:
    """Estimates and what makes them uncertain; arrays of one shape.

    Attributes:
      estimate: mean over draws.
      between_draws: variance of the draws' figures; NaN for one draw.
      rest: variance of a draw's figure by what neither draw nor image explains.
      between_images: variance of the estimate by its images, `rest` counted in; NaN for fewer than two images.
      draws: how many.
    """

    estimate: np.ndarray
    between_draws: np.ndarray
    rest: np.ndarray
    between_images: np.ndarray
    draws: int

    @staticmethod
    def stack(spreads: Sequence[Spread]) -> Spread:
        """Spreads of several slices as one, the slices' axis first."""
        return Spread(
            estimate=np.stack([spread.estimate for spread in spreads]),
            between_draws=np.stack([spread.between_draws for spread in spreads]),
            rest=np.stack([spread.rest for spread in spreads]),
            between_images=np.stack([spread.between_images for spread in spreads]),
            draws=spreads[0].draws,
        )


@dataclasses.dataclass(frozen=True)
class Uncertainty:
    """A and B of this module's docstring with the degrees of freedom of A, arrays of one shape or numbers."""

    between_draws: np.ndarray | float
    between_images: np.ndarray | float
    degrees: np.ndarray | float

    def half_width(self, p: float) -> np.ndarray:
        """Half width of the interval at level 1 - p."""
        of_images = ndtri(p / 2) ** 2 * self.between_images
        return np.sqrt(of_images + stdtrit(self.degrees, p / 2) ** 2 * self.between_draws)


def spread_of(values: np.ndarray, one_image: np.ndarray) -> Spread:
    """Spread of metrics, arrays [metrics].

    Args:
      values: float64 [metrics, draws, images], whose mean over images is the metric of that draw.
      one_image: float64 [metrics]; what one image changes in a value by being wrong (1 for accuracy).
    """
    _, draws, images = values.shape
    draw_means, image_means = values.mean(axis=2), values.mean(axis=1)  # [metrics, draws], [metrics, images]
    estimate = draw_means.mean(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        off = image_means - estimate[:, None]
        between_images = (np.einsum("mi,mi->m", off, off) + one_image**2) / (np.float64(images) * (images - 1))
        if images < 2:
            between_images = np.full_like(estimate, np.nan)
        if draws == 1:
            nothing = np.zeros_like(estimate)
            return Spread(estimate, np.full_like(estimate, np.nan), nothing, between_images, 1)
        rest = values - draw_means[:, :, None] - off[:, None]
        rest_variance = np.einsum("mdi,mdi->m", rest, rest) / ((draws - 1) * np.float64(images - 1)) / images
    return Spread(estimate, draw_means.var(axis=1, ddof=1), rest_variance, between_images, draws)


def uncertainty_of(spread: Spread) -> Uncertainty:
    """What the spread of a cell, or of a difference, makes of an interval; arrays of the same shape."""
    between_images = np.maximum(spread.between_images - spread.rest / spread.draws, 0)
    if spread.draws == 1:
        return Uncertainty(np.zeros_like(between_images), between_images, np.ones_like(between_images))
    known = KNOWN_SHARE * spread.rest
    between = np.maximum(spread.between_draws, spread.rest) - known
    degrees = np.full_like(between, spread.draws - 1)
    return Uncertainty(between / spread.draws, between_images + known / spread.draws, degrees)
