"""Intervals of many metrics at once, by the formula of paired_intervals.py. Imports numpy and scipy alone.

There the formula and its sources stand; here it is computed for arrays of metrics, from pseudo-values (metrics.py)
instead of right or wrong: their means over draws and over images vary as the metric does. For accuracies and their
gains both give the same, which the tests hold them to.

Coverage of the 95% interval in simulations of two classes, 400 repeats, a cell standing alone, lowest and highest of
the accuracy and the area, precision, recall and calibration of either class; logits with draw effects of that
standard deviation (about 2 and 5 points of accuracy). The model is `simulated` in tests/, which repeats one row:

    draws, images              2, 2000   3, 2000   5, 2000   3, 100   3, 30
    draw effect 0.06           100%      97-98%    96-98%    98-100%  98-100%
    draw effect 0.15           97-100%   94-98%    94-97%    97-100%  98-100%
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri, stdtrit

from analysis.statistics.classification_metrics import PseudoValues
from analysis.statistics.paired_intervals import FEWEST_OTHERS, KNOWN_SHARE

LEVEL = 0.95


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
class Intervals:
    """Estimates with their intervals; NaN where a metric has no value."""

    low: np.ndarray
    estimate: np.ndarray
    high: np.ndarray


def spread_of(measured: PseudoValues) -> Spread:
    """Spread of metrics, arrays [metrics]."""
    values, one_image = measured.values, measured.one_image.mean(axis=1)
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


def others_means(spreads: Sequence[Spread]) -> list[np.ndarray]:
    """For each cell of a group that shares its draws, the mean variance between draws of the others.

    Args:
      spreads: of like cells, arrays of one shape.

    Returns:
      One array a cell; NaN where fewer than FEWEST_OTHERS have that metric and two draws or more.
    """
    variances = np.stack([spread.between_draws for spread in spreads])
    known = ~np.isnan(variances)
    filled = np.where(known, variances, 0)
    counts = known.sum(axis=0) - known
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (filled.sum(axis=0) - filled) / counts
    return list(np.where(counts >= FEWEST_OTHERS, means, np.nan))


def intervals_of(spread: Spread, others: np.ndarray) -> Intervals:
    """95% intervals.

    Args:
      spread: of a cell.
      others: mean variance between draws of like cells, of the same shape; NaN: this cell stands alone.
    """
    square = ndtri((1 - LEVEL) / 2) ** 2 * np.maximum(spread.between_images - spread.rest / spread.draws, 0)
    if spread.draws > 1:
        alone = np.isnan(others)
        degrees = np.where(alone, spread.draws - 1, spread.draws)
        shared = ((spread.draws - 1) * spread.between_draws + others) / spread.draws
        known = np.where(degrees > 1, KNOWN_SHARE * spread.rest, 0)
        between = (np.maximum(np.where(alone, spread.between_draws, shared), spread.rest) - known) / spread.draws
        square = square + ndtri((1 - LEVEL) / 2) ** 2 * known / spread.draws
        square = square + stdtrit(degrees, (1 - LEVEL) / 2) ** 2 * between
    half = np.sqrt(square)
    return Intervals(spread.estimate - half, spread.estimate, spread.estimate + half)
