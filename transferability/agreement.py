"""How well an estimate orders the later measurements: Kendall's tau and the regret of its first choice. Imports scipy.

Kendall's tau-b (Kendall, Biometrika 33, 1945): of all pairs of candidates, the share that both order alike minus the
share that they order differently, corrected for ties.

Regret, in the unit of the measurements: the accuracy of the candidate that val would choose, minus that of the
estimate's first choice. Both are read on test and neither is chosen there, so chance on test does not make a choice
look best; a regret below 0 is possible and means that val chose worse.
"""

from __future__ import annotations

import numpy as np
from scipy import stats


def kendall_tau(estimates: np.ndarray, measured: np.ndarray) -> float:
    """Tau-b of this module's docstring; -1..1, NaN if either has one value for all candidates.

    Args:
      estimates: real numbers [candidates], higher is better.
      measured: real numbers [candidates].

    Raises:
      ValueError: they are not of one length, two or more, or not all finite.
    """
    first, second = _pair(estimates, measured)
    return float(stats.kendalltau(first, second).statistic)


def regret(estimates: np.ndarray, val: np.ndarray, test: np.ndarray) -> float:
    """Regret of this module's docstring; ties of the estimate share their mean, as if one were picked at random.

    Args:
      estimates: real numbers [candidates], higher is better.
      val, test: real numbers [candidates], the candidates' accuracies.

    Raises:
      ValueError: they are not of one length, two or more, or not all finite.
    """
    predicted, reached = _pair(estimates, test)
    chosen_on, _ = _pair(val, test)
    return _mean_of_best(chosen_on, reached) - _mean_of_best(predicted, reached)


def _mean_of_best(merit: np.ndarray, reached: np.ndarray) -> float:
    return float(reached[merit == merit.max()].mean())


def _pair(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if x.ndim != 1 or x.shape != y.shape or x.size < 2:
        raise ValueError(
            f"estimates and measurements have the shapes {x.shape} and {y.shape}; expected two lists of equal length, "
            "with a value for each of two or more candidates."
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("an estimate or a measurement is not finite; leave that candidate out.")
    return x, y
