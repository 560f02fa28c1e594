"""Intervals of fresh draws: values worked out by hand, invariants, every error. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.confirmation.confirmed_intervals import (
    IMAGE_MARGIN,
    Arm,
    accuracy_interval,
    arm_accuracy,
    compare,
    difference_interval,
    error_share,
)
from analysis.statistics.paired_intervals import mean_interval, paired_gain_interval

QUICK = settings(max_examples=40, deadline=None)


def arm_of(counts: list[int], collapsed: tuple[int, ...] = (), images: int = 100) -> Arm:
    """Right on the first so many images, draw by draw; `collapsed` are draws."""
    correct = np.arange(images) < np.array(counts)[:, None]
    return Arm(correct, np.isin(np.arange(len(counts)), collapsed))


@st.composite
def arms(draw: st.DrawFn) -> tuple[Arm, Arm]:
    shape = draw(st.tuples(st.integers(1, 8), st.integers(2, 30)))
    made = [Arm(draw(arrays(bool, shape)), draw(arrays(bool, shape[:1]))) for _ in range(2)]
    return made[0], made[1]


def test_no_gain_reaches_beyond_100_points() -> None:
    """Two draws that differ by 40 points: Student's t at one degree of freedom is 12.7 standard errors wide."""
    found = compare(arm_of([90, 50]), arm_of([20, 20])).interval
    assert found is not None
    assert (found.low, found.estimate, found.high) == (-100.0, pytest.approx(50), 100.0)


@pytest.mark.parametrize("looks", [1, 2, 3, 7])
def test_the_looks_spend_the_whole_error_and_the_first_the_most(looks: int) -> None:
    shares = [error_share(looks, look) for look in range(1, looks + 1)]
    assert sum(shares) == pytest.approx(1)
    assert max(shares) == shares[0]


@pytest.mark.parametrize(("looks", "look"), [(0, 1), (3, 0), (3, 4)])
def test_a_look_that_was_not_planned_is_refused(looks: int, look: int) -> None:
    with pytest.raises(ValueError, match="Expected a look from 1"):
        error_share(looks, look)


def test_each_look_has_the_interval_and_the_p_value_of_its_share() -> None:
    a, b = arm_of([70, 75, 80, 72, 77]), arm_of([65, 69, 76, 69, 71])
    assert accuracy_interval(a.correct, 3, 1) == mean_interval(a.correct, level=0.975)
    assert accuracy_interval(a.correct, 3, 2) == mean_interval(a.correct, level=0.9875)
    interval, p_value = difference_interval(a.correct, b.correct, 3, 2)
    assert interval == paired_gain_interval(a.correct, b.correct, level=0.9875)[0]
    assert p_value == pytest.approx(4 * paired_gain_interval(a.correct, b.correct)[1])


@QUICK
@given(arms(), st.integers(1, 4), st.integers(1, 4))
def test_more_looks_at_the_same_data_are_never_narrower(pair: tuple[Arm, Arm], fewer: int, more: int) -> None:
    few, many = sorted((fewer, fewer + more))
    narrow, wide = (accuracy_interval(pair[0].correct, looks, fewer) for looks in (few, many))
    assert wide.low <= narrow.low <= narrow.high <= wide.high


@QUICK
@given(arms(), st.integers(1, 3))
def test_exchanging_the_arms_mirrors_everything(pair: tuple[Arm, Arm], look: int) -> None:
    one, other = compare(*pair, 3, look), compare(*pair[::-1], 3, look)
    assert other.sign == -one.sign
    assert other.p_value == pytest.approx(one.p_value)
    if one.points is not None and other.points is not None:
        assert other.points == pytest.approx(-one.points)
    if one.interval and other.interval:
        mirrored = -other.interval
        assert (mirrored.low, mirrored.high) == pytest.approx((one.interval.low, one.interval.high))


@QUICK
@given(arms())
def test_an_arm_is_no_better_than_itself(pair: tuple[Arm, Arm]) -> None:
    found = compare(pair[0], pair[0])
    assert (found.sign, found.p_value) == (0, 1)
    assert found.interval is None or found.interval.low <= 0 <= found.interval.high


@QUICK
@given(arms(), st.integers(1, 3), st.floats(0.001, 0.2))
def test_what_is_rejected_has_an_interval_without_0(pair: tuple[Arm, Arm], look: int, level: float) -> None:
    a, b = (dataclasses.replace(arm, collapsed=np.zeros(arm.draws, bool)) for arm in pair)
    interval, p_value = difference_interval(a.correct, b.correct, 3, look, level=1 - level)
    if p_value < level:
        assert not interval.low <= 0 <= interval.high
    assert compare(a, b, 3, look).p_value == p_value


def test_figures_are_of_the_draws_that_did_not_collapse() -> None:
    cell, baseline = arm_of([80, 50, 84, 82], (1,)), arm_of([70, 71, 50, 72], (2,))
    accuracy, interval = arm_accuracy(cell)
    assert accuracy == pytest.approx(0.82)
    assert interval == accuracy_interval(cell.correct[[0, 2, 3]])
    found = compare(cell, baseline)
    assert found.points == pytest.approx(10)
    assert found.interval == difference_interval(cell.correct[[0, 3]], baseline.correct[[0, 3]])[0]


def test_a_single_draw_that_did_not_collapse_has_no_interval_and_none_no_figure() -> None:
    assert arm_accuracy(arm_of([50, 80], (0,))) == (0.8, None)
    assert arm_accuracy(arm_of([50, 50], (0, 1))) == (None, None)
    found = compare(arm_of([80, 82]), arm_of([50, 50], (0, 1)))
    # Both of two draws are won: 2 / 2^2.
    assert (found.points, found.interval, found.sign) == (None, None, 1)
    assert found.p_value == pytest.approx(0.5, abs=1e-4)


def test_five_draws_without_collapse_are_enough_for_their_own_p_value() -> None:
    cell = arm_of([80, 81, 83, 84, 82, 85])
    baseline = arm_of([70, 70, 71, 75, 72, 50], (5,))
    expected = difference_interval(cell.correct[:5], baseline.correct[:5])[1]
    assert compare(cell, baseline).p_value == expected < 0.001


def test_with_fewer_the_sign_test_decides_over_all_draws() -> None:
    # Ten of ten are won: 2 / 2^10, and what the margin adds; the third of three looks has a quarter of the error.
    cell = Arm(np.tile(np.arange(1000) < 900, (10, 1)), np.zeros(10, bool))
    baseline = Arm(np.tile(np.arange(1000) % 2 == 0, (10, 1)), np.arange(10) < 8)
    assert compare(cell, baseline).p_value == pytest.approx(2 / 2**10, abs=1e-4)
    assert compare(cell, baseline, 3, 3).p_value == pytest.approx(8 / 2**10, abs=4e-4)
    assert compare(baseline, cell).p_value == compare(cell, baseline).p_value


def test_a_draw_that_is_won_by_no_more_than_the_images_explain_is_not_won() -> None:
    rng = np.random.default_rng(1)
    base = rng.random(1000) < 0.5
    cell = Arm(np.tile(base | (rng.random(1000) < 0.02), (10, 1)), np.zeros(10, bool))
    baseline = Arm(np.tile(base, (10, 1)), np.arange(10) < 8)
    gain = cell.correct[0].mean() - baseline.correct[0].mean()
    assert 0 < gain < IMAGE_MARGIN * np.sqrt(0.02 / 1000)
    assert compare(cell, baseline).p_value == 1


def test_nothing_is_called_where_collapses_turn_the_mean_round() -> None:
    # Where neither collapses the cell is 10 points better in every draw; it collapses in half of all draws.
    cell = arm_of([80, 81, 82, 80, 81, 40, 40, 40, 40, 40], (5, 6, 7, 8, 9))
    baseline = arm_of([70, 71, 72, 70, 71, 72, 73, 70, 71, 70])
    found = compare(cell, baseline)
    assert found.points == pytest.approx(10) and found.sign == -1
    assert found.p_value == 1


@pytest.mark.parametrize(
    ("correct", "collapsed"), [((3,), (3,)), ((0, 5), (0,)), ((3, 1), (3,)), ((3, 5), (2,)), ((3, 5), (3, 1))]
)
def test_an_arm_of_another_shape_is_refused(correct: tuple[int, ...], collapsed: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="An arm needs"):
        Arm(np.ones(correct, bool), np.zeros(collapsed, bool))


def test_arms_of_different_draws_are_not_compared() -> None:
    with pytest.raises(ValueError, match="the same draws and images"):
        compare(arm_of([1, 2]), arm_of([1, 2, 3]))
