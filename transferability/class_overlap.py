"""GBC: how much the target's classes overlap as Gaussians in feature space. Imports no TensorFlow.

Pandy, Agostinelli, Uijlings, Ferrari and Mensink, Transferability Estimation using Bhattacharyya Class Separability,
CVPR 2022 (arXiv 2111.12780). Each class is a Gaussian with mean m and, here, one variance v for all of k directions:

    D(i, j) = |m_i - m_j|^2 / (4 (v_i + v_j)) + k/2 log((v_i + v_j) / (2 sqrt(v_i v_j)))
    GBC     = - sum over i != j of exp(-D(i, j))

Features are first projected onto their main directions, at most DIRECTIONS, as the paper does. Of its kinds of
covariance the spherical one is taken because n begins at 10: a variance for each direction would rest on five rows.

Why GBC and not TransRate (Huang et al., ICML 2022): TransRate's coding rate has a distortion to choose, and its value
depends on it and on the unit of the features, so that it does not compare layers or sources; GBC has neither.
"""

from __future__ import annotations

import numpy as np

from transferability.checks import checked_features, checked_labels, one_hot
from transferability.spectra import centred, spectrum_of

DIRECTIONS = 64


def gbc(features: np.ndarray, labels: np.ndarray) -> float:
    """The overlap of all ordered pairs of classes, negative; -C (C - 1)..0, higher is better.

    Args:
      features: real numbers [n, d].
      labels: integers [n], 0..C-1, two rows or more of each class.

    Raises:
      ValueError: features or labels are not as described.
    """
    x = centred(checked_features(features))
    y = checked_labels(labels, x.shape[0])
    spectrum = spectrum_of(x)
    kept = min(DIRECTIONS, spectrum.squares.size)
    projected = spectrum.left[:, :kept] * np.sqrt(spectrum.squares[:kept] / spectrum.squares[0])  # no unit
    indicators = one_hot(y)
    counts = indicators.sum(axis=0)
    means = indicators.T @ projected / counts[:, None]
    squares = np.sum((projected - means[y]) ** 2, axis=1)
    variances = indicators.T @ squares / ((counts - 1) * kept)
    distances = _distances(means, variances, kept)
    return -float(np.sum(np.exp(-distances[~np.eye(counts.size, dtype=bool)])))


def _distances(means: np.ndarray, variances: np.ndarray, directions: int) -> np.ndarray:
    """D [C, C] of means [C, directions] and variances [C].

    Classes whose rows all coincide get the least variance that rounding distinguishes from none.
    """
    v = np.maximum(variances, np.finfo(np.float64).eps ** 2)
    sums = v[:, None] + v
    apart = np.sum((means[:, None] - means) ** 2, axis=2)
    return apart / (4 * sums) + directions / 2 * np.log(sums / (2 * np.sqrt(v[:, None] * v)))
