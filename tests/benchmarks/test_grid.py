"""The benchmark's arithmetic: which cells, how many steps, what the whole grid costs. Imports no TensorFlow."""

import pytest

from benchmarks import grid
from benchmarks.grid import Timing


def timings(stock, thaw):
    """The sampled cells, with seconds as functions of (steps, k)."""
    return [
        Timing(n, k, tuned, 0, stock(grid.steps_of(n), k), thaw(grid.steps_of(n), k), 0.5, 0.6)
        for n, k in grid.sampled_cells()
        for tuned in (False, True)
    ]


def test_each_timed_freeze_count_has_two_sizes_or_more_and_both_ends_are_timed():
    cells = grid.sampled_cells()
    assert {k for _, k in cells} == set(grid.TIMED_COUNTS)
    assert all(len({n for n, other in cells if other == k}) >= 2 for k in grid.TIMED_COUNTS)
    assert (min(grid.TIMED_COUNTS), max(grid.TIMED_COUNTS)) == (0, 8)


def test_steps_are_those_of_the_reports_schedule():
    assert [grid.steps_of(n) for n in (10, 100, 2000)] == [29, 282, 5625]
    assert grid.steps_of(2000, max_steps=600) == 600 and grid.steps_of(10, max_steps=600) == 29


def test_the_grid_is_the_line_through_the_timed_cells():
    found = grid.seconds_by_cell(timings(lambda steps, k: 5 + 0.1 * steps, lambda steps, k: 0.01 * steps), "stock_s")
    assert len(found) == len(grid.SIZES) * len(grid.FREEZE_COUNTS) * 2
    assert found[2000, 4, True] == found[2000, 3, True] == pytest.approx(5 + 562.5)
    capped = grid.seconds_by_cell(
        timings(lambda steps, k: 1.0, lambda steps, k: 0.01 * steps * (k + 1)), "thaw_s", max_steps=600
    )
    assert capped[2000, 1, False] == pytest.approx(12) and capped[10, 0, False] == pytest.approx(0.29)


def test_a_start_below_zero_is_no_credit():
    found = grid.seconds_by_cell(timings(lambda steps, k: 0.1 * steps - 1, lambda steps, k: 1.0), "stock_s")
    assert found[2000, 0, False] == pytest.approx(562.5)


def test_shared_work_is_borne_by_all_executions_of_a_freeze_count():
    assert grid.shared_seconds({0: 36.0, 1: 0.0}, draws=1) == pytest.approx(1.0)


def test_the_paired_interval_is_student_s():
    mean, low, high = grid.paired_difference([1.0, 2.0, 3.0])
    assert mean == pytest.approx(2)
    assert high - mean == pytest.approx(4.3027 / 3**0.5, abs=1e-3) and mean - low == pytest.approx(high - mean)
