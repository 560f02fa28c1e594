"""LEEP by hand, against its definition in loops, and its bounds. Imports no TensorFlow."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transferability.leep import leep

QUICK = settings(max_examples=40, deadline=None)


@st.composite
def cases(draw):
    """Probabilities [n, source classes] and labels of two or three classes."""
    classes, rows = draw(st.integers(2, 3)), draw(st.integers(6, 20))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    return rng.dirichlet(np.full(draw(st.integers(2, 6)), 0.5), rows), np.arange(rows) % classes


def defined(p, y):
    total = 0.0
    for i in range(len(y)):
        expected = 0.0
        for z in range(p.shape[1]):
            joint = sum(p[j, z] for j in range(len(y)) if y[j] == y[i])
            expected += joint / sum(p[:, z]) * p[i, z]
        total += math.log(expected)
    return total / len(y)


def test_two_rows_of_each_class_by_hand():
    # P(0 | z=0) = (0.8 + 0.6) / 2 = 0.7, and so P(1 | z=1) = (0.8 + 0.6) / 2 = 0.7.
    p = np.array([[0.8, 0.2], [0.6, 0.4], [0.2, 0.8], [0.4, 0.6]])
    surer, less_sure = 0.8 * 0.7 + 0.2 * 0.3, 0.6 * 0.7 + 0.4 * 0.3
    assert leep(p, np.array([0, 0, 1, 1])) == pytest.approx((math.log(surer) + math.log(less_sure)) / 2)


def test_a_sure_source_gives_the_negative_conditional_entropy():
    p, labels = np.eye(2)[[0, 0, 0, 1, 1, 1]], np.array([0, 0, 1, 1, 1, 0])
    assert leep(p, labels) == pytest.approx((2 * math.log(2 / 3) + math.log(1 / 3)) / 3)


def test_a_source_class_for_each_label_gives_0():
    labels = np.array([0, 1, 2, 2, 1, 0])
    assert leep(np.eye(3)[labels], labels) == 0


def test_a_source_that_always_says_the_same_gives_the_negative_entropy_of_the_labels():
    labels = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    entropy = -(3 / 8 * math.log(3 / 8) + 5 / 8 * math.log(5 / 8))
    assert leep(np.tile([0.2, 0.3, 0.5], (8, 1)), labels) == pytest.approx(-entropy)


def test_a_source_class_that_is_never_given_changes_nothing():
    p, labels = np.array([[0.8, 0.2], [0.6, 0.4], [0.2, 0.8], [0.4, 0.6]]), np.array([0, 0, 1, 1])
    assert leep(np.column_stack([p, np.zeros(4)]), labels) == leep(p, labels)


def test_rounding_does_not_lift_a_sure_source_above_0():
    labels = np.array([0, 0, 1, 1])
    for seed in range(200):
        p = np.zeros((4, 6))
        p[:2, :3], p[2:, 3:] = np.random.default_rng(seed).dirichlet([1, 1, 1], (2, 2))
        assert -1e-15 < leep(p, labels) <= 0


@QUICK
@given(cases())
def test_it_is_its_definition_and_never_above_0(case):
    found = leep(*case)
    assert found == pytest.approx(defined(*case))
    assert found <= 0


@QUICK
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_source_classes_and_rows_does_not_matter(case, dice):
    p, labels = case
    rows, columns = (dice.sample(range(size), size) for size in p.shape)
    assert leep(p[rows][:, columns], labels[rows]) == pytest.approx(leep(p, labels))
