"""Singular values and left vectors against numpy's own decomposition. Imports no TensorFlow."""

import numpy as np
import pytest

from transferability.spectra import centred, narrowed, spectrum_of


@pytest.mark.parametrize("shape", [(12, 5), (12, 12), (12, 200), (2, 3)])
def test_the_spectrum_is_that_of_the_singular_value_decomposition(shape):
    x = np.random.default_rng(1).normal(size=shape)
    left, values, _ = np.linalg.svd(x, full_matrices=False)
    found = spectrum_of(x)
    assert found.width == shape[1]
    assert found.squares == pytest.approx(values**2)
    assert np.abs(np.sum(left * found.left, axis=0)) == pytest.approx(np.ones(min(shape)))  # the same but for signs
    assert found.left.T @ found.left == pytest.approx(np.eye(min(shape)), abs=1e-12)


@pytest.mark.parametrize("width", [6, 300])
def test_directions_without_variance_are_left_out(width):
    rng = np.random.default_rng(2)
    x = rng.normal(size=(10, 3)) @ rng.normal(size=(3, width))
    found = spectrum_of(x)
    assert found.left.shape == (10, 3) and found.squares.shape == (3,)
    assert (found.left * found.squares) @ found.left.T == pytest.approx(x @ x.T)


def test_with_fewer_columns_than_rows_very_weak_directions_are_kept():
    x = np.linalg.qr(np.random.default_rng(3).normal(size=(10, 3)))[0] * np.array([1.0, 1e-5, 1e-10])
    assert spectrum_of(x).squares == pytest.approx([1, 1e-10, 1e-20], rel=1e-4)


@pytest.mark.parametrize("width", [1, 9])
def test_a_matrix_of_zeros_has_rank_0(width):
    assert spectrum_of(np.zeros((4, width))).squares.size == 0


def test_centring_takes_every_columns_mean():
    assert centred(np.array([[1.0, 5.0], [3.0, 5.0]])).tolist() == [[-1.0, 0.0], [1.0, 0.0]]


@pytest.mark.parametrize(("shape", "rows"), [((20, 4), 4), ((4, 4), 4), ((4, 20), 4)])
def test_narrowing_keeps_the_columns_products_in_as_few_rows_as_can_be(shape, rows):
    x = np.random.default_rng(3).normal(size=shape)
    found = narrowed(x)
    assert found.shape == (rows, shape[1])
    assert found.T @ found == pytest.approx(x.T @ x)
