"""H-score with a shrunk covariance: how far class means lie apart. Imports no TensorFlow.

Bao et al., An Information-Theoretic Approach to Transferability in Task Transfer Learning, ICIP 2019: with S the
covariance of the features and S_y that of their class means, each row standing at the mean of its class,

    H = tr(S^-1 S_y)

With d >= n, H tells nothing: any labels give H = C - 1. Ibrahim, Ponomareva and Mazumder, Newer Is Not
Always Better: Rethinking Transferability Metrics, Their Peculiarities, Stability and Performance, ECML PKDD 2022
(arXiv 2110.06893), shrink both, with the weight q that Ledoit and Wolf estimate (J. Multivariate Anal. 88, 2004):

    H_q = tr(((1 - q) S + q t I)^-1 (1 - q) S_y)        t = tr(S) / d

    q = min(k, e) / e    e = |S - t I|^2 / d    k = (1/n sum_i |x_i|^4 - |S|^2) / (n d)    x_i: centred rows

All covariances divide by n. With centred X = U diag(s) V' and P the projection onto the classes' indicators,
S_y = X'P X / n, and each trace is a sum over the columns u of U of u'P u s^2 / n times a weight: no d x d matrix.

scikit-learn's ledoit_wolf_shrinkage gives the same q (the tests compare), but takes n d^2 steps: 33 seconds instead of
0.04 for 400 rows of 20,480 features.
"""

from __future__ import annotations

import numpy as np

from transferability.checks import checked_features, checked_labels, one_hot
from transferability.spectra import Spectrum, centred, spectrum_of


def shrunk_h_score(features: np.ndarray, labels: np.ndarray) -> float:
    """H_q of this module's docstring; 0..C-1, higher is better.

    Args:
      features: real numbers [n, d].
      labels: integers [n], 0..C-1, two rows or more of each class.

    Raises:
      ValueError: features or labels are not as described.
    """
    x = centred(checked_features(features))
    y = checked_labels(labels, x.shape[0])
    spectrum = spectrum_of(x)
    return _score(spectrum, y, _shrinkage(x, spectrum))


def _shrinkage(x: np.ndarray, spectrum: Spectrum) -> float:
    """q of this module's docstring, 0..1: how much of the covariance is replaced by t I."""
    rows, width = x.shape
    variances = spectrum.squares / rows
    square = float(np.sum(variances**2))  # |S|^2
    distance = (square - float(variances.sum()) ** 2 / width) / width
    fourth = float(np.mean(np.sum(x**2, axis=1) ** 2))
    error = (fourth - square) / (rows * width)
    if distance <= 0:  # S is t I already, as it is with d = 1
        return 0.0
    return min(max(error, 0.0) / distance, 1.0)


def _score(spectrum: Spectrum, labels: np.ndarray, weight: float) -> float:
    rows = labels.size
    indicators = one_hot(labels)
    indicators /= np.sqrt(indicators.sum(axis=0))  # orthonormal: P is their product with their transpose
    explained = np.sum((indicators.T @ spectrum.left) ** 2, axis=0)  # [r], u'P u
    variances = spectrum.squares / rows
    target = float(variances.sum()) / spectrum.width
    return float(np.sum(explained * (1 - weight) * variances / ((1 - weight) * variances + weight * target)))
