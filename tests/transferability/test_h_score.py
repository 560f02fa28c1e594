"""The shrunk H-score by hand and against matrices of d x d with scikit-learn's shrinkage. Imports no TensorFlow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group
from sklearn.covariance import LedoitWolf

from transferability.h_score import shrunk_h_score

QUICK = settings(max_examples=25, deadline=None)


def data(seed, rows, width, classes=3):
    """Features of unlike spread with class means apart, and labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(rows) % classes
    means = 0.5 * rng.normal(size=(classes, width))
    return rng.normal(size=(rows, width)) * np.linspace(0.5, 2, width) + means[labels], labels


def between(features, labels):
    """Covariance of the rows put at their class's mean."""
    means = np.array([features[labels == c].mean(axis=0) for c in range(labels.max() + 1)])
    return np.cov(means[labels].T, bias=True)


def test_of_one_column_it_is_the_share_of_variance_between_classes():
    # Mean 3, variance (9 + 1 + 1 + 9) / 4 = 5; class means 1 and 5, variance 4.
    features, labels = np.array([[0.0], [2.0], [4.0], [6.0]]), np.array([0, 0, 1, 1])
    assert shrunk_h_score(features, labels) == pytest.approx(4 / 5)  # one column is a multiple of I: nothing to shrink


def test_of_four_rows_by_hand():
    # S = diag(2, 1/2), t = 5/4, |S|^2 = 17/4; e = (17/4 - 2 * 25/16) / 2 = 9/16; sum of fourth powers / 4 = 17/2;
    # k = (17/2 - 17/4) / 8 = 17/32, so q = 17/18. The classes' means are (1, -1/2) and (-1, 1/2), so that S_y has the
    # diagonal (1, 1/4); S / 18 + 17/18 * 5/4 I has (93/72, 87/72).
    features = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    assert shrunk_h_score(features, np.array([0, 1, 1, 0])) == pytest.approx((72 / 93 + 18 / 87) / 18)


def test_with_a_shrinkage_of_1_nothing_is_left():
    # S = diag(2, 1.62): e is small beside k.
    features = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.8], [0.0, -1.8]])
    assert shrunk_h_score(features, np.array([0, 1, 0, 1])) == 0


@pytest.mark.parametrize("shape", [(60, 5), (12, 40), (10, 300), (50, 50), (6, 2)])
def test_the_shrunk_score_is_the_trace_with_the_shrunk_covariances(shape):
    features, labels = data(4, *shape)
    fitted = LedoitWolf().fit(features)
    shrunk_between = (1 - fitted.shrinkage_) * between(features, labels)
    expected = np.trace(np.linalg.solve(fitted.covariance_, shrunk_between))
    assert shrunk_h_score(features, labels) == pytest.approx(expected)


@QUICK
@given(st.integers(0, 10**6), st.integers(2, 30), st.floats(1e-3, 1e3))
def test_rotation_shift_and_unit_change_nothing_with_shrinkage(seed, width, unit):
    features, labels = data(seed, 12, width)
    moved = (features @ ortho_group.rvs(width, random_state=seed) + 3) * unit
    assert shrunk_h_score(moved, labels) == pytest.approx(shrunk_h_score(features, labels))
    assert 0 <= shrunk_h_score(features, labels) <= 2 + 1e-9
