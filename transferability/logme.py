"""LogME: how probable the labels are under Bayesian linear regression on the features. Imports no TensorFlow.

You, Liu, Wang and Long, LogME: Practical Assessment of Pre-trained Models for Transfer Learning, ICML 2021
(arXiv 2102.11005). Weights w ~ N(0, 1/a), labels y ~ N(F w, 1/b), one regression for each column of the one-hot
labels. With A = a I + b F'F and m = b A^-1 F'y the logarithm of the evidence is

    L(a, b) = n/2 log b + d/2 log a - n/2 log 2 pi - b/2 |F m - y|^2 - a/2 m'm - 1/2 log |A|

and its maximum is sought as in the paper's Algorithm 1, with g = sum of b s^2 / (a + b s^2) over the singular values:

    a <- g / m'm        b <- (n - g) / |F m - y|^2

L can have two maxima, one at strong noise and one where weak directions tell the classes apart; steps from a = b = 1
end in the nearer. So they begin at the best of STARTS, which is found for each ratio a / b with the b that is best
for it: b = n / (sum of (u'y)^2 / (1 + s^2 b / a) + |y - U U'y|^2).

The score is the mean over classes of L / n. Everything is written in U and s^2 of F = U diag(s) V', so that a step
costs O(rank). The features are not centred, as in the paper. Where features repeat a column of the labels exactly,
L has no upper bound; so the variance of the noise, 1/b, is kept above NOISE_FLOOR of the labels' mean square.

scikit-learn's BayesianRidge takes the same steps, but from one start, without that floor, and with a matrix of d x d.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from transferability.checks import checked_features, checked_labels, one_hot
from transferability.spectra import spectrum_of

STARTS = tuple(float(10.0 ** (quarter / 4)) for quarter in range(-56, 13))
"""a / b in units of the mean of s^2, from beyond the weakest direction that is kept to where features say nothing."""

MOST_STEPS = 1000
TOLERANCE = 1e-12
"""Steps end when L / n changes by less."""

NOISE_FLOOR = 1e-8
LEAST_WEIGHTS = 1e-150
"""Where m'm is smaller, the features say nothing about the class: a has no bound, and the noise explains it alone."""


@dataclasses.dataclass(frozen=True)
class ClassEvidence:
    """How probable one class's labels y [n] are, from what the features see of them.

    Attributes:
      squares: float64 [r], squared singular values of F.
      along: float64 [r], squares of U'y.
      outside: |y - U U'y|^2, what no weights reach.
      rows: n.
    """

    squares: np.ndarray
    along: np.ndarray
    outside: float
    rows: int

    def log_evidence(self, a: float, b: float) -> float:
        """L(a, b) of this module's docstring."""
        weights, residual, _ = self.posterior(a, b)
        determinant = float(np.sum(np.log1p(b / a * self.squares)))  # log |A| - d log a
        return 0.5 * (self.rows * math.log(b / (2 * math.pi)) - b * residual - a * weights - determinant)

    def posterior(self, a: float, b: float) -> tuple[float, float, float]:
        """m'm, |F m - y|^2 and g."""
        shrunk = a + b * self.squares
        weights = float(np.sum(self.squares * self.along * (b / shrunk) ** 2))
        residual = float(np.sum(self.along * (a / shrunk) ** 2)) + self.outside
        return weights, residual, float(np.sum(b * self.squares / shrunk))

    def maximum(self) -> float:
        """The largest L that the steps reach."""
        mean_square = (float(self.along.sum()) + self.outside) / self.rows
        most = 1 / (NOISE_FLOOR * mean_square)
        a, b = max(self.starts(most), key=lambda start: self.log_evidence(*start))
        evidence = self.log_evidence(a, b)
        for _ in range(MOST_STEPS):
            weights, residual, effective = self.posterior(a, b)
            if weights < LEAST_WEIGHTS:
                return -0.5 * self.rows * (math.log(2 * math.pi * mean_square) + 1)
            a = effective / weights
            b = min((self.rows - effective) / residual, most)
            before, evidence = evidence, self.log_evidence(a, b)
            if abs(evidence - before) <= TOLERANCE * self.rows:
                break
        return evidence

    def starts(self, most: float) -> list[tuple[float, float]]:
        """a and b for each ratio of STARTS to the mean of s^2, b (at most `most`) where L is largest for that ratio."""
        ratios = np.array(STARTS) * float(self.squares.mean())
        misfits = np.sum(self.along / (1 + self.squares / ratios[:, None]), axis=1) + self.outside
        noise = np.minimum(self.rows / misfits, most)
        return [(float(ratio * b), float(b)) for ratio, b in zip(ratios, noise, strict=True)]


def logme(features: np.ndarray, labels: np.ndarray) -> float:
    """The logarithm of the maximum evidence for each row, averaged over classes; higher is better, in nats.

    Args:
      features: real numbers [n, d].
      labels: integers [n], 0..C-1, two rows or more of each class.

    Raises:
      ValueError: features or labels are not as described.
    """
    x = checked_features(features)
    targets = one_hot(checked_labels(labels, x.shape[0]))
    spectrum = spectrum_of(x)
    along = spectrum.left.T @ targets  # [r, C]
    outside = np.sum((targets - spectrum.left @ along) ** 2, axis=0)
    classes = zip(along.T**2, outside, strict=True)
    evidences = [ClassEvidence(spectrum.squares, a, float(o), x.shape[0]).maximum() for a, o in classes]
    return float(np.mean(evidences)) / x.shape[0]
