"""Ratios of the grid: which cells are left out, and the resulting values. Imports no TensorFlow."""

import pytest

from benchmarks.inputs import grid
from benchmarks.inputs.grid import Timing
from benchmarks.speed.ratios import ratios

WAYS = [f"{name}_{precision}" for name in ("stock", "thaw", "own") for precision in ("float32", "bfloat16")]
SPEEDS = dict(zip(WAYS, (1.0, 2.0, 4.0, 8.0, 8.0, 16.0), strict=True))


def timed(draws=1, counts=grid.TIMED_COUNTS):
    """Every line; stock float32 takes a second a step, others as many times less as they are fast."""
    return [
        Timing(n, k, tuned, draw, {
            way: 1e-3 if way.startswith("own") and tuned and not k else grid.steps_of(n, tuned) / speed
            for way, speed in SPEEDS.items()
        }, dict.fromkeys(WAYS, 0.5 + 0.01 * draw), dict.fromkeys(WAYS, 3.0))
        for draw in range(draws) for k in counts for tuned in (False, True) for n in grid.TIMED_SIZES
    ]  # fmt: skip


def plain_steps(n, k, fine_tune):
    return grid.steps_of(n, fine_tune)


def test_cells_that_one_side_does_not_train_leave_every_ratio_on_both_sides():
    found = ratios(timed(), 0.0, plain_steps)
    assert found["grid_ratios"]["stock_float32 / own_float32"]["ratio"] == pytest.approx(8)
    assert found["grid_ratios_with_untrained_cells"]["stock_float32 / own_float32"]["ratio"] > 8.05
    for name in ("grid_ratios", "grid_ratios_with_untrained_cells"):
        assert found[name]["stock_float32 / thaw_bfloat16"]["ratio"] == pytest.approx(8)
        assert found[name]["stock_bfloat16 / thaw_float32"]["ratio"] == pytest.approx(2)
    assert found["not_timed"] == []


def test_thaw_bears_the_work_that_its_executions_share():
    assert ratios(timed(), 1.0, plain_steps)["grid_ratios"]["stock_float32 / thaw_float32"]["ratio"] < 4


def test_repeats_that_are_equal_leave_no_width():
    found = ratios(timed(draws=2), 0.0, plain_steps)["grid_ratios"]["thaw_float32 / thaw_bfloat16"]
    assert found["low"] == pytest.approx(found["high"]) == pytest.approx(2)


def test_what_was_cut_off_by_the_time_limit_is_said():
    found = ratios(timed(counts=(0,))[:-1], 0.0, plain_steps)
    assert found["not_timed"] == [2, 4, 6, 8] and found["timed_lines"] == {"k=0": 1}
    assert ratios(timed(counts=(0,))[:1], 0.0, plain_steps)["grid_ratios"] == {}


def test_by_the_clock_every_way_has_its_wall_seconds():
    found = ratios([one.by_the_clock for one in timed()], 0.0, plain_steps)["grid_ratios"]
    assert found["stock_float32 / thaw_bfloat16"]["ratio"] == pytest.approx(1)
