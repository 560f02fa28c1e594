"""A classification layer solved instead of trained: logistic regression. Imports scikit-learn, no TensorFlow.

With everything else frozen the head is a convex problem: multinomial logistic regression on the features, with a
penalty on the squared weights (Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 2nd ed., section
4.4). The solution is also where fine-tuning should begin, since a random head distorts the features first (Kumar et
al., ICLR 2022, arXiv 2202.10054).
"""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import threadpoolctl
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

STRENGTHS = tuple(float(10.0**exponent) for exponent in range(-4, 3))
"""Inverse penalties to choose from, the strongest penalty first: scikit-learn's C, for features of unit variance."""
MOST_ITERATIONS = 1000


@dataclasses.dataclass(frozen=True)
class SolvedHead:
    """A head's weights, as Keras's Dense has them.

    Attributes:
      kernel: float32 [features, units]; one unit for two classes: the logit of class 1.
      bias: float32 [units].
      strength: the one of STRENGTHS that was chosen.
    """

    kernel: np.ndarray
    bias: np.ndarray
    strength: float


def solve_head(
    features: np.ndarray, labels: np.ndarray, val_features: np.ndarray, val_labels: np.ndarray, num_classes: int
) -> SolvedHead:
    """Solves the head for each strength, and takes the one with the least cross-entropy on val.

    Features are centred and divided by one number, the square root of their mean variance, so that strengths mean the
    same for every network; the returned head takes the original features.

    Args:
      features: real numbers [n, d] of the training records.
      labels: integers [n], 0..num_classes-1, with every class.
      val_features, val_labels: likewise, for the choice of the strength.
      num_classes: of the target.

    Raises:
      ValueError: a class has no training record, or a feature is not finite.
    """
    if len(np.unique(labels)) != num_classes:
        raise ValueError(f"Expected records of {num_classes} classes, got {len(np.unique(labels))}.")
    centre = features.mean(axis=0, dtype=np.float64)  # [d]
    scale = float(np.sqrt(features.var(axis=0, dtype=np.float64).mean())) or 1.0
    x, val_x = ((values - centre) / scale for values in (features, val_features))
    model = LogisticRegression(max_iter=MOST_ITERATIONS, warm_start=True)
    best = np.inf
    # One thread: sums in another order would give another head (processes/fixed_threads.py).
    with threadpoolctl.threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # at a weak penalty the last steps change nothing
        for strength in STRENGTHS:
            model.C = strength
            model.fit(x, labels)
            loss = _cross_entropy(model.predict_proba(val_x), val_labels)
            if loss < best:
                best = loss
                kernel, bias, chosen = model.coef_.T / scale, model.intercept_.copy(), strength
    bias = bias - centre @ kernel
    return SolvedHead(kernel.astype(np.float32), bias.astype(np.float32), chosen)


def _cross_entropy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean, in nats."""
    truth = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(truth, 1e-12)).mean())
