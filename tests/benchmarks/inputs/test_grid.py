"""The benchmark's arithmetic: which cells, how many steps, what the whole grid costs. Imports no TensorFlow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.inputs import grid
from benchmarks.inputs.grid import Timing


def timings(seconds, k=0, fine_tune=False):
    """A line's sizes on one draw, their seconds a function of steps."""
    return [
        Timing(n, k, fine_tune, 0, {"way": seconds(grid.steps_of(n, fine_tune))}, {"way": 0.5}, {})
        for n in grid.TIMED_SIZES
    ]  # fmt: skip


def plain_steps(n, k, fine_tune):
    return grid.steps_of(n, fine_tune)


def test_steps_are_those_of_the_reports_schedule():
    assert [grid.steps_of(n) for n in (10, 100, 2000)] == [29, 282, 5625]
    assert [grid.steps_of(n, fine_tune=True) for n in (10, 100, 2000)] == [10, 94, 1875]
    assert grid.steps_of(2000, max_steps=600) == 600 and grid.steps_of(10, max_steps=600) == 29
    assert grid.steps_of(2000, max_steps=600, share_of_cost=0.01) == 5625


def test_a_line_s_cells_are_on_the_straight_line_through_the_timed_ones():
    found = grid.line_seconds(timings(lambda steps: 5 + 0.1 * steps), "way", plain_steps)
    assert found.keys() == set(grid.SIZES) and found[2000] == pytest.approx(5 + 562.5)
    tuned = grid.line_seconds(timings(lambda steps: 5 + 0.1 * steps, fine_tune=True), "way", plain_steps)
    assert tuned[2000] == pytest.approx(5 + 187.5)


def test_a_bound_on_steps_bounds_the_seconds():
    def bounded(n, k, fine_tune):
        return grid.steps_of(n, fine_tune, 600)

    found = grid.line_seconds(timings(lambda steps: 0.01 * steps), "way", bounded)
    assert found[2000] == pytest.approx(6) and found[10] == pytest.approx(0.29)


def test_a_start_below_zero_is_no_credit():
    assert grid.line_seconds(timings(lambda steps: 0.1 * steps - 1), "way", plain_steps)[2000] == pytest.approx(562.5)


def test_timed_lines_stand_for_the_whole_grid_by_linear_interpolation():
    weights = grid.line_weights((0, 2, 4, 6, 8))
    # k = 1 is half 0 and half 2; phase 2 of nothing frozen stands for itself alone, so that k = 1 is as k = 2 there.
    assert [weights[k, False] for k in (0, 2, 4, 6, 8)] == [1.5, 2, 2, 2, 1.5]
    assert [weights[k, True] for k in (0, 2, 4, 6, 8)] == [1, 2.5, 2, 2, 1.5]
    assert grid.line_weights((0,)) == {(0, False): 9.0, (0, True): 1.0}


def test_the_grid_s_ratio_is_that_of_the_weighted_sums():
    values = {(0, False): [(10.0, 5.0)], (8, False): [(4.0, 0.5)]}
    found = grid.ratio_of_sums(values, {(0, False): 2.0, (8, False): 3.0})
    assert found == {"ratio": pytest.approx(32 / 11.5), "low": None, "high": None}


def test_a_line_that_was_repeated_gives_the_interval():
    found = grid.ratio_of_sums({(0, False): [(9.0, 5.0), (11.0, 5.0)]}, {(0, False): 1.0})
    # Residuals -1 and 1 have variance 2, their mean variance 1; half a width is t(1) = 12.7062 times 1 / 5.
    assert found["ratio"] == pytest.approx(2) and found["high"] - 2 == pytest.approx(12.7062 / 5, abs=1e-4)


def test_a_line_without_repeats_takes_the_relative_variance_of_the_others():
    repeated = {(0, False): [(9.0, 5.0), (11.0, 5.0)]}
    alone = {(8, False): [(10.0, 5.0)]}
    weights = {(0, False): 1.0, (8, False): 1.0}
    found = grid.ratio_of_sums({**repeated, **alone}, weights)
    # Of the repeated line 1 as above; the other, of as many seconds and timed once, twice that: sqrt(3) / 10.
    assert found["high"] - found["ratio"] == pytest.approx(12.7062 * 3**0.5 / 10, abs=1e-4)


def test_shared_work_is_borne_by_all_executions_of_a_freeze_count():
    assert grid.shared_seconds({0: 36.0, 1: 0.0}, draws=1) == pytest.approx(1.0)


def test_the_paired_interval_is_student_s():
    mean, low, high = grid.paired_difference([1.0, 2.0, 3.0])
    assert mean == pytest.approx(2)
    assert high - mean == pytest.approx(4.3027 / 3**0.5, abs=1e-3) and mean - low == pytest.approx(high - mean)


def test_one_stratum_has_the_paired_interval():
    assert grid.stratified_difference([[1.0, 2.0, 4.0]]) == pytest.approx(grid.paired_difference([1.0, 2.0, 4.0]))


def test_strata_count_the_same_however_many_values_they_hold():
    mean, low, high = grid.stratified_difference([[0.0, 2.0], [5.0, 5.0, 5.0, 5.0]])
    # The first stratum's mean of 1 has variance 1, the second's of 5 none: (1 + 0) / 2^2, one degree of freedom.
    assert mean == pytest.approx(3) and high - mean == pytest.approx(12.7062 / 2, abs=1e-3) == mean - low


def test_strata_without_spread_have_an_interval_without_width():
    assert grid.stratified_difference([[1.0, 1.0], [3.0, 3.0]]) == (2.0, 2.0, 2.0)


@given(st.lists(st.integers(2, 40), min_size=2, max_size=5), st.integers(0, 99))
def test_the_degrees_of_freedom_lie_between_the_smallest_stratum_s_and_all_together(counts, seed):
    from scipy import stats

    strata = [np.random.default_rng(seed).normal(size=count) for count in counts]
    _, low, high = grid.stratified_difference(strata)
    deviation = sum(s.var(ddof=1) / len(s) for s in strata) ** 0.5 / len(strata)
    widest, narrowest = (stats.t.ppf(0.975, f) * deviation for f in (min(counts) - 1, sum(counts) - len(counts)))
    assert narrowest <= (high - low) / 2 * (1 + 1e-9) and (high - low) / 2 <= widest * (1 + 1e-9)


def test_a_line_through_points_above_each_other_is_level():
    assert grid.line_through([(1, 4.0), (1, 6.0)]) == (0.0, 5.0)
