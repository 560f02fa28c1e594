"""The plan shown before the work. No TensorFlow."""

import pytest

from experiment.loading import PRESETS, load_config
from pipeline.runner.plan import forward_mflop, measure_gflops, plan_run, training_seconds

QUICK = load_config(PRESETS / "quick.yaml")


def plan(config, gflops=50.0, workers=2):
    return plan_run(config, 60_000, 140_000_000, gflops, workers)


def test_every_cell_of_every_sweep_is_counted_once_per_draw():
    counted = plan(QUICK)
    assert counted.cells == {
        "baseline__original": 6, "cats_dogs__original": 12, "ships_planes__original": 12,
        "imagenet__mobilenet_v2": 18,
    }  # fmt: skip
    assert counted.executions == 48


def test_tuned_ranges_are_counted_for_each_n_and_cost_their_suffix():
    config = QUICK.model_copy(update={"tuned": {"original": ((2, 4), (0, 2))}})
    more = {name: cells - plan(QUICK).cells[name] for name, cells in plan(config).cells.items()}
    assert {name: cells for name, cells in more.items() if cells} == {
        "cats_dogs__original": 2 * len(QUICK.sizes), "ships_planes__original": 2 * len(QUICK.sizes),
    }  # fmt: skip
    assert plan(config).minutes > plan(QUICK).minutes


def test_more_draws_and_a_slower_machine_take_longer():
    base = plan(QUICK).minutes
    assert plan(QUICK.model_copy(update={"draws": 4})).minutes > base
    assert plan(QUICK, gflops=25).minutes > base
    assert plan(QUICK, workers=1).minutes > base


def test_the_machines_rate_is_positive():
    assert measure_gflops(0.01, 64) > 0


def test_a_tuned_cell_passes_over_its_records_and_over_val_at_every_moment():
    seconds = training_seconds(QUICK, "original", 20, 0, False, scored=1000, gflops=50.0)
    trained = 20 * QUICK.augmentation.copies * QUICK.schedule.tuning.epochs
    assert seconds == pytest.approx((3 * trained + 3500) * forward_mflop(QUICK, "original", 0) / 30e3)
    assert training_seconds(QUICK, "original", 20, 8, False, scored=1000, gflops=50.0) == 0


def test_a_fine_tuned_cell_costs_its_twin_and_the_whole_network():
    def seconds(count, tuned):
        return training_seconds(QUICK, "original", 20, count, tuned, scored=1000, gflops=50.0, transferred=False)

    assert seconds(0, False) > seconds(4, False) > seconds(8, False) == 0
    assert seconds(8, True) - seconds(8, False) == pytest.approx(seconds(0, True) - seconds(0, False))
    # Three passes over what is trained, one over what is scored, at 60% of 50 GFLOPS.
    schedule = QUICK.schedule
    trained = min(20 * QUICK.augmentation.copies * schedule.epochs, schedule.max_steps * schedule.batch_size)
    assert seconds(0, False) == pytest.approx((3 * trained + 1000) * forward_mflop(QUICK, "original", 0) / 30e3)
