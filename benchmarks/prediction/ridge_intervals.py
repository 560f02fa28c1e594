"""From estimates to an expected gain with an interval: ridge regression, and its errors on groups left out.

Intervals are of the conformal kind (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005):
quantiles of residuals of predictions that did not see the group, a group being all rows of one transfer. Rows of one
transfer are correlated, so there are fewer independent rows than rows. The interval is therefore widened until its
coverage over groups that neither the regression nor the quantiles have seen is the nominal one. With few groups this is
a measurement, not a guarantee. Imports nothing from Thaw.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneGroupOut
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

PENALTY = 1.0
"""Ridge penalty in units of the number of rows over a hundred: mild, since there are few predictors."""
WIDENINGS = tuple(float(factor) for factor in np.arange(1.0, 4.01, 0.05))

Judged = tuple[tuple[dict[int, float], dict[int, float]], np.ndarray]
"""Of a group: what to add to its predictions, by stratum, as the other groups tell; its rows, int [rows]."""


@dataclasses.dataclass(frozen=True)
class Calibrated:
    """A rule and how far it was off on groups left out.

    Attributes:
      rule: fitted on all rows; see `fit`.
      strata: values of the stratum (n), rising.
      low, high: of each stratum, the amounts to add to a prediction for the interval's bounds.
      widening: factor that they include.
      coverage: share of rows whose value the interval included, over groups that neither rule nor quantiles had seen.
      error: root mean square of predictions for groups left out.
      residuals: float64 [rows], measured minus predicted for the group left out.
    """

    rule: Pipeline
    strata: tuple[int, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    widening: float
    coverage: float
    error: float
    residuals: np.ndarray


def fit(x: np.ndarray, y: np.ndarray) -> Pipeline:
    """Ridge regression of y [rows] on standardised predictors x [rows, predictors], all finite."""
    return make_pipeline(StandardScaler(), Ridge(PENALTY * len(y) / 100)).fit(x, y)


def calibrate(x: np.ndarray, y: np.ndarray, groups: np.ndarray, strata: np.ndarray, level: float) -> Calibrated:
    """Fits the rule and measures its intervals.

    Args:
      x: real numbers [rows, predictors].
      y: real numbers [rows], the target of the regression.
      groups: [rows], the rows that are left out together; three or more groups.
      strata: int [rows]; an interval's width may differ from stratum to stratum.
      level: nominal coverage, between 0 and 1.

    Raises:
      ValueError: fewer than three groups, or a value that is not finite.
    """
    count = len(np.unique(groups))
    if count < 3:
        raise ValueError(f"there are {count} groups; leaving one out and judging the others takes three or more.")
    residuals = _left_out(x, y, groups)
    judged = [
        (_quantiles(_left_out(x[rest], y[rest], groups[rest]), strata[rest], level), left)
        for rest, left in LeaveOneGroupOut().split(x, y, groups)
    ]
    widening, coverage = _widened(judged, residuals, strata, level)
    low, high = _quantiles(residuals, strata, level)
    order = sorted(low)
    return Calibrated(
        fit(x, y), tuple(order), tuple(widening * low[s] for s in order), tuple(widening * high[s] for s in order),
        widening, coverage, float(np.sqrt(np.mean(residuals**2))), residuals,
    )  # fmt: skip


def _left_out(x: np.ndarray, y: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Of every row, measured minus predicted by a rule that has not seen its group; cross_val_predict has one alpha."""
    residuals = np.empty(len(y))
    for rest, left in LeaveOneGroupOut().split(x, y, groups):
        residuals[left] = y[left] - fit(x[rest], y[rest]).predict(x[left])
    return residuals


def _quantiles(residuals: np.ndarray, strata: np.ndarray, level: float) -> tuple[dict[int, float], dict[int, float]]:
    """For each stratum the quantiles around 0, taken outwards as conformal prediction does: rank ceil(q (rows + 1))."""
    low, high = {}, {}
    for stratum in np.unique(strata).tolist():
        ordered = np.sort(residuals[strata == stratum])
        outer = int(np.floor((1 - level) / 2 * (len(ordered) + 1)))
        # The prediction itself always lies within, so that widening has an effect.
        low[stratum] = min(0.0, float(ordered[max(outer - 1, 0)]))
        high[stratum] = max(0.0, float(ordered[min(-outer, -1)]))
    return low, high


def _widened(judged: Sequence[Judged], residuals: np.ndarray, strata: np.ndarray, level: float) -> tuple[float, float]:
    """The smallest of WIDENINGS with which intervals of the other groups have that coverage; and the coverage."""
    coverage = 0.0
    for factor in WIDENINGS:
        held = [
            factor * low[stratum] <= residual <= factor * high[stratum]
            for (low, high), mask in judged
            for residual, stratum in zip(residuals[mask], strata[mask].tolist(), strict=True)
            if stratum in low
        ]
        coverage = float(np.mean(held))
        if coverage >= level:
            return factor, coverage
    return WIDENINGS[-1], coverage
