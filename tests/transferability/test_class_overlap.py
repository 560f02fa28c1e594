"""GBC by hand, against the integral that it stands for, and its invariances. Imports no TensorFlow."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm, ortho_group
from sklearn.decomposition import PCA

from transferability.class_overlap import gbc

QUICK = settings(max_examples=25, deadline=None)


def data(seed, rows, width, classes=2):
    rng = np.random.default_rng(seed)
    labels = np.arange(rows) % classes
    spread = np.linspace(0.5, 1.5, classes)[labels][:, None]
    return rng.normal(size=(rows, width)) * spread + 0.4 * labels[:, None], labels


def test_two_classes_of_equal_spread_by_hand():
    # Means 1 and 5, variances 2 and 2: D = 16 / (4 * 4) = 1.
    features, labels = np.array([[0.0], [2.0], [4.0], [6.0]]), np.array([0, 0, 1, 1])
    assert gbc(features, labels) == pytest.approx(-2 * math.exp(-1))


def test_two_classes_of_unequal_spread_overlap_as_their_densities_do():
    features, labels = np.array([[0.0], [2.0], [3.0], [9.0]]), np.array([0, 0, 1, 1])
    first, second = norm(1, math.sqrt(2)), norm(6, math.sqrt(18))
    overlap, _ = quad(lambda x: math.sqrt(first.pdf(x) * second.pdf(x)), -40, 60)
    assert gbc(features, labels) == pytest.approx(-2 * overlap)


@pytest.mark.parametrize(("shape", "classes"), [((200, 90), 2), ((150, 400), 3), ((30, 5), 3), ((10, 200), 2)])
def test_it_is_the_overlap_along_the_main_directions(shape, classes):
    features, labels = data(1, *shape, classes)
    directions = min(64, shape[0] - 1, shape[1])
    projected = PCA(directions, svd_solver="full").fit_transform(features)
    expected = 0.0
    for i in range(classes):
        for j in range(classes):
            first, second = projected[labels == i], projected[labels == j]
            v, w = (one.var(axis=0, ddof=1).mean() for one in (first, second))
            apart = np.sum((first.mean(axis=0) - second.mean(axis=0)) ** 2)
            distance = apart / 8 / ((v + w) / 2) + 0.5 * directions * math.log((v + w) / 2 / math.sqrt(v * w))
            expected -= math.exp(-distance) if i != j else 0
    assert gbc(features, labels) == pytest.approx(expected)
    assert -classes * (classes - 1) < expected < -1e-9  # neither end, where a wrong formula might agree


def test_classes_without_spread_do_not_overlap():
    assert gbc(np.array([[0.0, 1.0]] * 3 + [[1.0, 0.0]] * 3), np.repeat([0, 1], 3)) == 0


def test_a_class_without_spread_inside_one_with_spread_does_not_overlap_much():
    assert -1e-6 < gbc(np.array([[0.0], [0.0], [-1.0], [1.0]]), np.array([0, 0, 1, 1])) <= 0


@QUICK
@given(st.integers(0, 10**6), st.integers(2, 20), st.sampled_from([1e-25, 0.3, 1e25]))
def test_rotation_shift_and_unit_change_nothing(seed, width, unit):
    features, labels = data(seed, 12, width)
    moved = (features @ ortho_group.rvs(width, random_state=seed) + 2) * unit
    assert gbc(moved, labels) == pytest.approx(gbc(features, labels))
