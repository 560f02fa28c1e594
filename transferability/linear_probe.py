"""A linear probe: scikit-learn's ridge regression with exact leave-one-out predictions. Imports no TensorFlow.

Ridge regression of the one-hot labels y on the features with an intercept that is not penalised (Hastie, Tibshirani
and Friedman, The Elements of Statistical Learning, 2nd ed., sections 3.4.1 and 7.10). RidgeCV predicts each row from
all others without training n times, and chooses the ridge with the least squared error left out from RIDGES times the
mean of the squared singular values. The figures of the chosen one are slightly optimistic, more so for small n, because
they were used to choose it.

With balanced classes and uninformative features, a strong ridge predicts the mean of the other rows, which is closer to
the class of which no row was left out: accuracies far below chance at small n are an artefact of leave-one-out, not an
error.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from sklearn.linear_model import RidgeCV

from transferability.checks import checked_features, checked_labels, one_hot
from transferability.spectra import centred, spectrum_of

RIDGES = tuple(float(10.0**exponent) for exponent in range(-4, 4))


@dataclasses.dataclass(frozen=True)
class Probe:
    """Leave-one-out predictions of the best ridge.

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
      ValueError: features or labels are not as described.
    """
    x = centred(checked_features(features))
    y = checked_labels(labels, x.shape[0])
    targets = one_hot(y)
    x /= np.sqrt(spectrum_of(x).squares.mean())
    # With a scorer it keeps predictions instead of errors; in every version, for targets without a mean.
    found = RidgeCV(RIDGES, scoring="neg_mean_squared_error", store_cv_results=True).fit(x, centred(targets))
    predictions = found.cv_results_[:, :, RIDGES.index(found.alpha_)] + targets.mean(axis=0)
    squared_error = np.mean(np.sum((targets - predictions) ** 2, axis=1))
    return Probe(float(np.mean(predictions.argmax(axis=1) == y)), float(squared_error), found.alpha_, predictions)
