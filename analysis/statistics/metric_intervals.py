"""Intervals of many metrics at once, by the formula of uncertainty.py. Imports numpy alone.

It is computed from pseudo-values (classification_metrics.py) instead of right or wrong: their means over draws and over
images vary as the metric does.

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

from analysis.statistics.classification_metrics import PseudoValues
from analysis.statistics.uncertainty import FEWEST_OTHERS, Spread, spread_of, uncertainty_of

LEVEL = 0.95


@dataclasses.dataclass(frozen=True)
class Intervals:
    """Estimates with their intervals; NaN if not available."""

    low: np.ndarray
    estimate: np.ndarray
    high: np.ndarray


def metric_spread(measured: PseudoValues) -> Spread:
    """Spread of metrics, arrays [metrics]."""
    return spread_of(measured.values, measured.one_image.mean(axis=1))


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
    """95% intervals; arguments as uncertainty_of's."""
    half = uncertainty_of(spread, others).half_width(1 - LEVEL)
    return Intervals(spread.estimate - half, spread.estimate, spread.estimate + half)
