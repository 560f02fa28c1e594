"""Predicts all cells of a search from the trainings so far: a Gaussian process. Imports only numpy and scipy.

Not scikit-learn's: its mean is fixed, and its kernels can't model a draw that trainings share and predictions average
over. It decides what is trained next, so it runs on one thread, like everything that decides a result
(single_thread.py).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import threadpoolctl
from scipy.optimize import minimize

DRAW, NOISE = 3, 4
"""Places in Beliefs.scales of two of the scales."""
USUAL_SCALES = np.array([5.0, 3.0, 1.5, 2.0, 1.5])
"""Points of accuracy, in this order: transfer, frozen layers, fine-tuning, draw, noise; see Beliefs."""
SCALES_VARY = 0.7
"""Standard deviation of a scale's logarithm around that of its usual value."""
MOST_APART = 4 * SCALES_VARY
"""The most by which a scale's logarithm may differ from that of its usual value."""
LAYERS_REACH = 0.25
"""Share of an architecture's layers over which accuracies remain similar."""


@dataclasses.dataclass(frozen=True)
class SearchPoint:
    """Where a cell stands among others of the same n.

    Attributes:
      transfer: its id.
      share: of the architecture's layers that are frozen, 0 to 1.
      fine_tune: of the cell.
    """

    transfer: str
    share: float
    fine_tune: bool


class Beliefs:
    """A Gaussian process over the accuracies of one n, in points, fitted to the trainings so far.

    accuracy(cell, draw) = mean + transfer + smooth in the share of frozen layers, separate for each transfer, with a
    separate part for fine-tuning + draw + noise; every term but the mean is normal with a scale of its own. The scales
    are those with the highest posterior density (Rasmussen and Williams 2006, section 5.4.1), under log-normal priors
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
        near = same * np.exp(-0.5 * ((shares[:, None] - shares[None, :]) / LAYERS_REACH) ** 2)
        self._parts = np.stack([same, near, near * (tuned[:, None] == tuned[None, :])])
        self.scales = USUAL_SCALES

    def posterior(
        self, cells: np.ndarray, draws: np.ndarray, accuracies: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Mean and covariance of every cell's accuracy, averaged over all possible draws.

        Args:
          cells, draws: int [trainings], which cell was trained on which draw.
          accuracies: float64 [trainings], on val, in points.

        Returns:
          float64 [cells] and [cells, cells].
        """
        start = np.log(self.scales)
        with threadpoolctl.threadpool_limits(1):
            # Far from the usual scales the covariance can't be inverted in floats.
            usual = np.log(USUAL_SCALES)
            bounds = list(zip(usual - MOST_APART, usual + MOST_APART, strict=True))
            data = (cells, draws, accuracies)
            found = minimize(self._cost, start, data, "L-BFGS-B", bounds=bounds, options={"maxiter": 30})
            self.scales = np.exp(found.x)
            latent = self._latent(self.scales)
            covariance = self._observed(latent, self.scales, cells, draws)
            mean, weights = _mean_and_weights(covariance, accuracies)
            across = latent[:, cells]  # [cells, trainings]
            return mean + across @ weights, latent - across @ np.linalg.solve(covariance, across.T)

    @staticmethod
    def samples(mean: np.ndarray, covariance: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
        """Draws from a posterior, float64 [count, cells]."""
        with threadpoolctl.threadpool_limits(1):
            return generator.multivariate_normal(mean, covariance, count, method="eigh")

    def _latent(self, scales: np.ndarray) -> np.ndarray:
        return np.tensordot(scales[: len(self._parts)] ** 2, self._parts, axes=1)

    @staticmethod
    def _observed(latent: np.ndarray, scales: np.ndarray, cells: np.ndarray, draws: np.ndarray) -> np.ndarray:
        same_draw = draws[:, None] == draws[None, :]
        noise = scales[NOISE] ** 2 * np.eye(len(cells))
        return latent[np.ix_(cells, cells)] + scales[DRAW] ** 2 * same_draw + noise

    def _cost(self, logs: np.ndarray, cells: np.ndarray, draws: np.ndarray, accuracies: np.ndarray) -> float:
        """The negative log posterior density of scales, up to a constant."""
        scales = np.exp(logs)
        covariance = self._observed(self._latent(scales), scales, cells, draws)
        mean, weights = _mean_and_weights(covariance, accuracies)
        fit = 0.5 * (accuracies - mean) @ weights + 0.5 * np.linalg.slogdet(covariance)[1]
        return float(fit + 0.5 * np.sum(((logs - np.log(USUAL_SCALES)) / SCALES_VARY) ** 2))


def _mean_and_weights(covariance: np.ndarray, accuracies: np.ndarray) -> tuple[float, np.ndarray]:
    """The mean by generalised least squares, and covariance^-1 (accuracies - mean)."""
    ones = np.linalg.solve(covariance, np.ones(len(accuracies)))
    mean = float(ones @ accuracies / ones.sum())
    return mean, np.linalg.solve(covariance, accuracies - mean)
