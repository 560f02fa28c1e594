"""Predicts all cells of a search from the trainings so far: a Gaussian process. Imports only numpy and scipy.

Not scikit-learn's: its mean is fixed, and its kernels can't model a draw that trainings share and over which
predictions average. It decides what is trained next, so it runs on one thread, like everything that decides a result
(fixed_threads.py).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
import threadpoolctl
from scipy.optimize import minimize

DRAW, NOISE = 4, 5
"""Positions of two of the scales in Beliefs.scales."""
USUAL_SCALES = np.array([0.3, 0.3, 0.3, 0.5, 0.05, 0.1])
"""Logits, in this order: transfer, frozen layers, fine-tuning of one transfer, fine-tuning of all, draw, noise; see
Beliefs. At 80% accuracy a tenth of a logit is 1.6 points, at 95% it is 0.5."""
SCALES_VARY = 0.7
"""Standard deviation of a scale's logarithm around that of its usual value."""
MOST_APART = 4 * SCALES_VARY
"""The most by which a scale's logarithm may differ from that of its usual value."""
LAYERS_REACH = 0.25
"""Share of an architecture's layers over which accuracies remain similar."""
FINE_TUNING_POWER = 4
"""Power of the share of frozen layers in the effect of fine-tuning: with nothing frozen it has no effect."""
LEAST, MOST = 0.01, 0.99
"""Accuracies beyond these are clipped: there, one image of val would change the logit by one."""


@dataclasses.dataclass(frozen=True)
class SearchPoint:
    """The position of a cell among others of the same n.

    Attributes:
      transfer: its id.
      share: of the architecture's layers that are frozen, 0 to 1.
      fine_tune: of the cell.
    """

    transfer: str
    share: float
    fine_tune: bool


class Beliefs:
    """A Gaussian process over the accuracies of one n, in logits, fitted to the trainings so far.

    In logits, scales are about the same at every n; in points they shrink as accuracies approach 100%.

    logit(cell, draw) = mean + transfer + smooth in the share of frozen layers, separate for each transfer + fine-tuning
    + draw + noise; every term but the mean is normal with a scale of its own. The effect of fine-tuning is smooth in
    the share as well and grows with its FINE_TUNING_POWER; a part of it is common to all transfers. The scales are
    those with the highest posterior density (Rasmussen and Williams 2006, section 5.4.1), under log-normal priors
    around USUAL_SCALES.

    Args:
      places: the cells.
    """

    def __init__(self, places: Sequence[SearchPoint]):
        self.places = places
        transfers = np.array([place.transfer for place in places])
        shares = np.array([place.share for place in places])
        tuned = np.array([place.fine_tune for place in places])
        same = (transfers[:, None] == transfers[None, :]).astype(float)  # [cells, cells]
        near = np.exp(-0.5 * ((shares[:, None] - shares[None, :]) / LAYERS_REACH) ** 2)
        grown = np.outer(shares, shares) ** FINE_TUNING_POWER
        alike = near * grown * (tuned[:, None] == tuned[None, :])
        self._parts = np.stack([same, near * same, alike * same, alike])
        self.scales = USUAL_SCALES

    def posterior(
        self, cells: np.ndarray, draws: np.ndarray, values: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Mean and covariance of every cell's logit, averaged over all possible draws.

        Args:
          cells, draws: int [trainings], which cell was trained on which draw.
          values: float64 [trainings], logits of accuracies on val.

        Returns:
          float64 [cells] and [cells, cells].
        """
        start = np.log(self.scales)
        with _linear_algebra().limit(limits=1):
            # Far from the usual scales the covariance can't be inverted in floats.
            usual = np.log(USUAL_SCALES)
            bounds = list(zip(usual - MOST_APART, usual + MOST_APART, strict=True))
            parts = self._of_trainings(cells, draws)
            found = minimize(
                _cost, start, (parts, values), "L-BFGS-B", jac=True, bounds=bounds, options={"maxiter": 30}
            )
            self.scales = np.exp(found.x)
            covariance = np.tensordot(self.scales**2, parts, axes=1)
            mean, weights = _mean_and_weights(covariance, values)
            latent = np.tensordot(self.scales[: len(self._parts)] ** 2, self._parts, axes=1)  # [cells, cells]
            across = latent[:, cells]  # [cells, trainings]
            return mean + across @ weights, latent - across @ np.linalg.solve(covariance, across.T)

    @staticmethod
    def samples(mean: np.ndarray, covariance: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
        """Draws from a posterior, float64 [count, cells]."""
        with _linear_algebra().limit(limits=1):
            return generator.multivariate_normal(mean, covariance, count, method="eigh")

    def _of_trainings(self, cells: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Each term's covariance between trainings at a scale of 1, float64 [terms, trainings, trainings]."""
        same_draw = (draws[:, None] == draws[None, :]).astype(float)
        return np.stack([*(part[np.ix_(cells, cells)] for part in self._parts), same_draw, np.eye(len(cells))])


@functools.cache
def _linear_algebra() -> threadpoolctl.ThreadpoolController:
    """Found once: searching for the libraries takes longer than all else here."""
    return threadpoolctl.ThreadpoolController()


def logits(accuracies: np.ndarray) -> np.ndarray:
    """Logits of fractions, float64 of the same shape, clipped to LEAST and MOST."""
    kept = np.clip(accuracies, LEAST, MOST)
    return np.asarray(np.log(kept / (1 - kept)), np.float64)


def points(logit: np.ndarray) -> np.ndarray:
    """Accuracies in points that have these logits."""
    return np.asarray(100 / (1 + np.exp(-logit)), np.float64)


def _cost(logs: np.ndarray, parts: np.ndarray, values: np.ndarray) -> tuple[float, np.ndarray]:
    """The negative log posterior density of scales, up to a constant, and its gradient (section 5.4.1).

    Args:
      logs: float64 [terms], logarithms of the scales.
      parts: float64 [terms, trainings, trainings], each term's covariance at a scale of 1.
      values: float64 [trainings].
    """
    squares = np.exp(2 * logs)
    covariance = np.tensordot(squares, parts, axes=1)
    mean, weights = _mean_and_weights(covariance, values)
    away = (logs - np.log(USUAL_SCALES)) / SCALES_VARY
    fit = 0.5 * (values - mean) @ weights + 0.5 * np.linalg.slogdet(covariance)[1]
    slopes = 0.5 * (np.linalg.inv(covariance) - np.outer(weights, weights))  # of the fit, by the covariance
    gradient = 2 * squares * np.einsum("ij,kij->k", slopes, parts) + away / SCALES_VARY
    return float(fit + 0.5 * np.sum(away**2)), gradient


def _mean_and_weights(covariance: np.ndarray, values: np.ndarray) -> tuple[float, np.ndarray]:
    """The mean by generalised least squares, and covariance^-1 (values - mean)."""
    ones = np.linalg.solve(covariance, np.ones(len(values)))
    mean = float(ones @ values / ones.sum())
    return mean, np.linalg.solve(covariance, values - mean)
