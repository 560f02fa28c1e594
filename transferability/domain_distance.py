"""How far two sets of images lie apart in feature space: Frechet and proxy A-distance. Imports no TensorFlow.

Frechet distance of the Gaussians with the means m and covariances S (divided by n - 1) of the two sets (Dowson and
Landau, J. Multivariate Anal. 12, 1982; on a network's features: Heusel et al., NeurIPS 2017):

    |m_1 - m_2|^2 + tr(S_1 + S_2 - 2 (S_1 S_2)^(1/2))

The trace of the root is the sum of the singular values of X_1 X_2' / sqrt((n_1 - 1)(n_2 - 1)), X centred, so no root
of a d x d matrix is taken. It is in the squared unit of the features, and too large at small n (two samples of one
domain differ), so it compares only equal n and one layer of one model.

Proxy A-distance (Ben-David, Blitzer, Crammer and Pereira, NIPS 2006): 2 (1 - 2 e), where e is the share of images whose
set a classifier gets wrong; here the linear probe, each image left out. It has no unit.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import linalg

from transferability.checks import checked_features
from transferability.linear_probe import linear_probe
from transferability.spectra import centred, narrowed


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """The squared distance of this module's docstring; from 0 on.

    Args:
      first: real numbers [n, d].
      second: real numbers [any, d].

    Raises:
      ValueError: they are not as described.
    """
    x, y = _pair(first, second)
    apart = float(np.sum((x.mean(axis=0) - y.mean(axis=0)) ** 2))
    x_scaled, y_scaled = (centred(one) / math.sqrt(one.shape[0] - 1) for one in (x, y))
    spread = float(np.sum(x_scaled**2)) + float(np.sum(y_scaled**2))
    common = linalg.svdvals(narrowed(x_scaled) @ narrowed(y_scaled).T, check_finite=False)
    return max(apart + spread - 2 * float(common.sum()), 0.0)


def proxy_a_distance(first: np.ndarray, second: np.ndarray) -> float:
    """The distance of this module's docstring: 0 where the sets cannot be distinguished, 2 where they always can.

    Arguments and errors as `frechet_distance`. Take as many rows of each: a larger set is guessed more often.
    """
    x, y = _pair(first, second)
    belongs = np.repeat([0, 1], [x.shape[0], y.shape[0]])
    error = 1 - linear_probe(np.concatenate([x, y]), belongs).accuracy
    return max(2 * (1 - 2 * error), 0.0)


def _pair(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y = checked_features(first, "the first features"), checked_features(second, "the second features")
    if x.shape[1] != y.shape[1]:
        raise ValueError(
            f"the first features have {x.shape[1]} columns and the second {y.shape[1]}; expected those of one layer of "
            "one model."
        )
    return x, y
