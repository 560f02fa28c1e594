"""A linear probe: ridge regression in closed form with exact leave-one-out predictions. Imports no TensorFlow.

Ridge regression of the one-hot labels y on the features with an intercept that is not penalised (Hastie, Tibshirani
and Friedman, The Elements of Statistical Learning, 2nd ed., sections 3.4.1 and 7.10). With centred X = U diag(s) V':

    H      = 1 1'/n + U diag(s^2 / (s^2 + ridge)) U'        y^ = H y
    y_i - y^_{-i} = (y_i - y^_i) / (1 - H_ii)               exactly, without training n times

The ridge with the least squared error left out is chosen from RIDGES times the mean of s^2. The figures of the chosen
one are a little too good, the more so the smaller n is, because they were used to choose it.

With balanced classes and features that say nothing, a strong ridge predicts the mean of the other rows, which leans to
the class of which no row was left out: accuracies far below chance at small n are leave-one-out's own, no mistake.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from transferability.checks import checked_features, checked_labels, one_hot
from transferability.spectra import Spectrum, centred, spectrum_of

RIDGES = tuple(float(10.0**exponent) for exponent in range(-4, 4))


@dataclasses.dataclass(frozen=True)
class Probe:
    """What the best ridge predicts of rows left out.

    Attributes:
      accuracy: 0..1, share of rows whose class has the largest prediction.
      squared_error: mean over rows of |y - y^|^2; without features it is the sum of the classes' variances.
      ridge: the strength that was chosen, in units of the mean squared singular value.
      predictions: float64 [n, C].
    """

    accuracy: float
    squared_error: float
    ridge: float
    predictions: np.ndarray


def linear_probe(features: np.ndarray, labels: np.ndarray) -> Probe:
    """The probe of this module's docstring.

    Args:
      features: real numbers [n, d].
      labels: integers [n], 0..C-1, two rows or more of each class.

    Raises:
      ValueError: features or labels are not so.
    """
    x = centred(checked_features(features))
    y = checked_labels(labels, x.shape[0])
    spectrum, targets = spectrum_of(x), one_hot(y)
    unit = float(spectrum.squares.mean())
    probes = [_probe(left_out_residuals(spectrum, targets, ridge * unit), targets, ridge) for ridge in RIDGES]
    return min(probes, key=lambda probe: probe.squared_error)


def left_out_residuals(spectrum: Spectrum, targets: np.ndarray, ridge: float) -> np.ndarray:
    """What each row's targets differ by from a prediction that did not see it; float64 [n, C].

    Args:
      spectrum: of centred features.
      targets: float64 [n, C].
      ridge: added to every squared singular value, above 0.
    """
    moved = centred(targets)
    kept = spectrum.squares / (spectrum.squares + ridge)
    residuals = moved - spectrum.left @ (kept[:, None] * (spectrum.left.T @ moved))
    leverage = 1 / targets.shape[0] + (spectrum.left**2) @ kept
    return residuals / (1 - leverage)[:, None]


def _probe(residuals: np.ndarray, targets: np.ndarray, ridge: float) -> Probe:
    predictions = targets - residuals
    right = np.argmax(predictions, axis=1) == np.argmax(targets, axis=1)
    return Probe(float(right.mean()), float(np.mean(np.sum(residuals**2, axis=1))), ridge, predictions)
