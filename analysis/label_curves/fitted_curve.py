"""Curves fitted to the measurements, beyond the sizes that were run: band, images for an accuracy, where two meet.

Samples of each form's parameters are weighted by their prior and by how well they fit the points (importance sampling;
Gelman et al., Bayesian Data Analysis, 2013, section 10.4), a second time around the samples that got most weight
(population Monte Carlo, Cappe et al., JCGS 13, 2004). The samples of all forms are weighted together, so forms are
averaged by their marginal likelihood (Hoeting et al., Bayesian Model Averaging, Statistical Science 14, 1999). Curves
drawn by these weights carry the spread by draws, by form, about the form and, on request, by test images; an interval
has their quantiles as bounds. Since they rise with n, the n at which the upper bound of the band has an accuracy is the
lower bound of the images that it takes, and vice versa. Imports numpy and scipy.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.special import logsumexp
from scipy.stats import multivariate_t

from analysis.label_curves.curve_prior import CurvePrior, features, log_likelihood, normal_samples
from analysis.label_curves.forms import FORMS
from analysis.label_curves.measured_curve import MISFIT, MeasuredCurve

LEVEL = 0.9
HORIZON = 20
"""Times the largest size that was run: there is no estimate beyond, since none was tested."""
PROPOSALS = 2048
CURVES = 2048
TAILS = 4
"""Degrees of freedom of the prior's tails, so that good measurements of an unusual curve outweigh the prior."""
PER_FACTOR_OF_TEN = 40
"""Sizes of a band."""
WORTH_POINTS = 1.0
"""Points of accuracy; two curves have met if the lead of one over the other is not above this."""


@dataclasses.dataclass(frozen=True)
class Band:
    """Accuracy by n, fractions; nothing falls with n, and low <= expected <= high.

    Attributes:
      sizes, low, expected, high: float64 [sizes]; low and high hold LEVEL.
    """

    sizes: np.ndarray
    low: np.ndarray
    expected: np.ndarray
    high: np.ndarray

    def at(self, n: float) -> tuple[float, float, float]:
        """low, expected and high at a size, interpolated linearly in ln n.

        Raises:
          ValueError: the band does not reach to n.
        """
        if not self.sizes[0] <= n <= self.sizes[-1] * (1 + 1e-9):
            raise ValueError(f"The curve is known from n = {self.sizes[0]:g} to {self.sizes[-1]:g}, not at {n:g}.")
        low, expected, high = (
            float(np.interp(np.log(n), np.log(self.sizes), one)) for one in (self.low, self.expected, self.high)
        )
        return low, expected, high


@dataclasses.dataclass(frozen=True)
class Images:
    """Labelled images needed; None: more than the horizon.

    Attributes:
      low, expected, high: low and high hold LEVEL; at the smallest size it may be fewer.
    """

    low: float | None
    expected: float | None
    high: float | None


def sizes_of(smallest: float, largest: float) -> np.ndarray:
    """Sizes of a band from the smallest that was run to HORIZON times the largest, evenly in ln n; float64."""
    last = HORIZON * largest
    return np.geomspace(smallest, last, 2 + int(PER_FACTOR_OF_TEN * np.log10(last / smallest)))


def sample_curves(
    curve: MeasuredCurve, prior: CurvePrior, sizes: np.ndarray, test_images: float | None = None, seed: int = 0
) -> np.ndarray:
    """Accuracies of equally probable curves that fit the measurements, float64 [CURVES, sizes].

    Args:
      curve: one without an objection.
      prior: of curves.
      sizes: [sizes], above 0.
      test_images: independent ones that the accuracies were measured on; None: the accuracies are those on these
        images.
      seed: of all random numbers.
    """
    weighted = [_weighted(name, curve, prior, seed) for name in FORMS]
    log_weights = np.concatenate([log for _, log in weighted])
    drawn = _systematic(np.exp(log_weights - logsumexp(log_weights)))
    left = np.concatenate([
        FORMS[name].left(samples[drawn[drawn // len(samples) == place] % len(samples)], sizes)
        for place, (name, (samples, _)) in enumerate(zip(FORMS, weighted, strict=True))
    ])  # fmt: skip
    about_form, about_images, order = normal_samples(np.zeros(3), np.eye(3), CURVES, seed + 2).T
    left += MISFIT * np.sqrt(left * (1 - left)) * about_form[:, None]
    accuracy = 1 - curve.chance_error * np.clip(left, 0, 1)
    if test_images is not None:
        # With one image's worth of disagreement, as in statistics/uncertainty.py: after 20 right answers the next may
        # be wrong.
        spread = np.sqrt(accuracy * (1 - accuracy) / test_images + 1 / test_images**2)
        accuracy += spread * about_images[:, None]
    # Matrix products differ in the last bit with where the arrays lie in memory.
    return np.clip(accuracy.round(9), 1 - curve.chance_error, 1)[np.argsort(order)]


def band_of(sizes: np.ndarray, accuracies: np.ndarray) -> Band:
    """The quantiles of curves [curves, sizes] at each size."""
    bounds = np.quantile(accuracies, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2], axis=0)
    return Band(sizes, *np.maximum.accumulate(bounds, axis=1))


def images_for(band: Band, accuracy: float) -> Images:
    """How many images an accuracy (a fraction) takes."""
    return Images(*(_first(band.sizes, one - accuracy) for one in (band.high, band.expected, band.low)))


def images_until_met(sizes: np.ndarray, ahead: np.ndarray, behind: np.ndarray) -> Images:
    """How many images it takes until the curves of one are not ahead of those of the other by WORTH_POINTS.

    Args:
      sizes: [sizes].
      ahead, behind: accuracies [curves, sizes] each, drawn independently.
    """
    lead = 100 * (ahead - behind) <= WORTH_POINTS
    first = np.where(lead.any(axis=1), sizes[np.argmax(lead, axis=1)], np.inf)
    bounds = np.quantile(first, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2], method="inverted_cdf")
    return Images(*(float(one) if np.isfinite(one) else None for one in bounds))


def _first(sizes: np.ndarray, above: np.ndarray) -> float | None:
    """The first size at which a rising row of values is 0 or more, linear in ln n between sizes; None: at no size."""
    reached = np.flatnonzero(above >= 0)
    if not reached.size:
        return None
    right = int(reached[0])
    if right == 0:
        return float(sizes[0])
    share = -above[right - 1] / (above[right] - above[right - 1])
    return float(sizes[right - 1] ** (1 - share) * sizes[right] ** share)


def _weighted(name: str, curve: MeasuredCurve, prior: CurvePrior, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Samples of one form's parameters and their log weights, PROPOSALS from the prior and as many from where it
    fits."""
    one = prior.forms[name]
    before = multivariate_t(features(curve) @ one.coefficients, one.covariance, TAILS)
    first = before.rvs(PROPOSALS, random_state=seed)
    fit = log_likelihood(name, first, curve, prior.noise)
    share = np.exp(fit - logsumexp(fit))
    centre = share @ first
    near = 1.5 * ((first - centre).T * share) @ (first - centre) + 0.02 * one.covariance
    where_it_fits = multivariate_t(centre, near, TAILS)
    samples = np.concatenate([first, where_it_fits.rvs(PROPOSALS, random_state=seed + 1)])
    of_prior = before.logpdf(samples)
    proposed = np.logaddexp(of_prior, where_it_fits.logpdf(samples))
    return samples, log_likelihood(name, samples, curve, prior.noise) + of_prior - proposed


def _systematic(weights: np.ndarray) -> np.ndarray:
    """CURVES positions by systematic resampling with these weights (Kitagawa, JCGS 5, 1996); int [CURVES]."""
    edges = np.cumsum(weights / weights.sum())
    return np.minimum(np.searchsorted(edges, (0.5 + np.arange(CURVES)) / CURVES), len(edges) - 1)
