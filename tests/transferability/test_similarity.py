"""Linear CKA by hand, in feature space, and its invariances. Imports no TensorFlow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group

from transferability.similarity import linear_cka

QUICK = settings(max_examples=25, deadline=None)


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def defined(x, y):
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    return np.linalg.norm(y.T @ x) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))


def test_of_single_columns_it_is_the_squared_correlation():
    # Centred: (-1, 0, 1) and (-1, 1, 0); products 1, 2 and 2.
    assert linear_cka(np.array([[1], [2], [3]]), np.array([[4], [6], [5]])) == pytest.approx(1 / 4)


def test_columns_that_are_orthogonal_have_nothing_in_common():
    assert linear_cka(np.array([[1], [1], [-1], [-1]]), np.array([[1], [-1], [1], [-1]])) == 0


@pytest.mark.parametrize(("first", "second"), [(3, 4), (3, 40), (40, 3), (30, 50), (10, 9), (9, 9)])
def test_it_is_its_definition_whether_columns_or_rows_are_more(first, second):
    x = normal(1, 10, first)
    y = normal(2, 10, second)
    y[:, :3] += x[:, :3]
    assert linear_cka(x, y) == pytest.approx(defined(x, y))
    assert linear_cka(y, x) == pytest.approx(linear_cka(x, y))


@QUICK
@given(st.integers(0, 10**6), st.integers(2, 30), st.floats(1e-3, 1e3))
def test_orthogonal_maps_shifts_and_units_change_nothing(seed, width, unit):
    x, y = normal(seed, 12, width), normal(seed + 1, 12, 5)
    moved = (x @ ortho_group.rvs(width, random_state=seed) - 4) * unit
    assert linear_cka(moved, y) == pytest.approx(linear_cka(x, y))
    assert linear_cka(moved, x) == pytest.approx(1)
    assert 0 <= linear_cka(x, y) < 1


def test_other_invertible_maps_do_change_it():
    x = normal(3, 30, 4)
    assert linear_cka(x, x * np.array([1, 1, 1, 10])) < 0.9


@pytest.mark.parametrize("unit", [1e-40, 1e38])
def test_very_small_and_large_numbers_do_not_lose_it(unit):
    x, y = normal(4, 12, 5), normal(5, 12, 30)
    assert linear_cka(x * unit, y * unit) == pytest.approx(linear_cka(x, y))


def test_features_of_other_images_are_refused():
    with pytest.raises(ValueError, match="first features have 5 rows and the second 6; expected the same images"):
        linear_cka(normal(6, 5, 3), normal(7, 6, 3))
    with pytest.raises(ValueError, match=r"^the first features hold nan"):
        linear_cka(np.array([[1.0], [np.nan]]), np.array([[1.0], [2.0]]))
    with pytest.raises(ValueError, match=r"^the second features are the same"):
        linear_cka(np.array([[1.0], [2.0]]), np.array([[1.0], [1.0]]))
