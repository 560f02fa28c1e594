"""Intervals of many metrics at once, by the formula of uncertainty.py. Imports only numpy.

It is computed from pseudo-values (classification_metrics.py) instead of right or wrong; their means over draws and over
images have the metric's variance.

Coverage of the 95% interval in simulations of two classes, 400 repeats, lowest and highest of
the accuracy and the area, precision, recall and calibration of either class; logits with draw effects of that
standard deviation (about 2 and 5 points of accuracy). The model is `simulated` in tests/, which repeats one row:

    draws, images              2, 2000   3, 2000   5, 2000   3, 100   3, 30
    draw effect 0.06           100%      97-98%    96-98%    98-100%  98-100%
    draw effect 0.15           97-100%   94-98%    94-97%    97-100%  98-100%
"""

from __future__ import annotations

import dataclasses

import numpy as np

from analysis.statistics.classification_metrics import PseudoValues
from analysis.statistics.uncertainty import Spread, spread_of, uncertainty_of

LEVEL = 0.95


@dataclasses.dataclass(frozen=True)
class Intervals:
    """Estimates with their intervals; NaN if not available."""

    low: np.ndarray
    estimate: np.ndarray
    high: np.ndarray


def metric_spread(measured: PseudoValues, groups: np.ndarray | None = None) -> Spread:
    """Spread of metrics, arrays [metrics]; groups as in spread_of."""
    return spread_of(measured.values, measured.one_image.mean(axis=1), groups)


def intervals_of(spread: Spread) -> Intervals:
    """95% intervals of metrics, arrays of the spread's shape."""
    half = uncertainty_of(spread).half_width(1 - LEVEL)
    return Intervals(spread.estimate - half, spread.estimate, spread.estimate + half)
