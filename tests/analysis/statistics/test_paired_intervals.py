"""Intervals, p-values and verdicts: hand-computed values, invariants, coverage. Imports no TensorFlow."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from analysis.statistics import uncertainty
from analysis.statistics.paired_intervals import (
    SMALLEST_P,
    Interval,
    draws_interval,
    mean_interval,
    paired_gain_interval,
    verdict,
)

CORRECT = arrays(bool, st.tuples(st.integers(1, 5), st.integers(2, 40)), elements=st.booleans(), fill=st.nothing())
# A loaded machine must not fail a test for its time.
QUICK = settings(max_examples=40, deadline=None)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(st.tuples(st.integers(1, 4), st.integers(2, 30)))
    return draw(arrays(bool, shape)), draw(arrays(bool, shape))


def test_one_draw_gives_the_interval_over_images_alone() -> None:
    # 3 of 4 right: squares sum to 3 * (1/4)^2 + (3/4)^2 = 0.75; with the added 1, variance 1.75 / (4 * 3).
    interval = mean_interval(np.array([[1, 1, 1, 0]], bool), level=0.5)
    half = stats.t.ppf(0.75, 3) * math.sqrt(1.75 / 12)
    assert interval.estimate == 0.75
    assert interval.low == pytest.approx(0.75 - half)
    assert interval.high == 1.0
    assert interval.images_only


def test_two_draws_combine_the_spread_of_draws_and_of_images() -> None:
    # Draw means 1/2 and 3/4, image means 1, 1, 0, 1/2, mean 5/8. Rest: 1/8 each, squares sum to 1/8 + ...
    correct = np.array([[1, 1, 0, 0], [1, 1, 0, 1]], bool)
    s2 = 2 * 0.125**2
    rest = np.array([[0.125, 0.125, 0.125, -0.375], [-0.125, -0.125, -0.125, 0.375]])
    e2 = float(np.sum(rest**2)) / 3
    v = (2 * 0.375**2 + 0.625**2 + 0.125**2 + 1) / 12
    half = math.sqrt(
        stats.t.ppf(0.75, 1) ** 2 * max(s2 - 0.8 * e2 / 4, 0.2 * e2 / 4) / 2
        + stats.t.ppf(0.75, 3) ** 2 * (v - e2 / 8 + 0.8 * e2 / 8)
    )
    interval = mean_interval(correct, level=0.5)
    assert interval.low == pytest.approx(0.625 - half)
    assert interval.high == pytest.approx(0.625 + half)
    assert not interval.images_only


def test_three_draws_take_most_of_what_is_known_out_of_the_draws_part() -> None:
    # Draw means 1/4, 1/2, 3/4; image means 1, 2/3, 1/3, 0; mean 1/2.
    correct = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]], bool)
    s2 = 0.0625
    rest = correct - correct.mean(axis=1, keepdims=True) - correct.mean(axis=0) + 0.5
    e2 = float(np.sum(rest**2)) / 6
    v = (2 * 0.5**2 + 2 * (1 / 6) ** 2 + 1) / 12
    between = max(s2 - 0.8 * e2 / 4, 0.2 * e2 / 4) / 3
    images = v - e2 / 12 + 0.8 * e2 / 12
    half = math.sqrt(stats.t.ppf(0.75, 2) ** 2 * between + stats.t.ppf(0.75, 3) ** 2 * images)
    assert mean_interval(correct, level=0.5).high == pytest.approx(0.5 + half)


@QUICK
@given(CORRECT)
def test_half_widths_are_those_of_the_docstring_s_formula(correct: np.ndarray) -> None:
    draws, images = correct.shape
    x = correct.astype(float)
    image_means, draw_means, mean = x.mean(axis=0), x.mean(axis=1), x.mean()
    v = (float(((image_means - mean) ** 2).sum()) + 1) / (images * (images - 1))
    square = stats.t.ppf(0.975, images - 1) ** 2 * v
    if draws > 1:
        rest = x - draw_means[:, None] - image_means + mean
        e2 = float((rest**2).sum()) / ((draws - 1) * (images - 1))
        s2, nu = float(draw_means.var(ddof=1)), draws - 1
        f = 0.8
        a = max(s2 - f * e2 / images, (1 - f) * e2 / images) / draws
        b = max(v - e2 / (draws * images), 0) + f * e2 / (draws * images)
        square = stats.t.ppf(0.975, nu) ** 2 * a + stats.t.ppf(0.975, images - 1) ** 2 * b
    gain, _ = paired_gain_interval(correct, np.zeros_like(correct))
    assert gain.high == pytest.approx(min(100, gain.estimate + 100 * math.sqrt(square)))


def test_the_docstring_has_every_term_of_the_formula() -> None:
    for term in ("v = (S + 1) / (I (I - 1))", "max(v - e2 / (D I), 0) + f e2 / (D I)",
                 "max(s2 - f e2 / I, (1 - f) e2 / I) / D", "sqrt(t(nu)^2 A + t(mu)^2 B)", "mu = I - 1",
                 "With one draw A = 0 and B = v", "nu = D - 1"):  # fmt: skip
        assert term in (uncertainty.__doc__ or "")


@QUICK
@given(st.lists(st.floats(-50, 50), min_size=2, max_size=6).filter(lambda one: np.std(one) > 1e-3))
def test_the_interval_of_draws_is_students(values: list[float]) -> None:
    interval, p_value = draws_interval(values)
    test = stats.ttest_1samp(values, 0)
    low, high = test.confidence_interval(0.95)
    assert (interval.low, interval.high) == pytest.approx((low, high), rel=1e-6, abs=1e-6)
    assert p_value == pytest.approx(max(test.pvalue, SMALLEST_P), rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("values", [[2.0], [2.0, 2.0]])
def test_one_draw_and_equal_draws_prove_nothing(values: list[float]) -> None:
    interval, p_value = draws_interval(values)
    assert (interval.low, interval.estimate, interval.high, p_value) == (2, 2, 2, 1)
    assert interval.bounds == (None, None)


@pytest.mark.parametrize("images", [3, 99, 500, 2000, 10**7])
def test_draws_that_are_equal_but_for_rounding_prove_nothing(images: int) -> None:
    """Each draw has one image more right: (a + 1) / images - a / images is another float for another a."""
    rng = np.random.default_rng(images)
    for _ in range(200):
        rights = rng.integers(0, images, 3)
        interval, p_value = draws_interval([100 * ((right + 1) / images - right / images) for right in rights])
        assert p_value == 1 and verdict(interval, p_value <= 0.05) == "undecided"
        assert interval.bounds == (None, None)


def test_draws_that_differ_by_one_image_have_an_interval() -> None:
    interval, p_value = draws_interval([100 * right / 10**7 for right in (1, 1, 2)])
    assert p_value < 1 and interval.low < interval.estimate < interval.high
    assert interval.bounds == (interval.low, interval.high)


@pytest.mark.parametrize("values", [[], [[1.0, 2.0]]])
def test_an_interval_of_draws_needs_one_value_a_draw(values: list) -> None:
    with pytest.raises(ValueError, match="one value a draw"):
        draws_interval(values)


def test_images_that_all_agree_still_leave_a_width() -> None:
    interval = mean_interval(np.ones((2, 50), bool))
    assert interval.estimate == interval.high == 1.0
    assert 0.9 < interval.low < 1.0


@QUICK
@given(CORRECT)
def test_the_interval_holds_its_estimate_and_stays_in_0_to_1(correct: np.ndarray) -> None:
    interval = mean_interval(correct)
    assert 0 <= interval.low <= interval.estimate <= interval.high <= 1
    assert interval.estimate == pytest.approx(correct.mean())


@QUICK
@given(CORRECT, st.randoms(use_true_random=False))
def test_the_order_of_images_and_draws_changes_nothing(correct: np.ndarray, random: Random) -> None:
    rng = np.random.default_rng(random.randrange(2**32))
    shuffled = correct[rng.permutation(correct.shape[0])][:, rng.permutation(correct.shape[1])]
    before, after = mean_interval(correct), mean_interval(shuffled)
    assert (after.low, after.high) == pytest.approx((before.low, before.high), abs=1e-12)


@QUICK
@given(CORRECT, st.floats(0.5, 0.9), st.floats(0.901, 0.999))
def test_a_higher_level_is_never_narrower(correct: np.ndarray, level: float, higher: float) -> None:
    narrow, wide = mean_interval(correct, level=level), mean_interval(correct, level=higher)
    assert wide.low <= narrow.low
    assert wide.high >= narrow.high


@QUICK
@given(CORRECT)
def test_identical_arrays_gain_nothing_and_stay_undecided(correct: np.ndarray) -> None:
    gain, p_value = paired_gain_interval(correct, correct)
    assert gain.estimate == 0
    assert gain.low < 0 < gain.high
    assert p_value == 1
    assert verdict(gain, rejected=True) == "undecided"


@QUICK
@given(pairs())
def test_exchanging_cell_and_baseline_mirrors_the_gain(pair: tuple[np.ndarray, np.ndarray]) -> None:
    gain, p_value = paired_gain_interval(*pair)
    loss, p_mirrored = paired_gain_interval(*pair[::-1])
    assert (loss.low, loss.estimate, loss.high) == pytest.approx((-gain.high, -gain.estimate, -gain.low))
    assert p_mirrored == pytest.approx(p_value)


@QUICK
@given(pairs())
def test_the_p_value_is_where_the_interval_touches_zero(pair: tuple[np.ndarray, np.ndarray]) -> None:
    gain, p_value = paired_gain_interval(*pair)
    if gain.images_only:
        assert p_value == 1
        return
    assert (p_value < 0.05) == (gain.low > 0 or gain.high < 0)
    if SMALLEST_P < p_value < 1:
        touching, _ = paired_gain_interval(*pair, level=1 - p_value)
        assert min(abs(touching.low), abs(touching.high)) == pytest.approx(0, abs=1e-4)


def test_a_difference_far_from_zero_has_the_smallest_p() -> None:
    # All images differ in each of 40 draws: no spread between draws, hardly any between images.
    _, p_value = paired_gain_interval(np.ones((40, 500), bool), np.zeros((40, 500), bool))
    assert p_value == SMALLEST_P


def test_gains_are_in_percentage_points() -> None:
    cell, baseline = np.zeros((2, 10), bool), np.zeros((2, 10), bool)
    cell[:, :3] = True
    assert paired_gain_interval(cell, baseline)[0].estimate == pytest.approx(30)


@pytest.mark.parametrize(
    ("interval", "rejected", "expected"),
    [
        (Interval(1, 2, 3, 2), True, "gain"),
        (Interval(-3, -2, -1, 2), True, "loss"),
        (Interval(1, 2, 3, 2), False, "undecided"),
        (Interval(-1, 2, 5, 2), True, "undecided"),
        (Interval(1, 2, 3, 1), True, "undecided"),
    ],
)
def test_verdict_needs_rejection_an_interval_without_zero_and_two_draws(
    interval: Interval, rejected: bool, expected: str
) -> None:
    assert verdict(interval, rejected) == expected


@pytest.mark.parametrize("shape", [(4,), (0, 4), (2, 1), (2, 3, 4)])
def test_values_without_draws_and_images_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="draws, images"):
        mean_interval(np.ones(shape))


def test_pairs_of_unequal_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="equal shapes"):
        paired_gain_interval(np.ones((2, 5)), np.ones((1, 5)))


@pytest.mark.parametrize("rest", [0.0, 1e-17, -1e-17, 1e-300, 5e-324])
def test_values_that_cancel_out_but_for_rounding_prove_nothing(rest: float) -> None:
    interval, p_value = draws_interval([1.5, -1.5, 3 * rest])
    assert p_value == 1.0
    assert interval.low < 0 < interval.high
