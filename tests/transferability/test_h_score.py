"""H-scores by hand, against matrices of d x d, and the shrinkage against scikit-learn's. Imports no TensorFlow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group
from sklearn.covariance import LedoitWolf

from transferability.h_score import h_score, shrinkage, shrunk_h_score

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
    assert h_score(features, labels) == pytest.approx(4 / 5)
    assert shrunk_h_score(features, labels) == pytest.approx(4 / 5)  # one column is a multiple of I: nothing to shrink
    assert shrinkage(features) == 0


def test_it_is_the_trace_with_the_inverse_covariance():
    features, labels = data(1, 60, 5)
    covariance = np.cov(features.T, bias=True)
    assert h_score(features, labels) == pytest.approx(np.trace(np.linalg.inv(covariance) @ between(features, labels)))


def test_with_as_many_columns_as_rows_it_says_nothing():
    features, labels = data(2, 12, 40)
    for seed in range(3):
        assert h_score(features, np.random.default_rng(seed).permutation(labels)) == pytest.approx(2)


@pytest.mark.parametrize("shape", [(60, 5), (12, 40), (10, 300), (50, 50), (4, 2)])
def test_the_shrinkage_is_that_of_ledoit_and_wolf(shape):
    features, _ = data(3, *shape)
    assert shrinkage(features) == pytest.approx(LedoitWolf().fit(features).shrinkage_)


def test_the_shrinkage_of_four_rows_by_hand():
    # S = diag(2, 1/2), t = 5/4, |S|^2 = 17/4; e = (17/4 - 2 * 25/16) / 2 = 9/16; sum of fourth powers / 4 = 17/2;
    # k = (17/2 - 17/4) / 8 = 17/32, so q = 17/18.
    features = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    assert shrinkage(features) == pytest.approx(17 / 18)


def test_the_shrinkage_never_exceeds_1():
    # S = diag(2, 1.62): e is small beside k.
    features = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.8], [0.0, -1.8]])
    assert shrinkage(features) == 1
    assert shrunk_h_score(features, np.array([0, 1, 0, 1])) == 0


def test_the_shrinkage_of_two_rows_is_0_and_not_below_by_rounding():
    # x_1 = -x_2, so that |S|^2 is the mean fourth power and k is 0.
    for seed in range(100):
        assert 0 <= shrinkage(np.random.default_rng(seed).normal(size=(2, 5))) < 1e-14


@pytest.mark.parametrize("shape", [(60, 5), (12, 40), (10, 300)])
def test_the_shrunk_score_is_the_trace_with_the_shrunk_covariances(shape):
    features, labels = data(4, *shape)
    fitted = LedoitWolf().fit(features)
    shrunk_between = (1 - fitted.shrinkage_) * between(features, labels)
    expected = np.trace(np.linalg.solve(fitted.covariance_, shrunk_between))
    assert shrunk_h_score(features, labels) == pytest.approx(expected)


@QUICK
@given(st.integers(0, 10**6), st.integers(1, 6))
def test_an_invertible_linear_map_changes_nothing_without_shrinkage(seed, width):
    features, labels = data(seed, 30, width)
    rng = np.random.default_rng(seed)
    turns = [ortho_group.rvs(width, random_state=seed + i) if width > 1 else np.eye(1) for i in (0, 1)]
    mixing = turns[0] @ np.diag(rng.uniform(0.1, 10, width)) @ turns[1]
    mapped = features @ mixing + rng.normal(size=width)
    assert h_score(mapped, labels) == pytest.approx(h_score(features, labels))


@QUICK
@given(st.integers(0, 10**6), st.integers(2, 30), st.floats(1e-3, 1e3))
def test_rotation_shift_and_unit_change_nothing_with_shrinkage(seed, width, unit):
    features, labels = data(seed, 12, width)
    moved = (features @ ortho_group.rvs(width, random_state=seed) + 3) * unit
    assert shrunk_h_score(moved, labels) == pytest.approx(shrunk_h_score(features, labels))
    assert 0 <= shrunk_h_score(features, labels) <= h_score(features, labels) + 1e-12 <= 2 + 1e-9
