"""Learning curves of known truth for tests: drawn from a prior, measured in a few draws."""

import numpy as np
from scipy.stats import multivariate_t

from analysis.label_curves.curve_prior import features, read_prior
from analysis.label_curves.fitted_curve import TAILS
from analysis.label_curves.forms import FORMS
from analysis.label_curves.measured_curve import MISFIT, MeasuredCurve, SizePoint

SIZES = (20, 50, 100, 200)


def measured(left, sizes=SIZES, draws=5, *, noise=None, rng=None, classes=2, frozen=0.5, from_scratch=False):
    """A curve measured in some draws, from what is left of chance's error at each size; without noise: exactly."""
    rng = np.random.default_rng(0) if rng is None else rng
    points = []
    for n, one in zip(sizes, left, strict=True):
        spread = 0 if noise is None else noise / np.sqrt(n)
        values = 1 - (1 - 1 / classes) * (one + spread * rng.standard_normal(draws))
        points.append(SizePoint(n, tuple(np.clip(values, 0, 1))))
    return MeasuredCurve("cats__original", classes, tuple(points), frozen, from_scratch, test_classes=classes)


def curve_of_the_prior(seed, at):
    """What is left of chance's error of one curve drawn from the prior, exactly its form."""
    prior = read_prior()
    name = list(FORMS)[seed % len(FORMS)]
    mean = features(measured([0.5] * len(SIZES))) @ prior.forms[name].coefficients
    parameters = np.atleast_2d(multivariate_t(mean, prior.forms[name].covariance, TAILS).rvs(random_state=seed))
    return FORMS[name].left(parameters, np.asarray(at, float))[0]


def true_left(seed, at):
    """The same, each size as far about the form as Thaw says."""
    left = curve_of_the_prior(seed, at)
    rng = np.random.default_rng(seed + 10_000)
    return np.clip(left + MISFIT * np.sqrt(left * (1 - left)) * rng.standard_normal(len(left)), 0, 1)
