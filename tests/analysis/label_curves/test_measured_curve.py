"""Measured learning curves: how sure a point is, and a sentence for each reason why nothing can be said."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.label_curves.measured_curve import MISFIT, PRIOR_DRAWS, MeasuredCurve, SizePoint, objection
from tests.analysis.label_curves.simulated_curves import measured

NOISE = 0.37


def test_what_is_left_is_a_share_of_chances_error():
    curve = measured([0.5, 0.2], (10, 20), classes=4)
    assert curve.points[0].mean == pytest.approx(1 - 0.75 * 0.5)
    np.testing.assert_allclose(curve.left, [0.5, 0.2])


def test_the_variance_of_a_point_is_that_of_its_draws_shrunk_towards_the_usual_one():
    curve = MeasuredCurve("a", 2, (SizePoint(25, (0.7, 0.8)),), 0.0, False)
    squares = 2 * (0.05 / 0.5) ** 2
    usual = PRIOR_DRAWS * NOISE**2 / 25
    expected = (usual + squares) / (PRIOR_DRAWS + 1) / 2 + MISFIT**2 * 0.25
    np.testing.assert_allclose(curve.variances(NOISE), [expected])


def test_a_single_draw_has_the_usual_spread():
    curve = MeasuredCurve("a", 2, (SizePoint(25, (0.75,)),), 0.0, False)
    np.testing.assert_allclose(curve.variances(NOISE), [NOISE**2 / 25 + MISFIT**2 * 0.25])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.integers(2, 50), st.integers(2, 5000))
def test_no_point_is_free_of_doubt(accuracies, classes, n):
    curve = MeasuredCurve("a", classes, (SizePoint(n, tuple(accuracies)),), 0.0, False)
    assert np.all(np.isfinite(curve.variances(NOISE))) and curve.variances(NOISE)[0] > 0


def test_a_curve_that_rises_has_no_objection():
    assert objection(measured([0.8, 0.6, 0.4, 0.3], noise=NOISE), NOISE) is None


@pytest.mark.parametrize("sizes", [(), (100,), (100, 200)])
def test_fewer_than_three_sizes_are_no_curve(sizes):
    said = objection(measured([0.5] * len(sizes), sizes), NOISE)
    assert said and "a curve needs 3 sizes or more" in said
    assert all(f"n = {n}" in said for n in sizes)


def test_sizes_whose_trainings_all_collapsed_are_named():
    curve = dataclasses.replace(measured([0.5, 0.4], (100, 200)), collapsed=(20, 50))
    assert "at n = 20, n = 50 every training collapsed" in objection(curve, NOISE)


def test_a_curve_that_falls_is_told_with_both_sizes():
    said = objection(measured([0.6, 0.2, 0.3, 0.7]), NOISE)
    assert said and "Accuracy falls from 90.0% at n = 50 to 65.0% at n = 200" in said


def test_a_fall_that_draws_explain_is_no_objection():
    assert objection(measured([0.5, 0.3, 0.32, 0.31]), NOISE) is None


def test_a_curve_at_chance_says_nothing_of_when_learning_begins():
    said = objection(measured([1.0, 1.02, 0.99, 0.98]), NOISE)
    assert said and "better than chance" in said


@pytest.mark.parametrize(("classes", "test_classes"), [(1, 1), (2, 1)])
def test_one_class_makes_accuracy_mean_nothing(classes, test_classes):
    curve = dataclasses.replace(measured([0.5] * 4), classes=classes, test_classes=test_classes)
    assert "of one class" in objection(curve, NOISE)
