"""The benchmark's arithmetic: which cells, how many steps, what the whole grid costs. Imports no TensorFlow."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.inputs import grid
from benchmarks.inputs.grid import Timing


def timings(seconds):
    """The sampled cells, their seconds a function of (steps, k), the same for all ways."""
    return [
        Timing(n, k, tuned, 0, *[seconds(grid.steps_of(n, tuned), k)] * 3, 0.5, 0.6, 0.6)
        for n, k in grid.sampled_cells()
        for tuned in (False, True)
    ]


def plain_steps(n, k, fine_tune):
    return grid.steps_of(n, fine_tune)


def test_each_timed_freeze_count_has_two_sizes_or_more_and_both_ends_are_timed():
    cells = grid.sampled_cells()
    assert {k for _, k in cells} == set(grid.TIMED_COUNTS)
    assert all(len({n for n, other in cells if other == k}) >= 2 for k in grid.TIMED_COUNTS)
    assert (min(grid.TIMED_COUNTS), max(grid.TIMED_COUNTS)) == (0, 8)


def test_steps_are_those_of_the_reports_schedule():
    assert [grid.steps_of(n) for n in (10, 100, 2000)] == [29, 282, 5625]
    assert [grid.steps_of(n, fine_tune=True) for n in (10, 100, 2000)] == [10, 94, 1875]
    assert grid.steps_of(2000, max_steps=600) == 600 and grid.steps_of(10, max_steps=600) == 29
    assert grid.steps_of(2000, max_steps=600, share_of_cost=0.01) == 5625


def test_the_grid_is_the_line_through_the_timed_cells():
    found = grid.seconds_by_cell(timings(lambda steps, k: 5 + 0.1 * steps), "stock_s", plain_steps)
    assert len(found) == len(grid.SIZES) * len(grid.FREEZE_COUNTS) * 2
    assert [found[2000, k, True] for k in (3, 4)] == pytest.approx([5 + 187.5] * 2)
    assert found[2000, 4, False] == pytest.approx(5 + 562.5)


def test_a_bound_on_steps_bounds_the_seconds_of_either_phase():
    def bounded(n, k, fine_tune):
        return grid.steps_of(n, fine_tune, 600, share_of_cost=1.0 if k < 7 else 0.0)

    found = grid.seconds_by_cell(timings(lambda steps, k: 0.01 * steps * (k + 1)), "own_s", bounded)
    assert found[2000, 0, False] == pytest.approx(6) and found[10, 0, False] == pytest.approx(0.29)
    assert found[2000, 8, False] == pytest.approx(0.09 * 5625)
    # At most half of 600 steps in phase 2 where all was frozen, one where nothing was.
    small = [
        Timing(n, k, True, 0, *[0.01 * grid.steps_of(n, fine_tune=True)] * 3, 0.5, 0.6, 0.6)
        for n in (10, 20)
        for k in grid.TIMED_COUNTS
    ]
    slow = [dataclasses.replace(timing, fine_tune=False) for timing in small]
    found = grid.seconds_by_cell(small + slow, "own_s", bounded)
    assert found[2000, 8, True] == pytest.approx(3) and found[2000, 0, True] == pytest.approx(
        0.01 * (grid.steps_of(10, True) + grid.steps_of(20, True)) / 2  # what the one step of either timed size took
    )


def test_a_start_below_zero_is_no_credit():
    found = grid.seconds_by_cell(timings(lambda steps, k: 0.1 * steps - 1), "stock_s", plain_steps)
    assert found[2000, 0, False] == pytest.approx(562.5)


def test_the_grids_seconds_are_summed_by_size_and_by_freeze_count():
    cells = {(10, 0, False): 1.0, (10, 1, True): 2.0, (20, 1, False): 4.0}
    assert grid.seconds_by(cells, 0) == {10: 3.0, 20: 4.0} and grid.seconds_by(cells, 1) == {0: 1.0, 1: 6.0}


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
