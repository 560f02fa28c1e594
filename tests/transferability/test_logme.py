"""LogME's evidence against the normal density and against a direct search for its maximum. Imports no TensorFlow."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import ortho_group

from transferability.logme import ClassEvidence, logme
from transferability.spectra import spectrum_of

QUICK = settings(max_examples=25, deadline=None)


def evidence_of(features, target):
    spectrum = spectrum_of(features)
    along = spectrum.left.T @ target
    outside = float(np.sum((target - spectrum.left @ along) ** 2))
    return ClassEvidence(spectrum.squares, along**2, outside, target.size)


def data(seed, rows, width, shift):
    """Features [rows, width] whose class means lie `shift` apart in each column, and labels of two classes."""
    rng = np.random.default_rng(seed)
    labels = np.arange(rows) % 2
    return rng.normal(size=(rows, width)) + shift * labels[:, None], labels


def marginal(features, target, a, b):
    """The evidence as the density of y ~ N(0, I / b + F F' / a)."""
    covariance = np.eye(target.size) / b + features @ features.T / a
    _, determinant = np.linalg.slogdet(covariance)
    return -0.5 * (determinant + target @ np.linalg.solve(covariance, target) + target.size * math.log(2 * math.pi))


def searched_maximum(features, target):
    starts = [(a, b) for a in (0.0, 6.0) for b in (0.0, 4.0)]
    options = {"xatol": 1e-5, "fatol": 1e-8, "maxiter": 1000}

    def negative(logs):
        return -marginal(features, target, *np.exp(np.clip(logs, -30, 30)))

    return -min(minimize(negative, start, method="Nelder-Mead", options=options).fun for start in starts)


def test_the_evidence_of_two_rows_by_hand():
    # y ~ N(0, I + 1 1'): covariance [[2, 1], [1, 2]], determinant 3, inverse [[2, -1], [-1, 2]] / 3; y = (1, 0).
    found = evidence_of(np.array([[1.0], [1.0]]), np.array([1.0, 0.0])).log_evidence(1.0, 1.0)
    assert found == pytest.approx(-0.5 * (math.log(3) + 2 / 3) - math.log(2 * math.pi))


@pytest.mark.parametrize("width", [3, 40])
@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (0.02, 7.0), (300.0, 0.5)])
def test_the_evidence_is_the_density_of_the_labels(width, a, b):
    features, labels = data(4, 15, width, 0.5)
    target = labels.astype(np.float64)
    assert evidence_of(features, target).log_evidence(a, b) == pytest.approx(marginal(features, target, a, b))


def test_the_posterior_is_that_of_ridge_regression():
    features, labels = data(5, 12, 4, 1.0)
    target, a, b = labels.astype(np.float64), 0.7, 3.0
    inverse = np.linalg.inv(a * np.eye(4) + b * features.T @ features)
    mean = b * inverse @ features.T @ target
    effective = 4 - a * np.trace(inverse)
    weights, residual, found = evidence_of(features, target).posterior(a, b)
    assert weights == pytest.approx(mean @ mean)
    assert residual == pytest.approx(np.sum((features @ mean - target) ** 2))
    assert found == pytest.approx(effective)


@pytest.mark.parametrize(
    ("rows", "width", "shift"), [(20, 5, 1.0), (20, 5, 0.0), (10, 50, 0.5), (30, 200, 0.3), (12, 30, 3.0), (40, 2, 2.0)]
)
def test_the_score_is_the_mean_of_the_classes_largest_evidence(rows, width, shift):
    features, labels = data(6, rows, width, shift)
    largest = [searched_maximum(features, (labels == c).astype(np.float64)) for c in (0, 1)]
    assert logme(features, labels) == pytest.approx(np.mean(largest) / rows, abs=1e-5)


@pytest.mark.parametrize(("outside", "where"), [(0.01, -30.3), (0.5, -2.3)])
def test_of_two_maxima_the_larger_is_found(outside, where):
    # A strong direction that holds the labels' mean, and one 1e5 times weaker that holds nearly all the rest.
    evidence = ClassEvidence(np.array([1.0, 1e-10]), np.array([3.0, 3.0 - outside]), outside, rows=12)

    def best_noise(log_ratio):
        ratio = math.exp(log_ratio)
        b = 12 / (float(np.sum(evidence.along * ratio / (ratio + evidence.squares))) + outside)
        return evidence.log_evidence(ratio * b, b)

    ratios = np.linspace(-35, 15, 501)
    profile = np.array([best_noise(ratio) for ratio in ratios])
    peaks = np.flatnonzero((profile[1:-1] >= profile[:-2]) & (profile[1:-1] > profile[2:])) + 1
    assert len(peaks) == 2
    assert ratios[profile.argmax()] == pytest.approx(where, abs=0.11)
    assert evidence.maximum() == pytest.approx(profile.max(), abs=0.002)


def test_useless_features_score_as_noise_alone():
    # No weight: y ~ N(0, 1/b), whose likelihood is largest at 1/b = mean y^2 = 1/2.
    features, labels = data(7, 40, 3, 0.0)
    features[:, :] = np.linalg.qr(np.column_stack([np.ones(40), labels, features]))[0][:, 2:]
    assert logme(features, labels) == pytest.approx(-0.5 * (math.log(2 * math.pi * 0.5) + 1), abs=1e-6)


@pytest.mark.parametrize("along", [0.0, 1e-310])
def test_features_that_are_orthogonal_to_the_labels_to_the_last_digit_score_as_noise_too(along):
    found = ClassEvidence(np.array([9.0, 4.0]), np.full(2, along), outside=4.0, rows=8).maximum()
    assert found / 8 == pytest.approx(-0.5 * (math.log(2 * math.pi * 0.5) + 1))


def test_features_that_are_the_labels_score_high_and_finite():
    _, labels = data(8, 20, 1, 0.0)
    exact = logme(np.eye(2)[labels], labels)
    assert 7.5 < exact < 8.7  # log(b / 2 pi) / 2 with b at its bound, 2e8, is 8.6, and weights cost something
    assert exact > logme(np.eye(2)[labels] + 0.01 * np.random.default_rng(8).normal(size=(20, 2)), labels)


@QUICK
@given(st.integers(0, 10**6), st.integers(2, 12), st.floats(1e-3, 1e3))
def test_rotation_unit_and_empty_columns_change_nothing(seed, width, unit):
    features, labels = data(seed, 10, width, 0.4)
    rotated = features @ ortho_group.rvs(width, random_state=seed) * unit
    changed = np.column_stack([rotated, np.zeros((10, 3))])
    assert logme(changed, labels) == pytest.approx(logme(features, labels), abs=1e-6)
