"""Distances of domains by hand, and against the root of a matrix. Imports no TensorFlow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.stats import ortho_group

from transferability.domain_distance import frechet_distance, proxy_a_distance

QUICK = settings(max_examples=25, deadline=None)


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def defined(x, y):
    first, second = np.cov(x.T), np.cov(y.T)
    root = np.real(sqrtm(first @ second))
    return np.sum((x.mean(axis=0) - y.mean(axis=0)) ** 2) + np.trace(first + second - 2 * root)


def test_of_one_column_it_is_means_and_deviations_apart():
    # Means 1 and 6, deviations sqrt(2) and sqrt(18) = 3 sqrt(2): 25 + (2 sqrt(2))^2.
    assert frechet_distance(np.array([[0.0], [2.0]]), np.array([[3.0], [9.0]])) == pytest.approx(33)


@pytest.mark.parametrize(("rows", "others"), [(40, 40), (40, 25), (7, 40), (40, 7)])
def test_it_is_the_formula_with_the_matrix_root(rows, others):
    x, y = normal(1, rows, 6), normal(2, others, 6) @ normal(3, 6, 6) + 0.3
    assert frechet_distance(x, y) == pytest.approx(defined(x, y))


@pytest.mark.parametrize(("rows", "others"), [(6, 6), (5, 9)])
def test_with_more_columns_than_rows_it_is_the_formula_too(rows, others):
    x, y = normal(4, rows, 12), normal(5, others, 12)
    # sqrtm of a singular matrix is inexact: its root is taken of a positive definite neighbour.
    tiny = 1e-10 * np.eye(12)
    first, second = np.cov(x.T) + tiny, np.cov(y.T) + tiny
    half = np.real(sqrtm(first))
    root = np.sqrt(np.clip(np.linalg.eigvalsh(half @ second @ half), 0, None)).sum()
    apart = np.sum((x.mean(axis=0) - y.mean(axis=0)) ** 2)
    assert frechet_distance(x, y) == pytest.approx(apart + np.trace(first + second) - 2 * root, abs=1e-3)


@QUICK
@given(st.integers(0, 10**6), st.integers(2, 30), st.floats(0.1, 10))
def test_rotation_changes_nothing_a_shift_adds_its_square_and_a_unit_its_own(seed, width, unit):
    x, y = normal(seed, 12, width), normal(seed + 1, 9, width)
    turn, shift = ortho_group.rvs(width, random_state=seed), normal(seed + 2, width)
    found = frechet_distance(x, y)
    assert frechet_distance(y, x) == pytest.approx(found)
    assert frechet_distance(x @ turn * unit, y @ turn * unit) == pytest.approx(found * unit**2)
    assert frechet_distance(x, x + shift) == pytest.approx(np.sum(shift**2))
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)


def test_sets_far_apart_are_always_told_apart():
    x = normal(6, 20, 4)
    assert proxy_a_distance(x, x + 100) == 2


def test_the_same_images_twice_cannot_be_told_apart():
    x = normal(7, 20, 4)
    assert proxy_a_distance(x, x) == 0


def test_it_grows_with_the_shift_between_the_sets_and_is_two_less_four_errors():
    x, y = normal(8, 40, 4), normal(9, 40, 4)
    found = [proxy_a_distance(x, y + shift) for shift in (0.0, 0.5, 1.0, 3.0)]
    assert found == sorted(found) and found[0] < 0.5 < found[-1]
    errors = [(2 - one) / 4 * 80 for one in found[1:]]
    assert errors == pytest.approx(np.round(errors))  # whole images


@pytest.mark.parametrize("distance", [frechet_distance, proxy_a_distance])
def test_features_of_other_layers_and_no_numbers_are_refused(distance):
    with pytest.raises(ValueError, match="first features have 3 columns and the second 4; expected those of one layer"):
        distance(normal(1, 5, 3), normal(2, 5, 4))
    with pytest.raises(ValueError, match=r"^the first features hold nan"):
        distance(np.array([[1.0], [np.nan]]), np.array([[1.0], [2.0]]))
    with pytest.raises(ValueError, match=r"^the second features are the same"):
        distance(np.array([[1.0], [2.0]]), np.array([[1.0], [1.0]]))
