"""The plan shown before the work. No TensorFlow."""

import dataclasses
import re

import pytest
from rich.console import Console

from experiment.backbones import Backbone
from experiment.changes import changed
from experiment.config import ExperimentConfig
from experiment.loading import PRESETS, load_config
from pipeline.planning.plan import measure_gflops, plan_run, sides_in_words
from pipeline.planning.run_costs import RunCosts
from pipeline.planning.training_costs import SECONDS_PER_PROGRAM, forward_mflop, source_seconds, training_seconds
from pipeline.runner.launch import plan_table

QUICK = load_config(PRESETS / "quick.yaml")


def plan(config, gflops=50.0, workers=2):
    return plan_run(config, 60_000, 140_000_000, gflops, workers)


def test_every_cell_of_every_sweep_is_counted_once_per_draw():
    counted = plan(QUICK)
    assert counted.cells == {
        "baseline__original": 6, "cats_dogs__original": 12, "ships_planes__original": 12,
        "imagenet__mobilenet_v2": 18,
    }  # fmt: skip
    # 48, and on five fresh draws the best transfer, at 200 every transfer, and the baseline in both ways of tuning.
    assert counted.fresh_cells == {50: 3, 100: 3, 200: 5}
    assert counted.executions == 48 + 5 * 11
    assert counted.at_most and counted.searched


@pytest.mark.parametrize(("minutes", "shown"), [(0.2, 1), (1.4, 1), (1.6, 2)])
def test_a_plan_shows_whole_minutes_and_no_plan_takes_none(minutes, shown):
    assert dataclasses.replace(plan(QUICK), minutes=minutes).in_minutes == shown


def test_a_grid_is_counted_exactly_but_for_what_val_chooses():
    grid = plan(changed(QUICK, search="grid"))
    assert not grid.searched and grid.fresh_at_most and grid.at_most
    one_way = changed(QUICK, search="grid", fine_tune=[False])
    assert (plan(one_way).fresh_cells, plan(one_way).at_most) == ({50: 2, 100: 2, 200: 4}, False)
    assert plan(changed(one_way, confirmation={"draws": 5, "most_draws": 20})).at_most


def test_a_size_may_get_the_most_draws():
    config = changed(QUICK, confirmation={"draws": 5, "most_draws": 20})
    most = plan(config)
    assert re.search(r"fresh draws .* at most 11 .* 5 to 20 .* 40 to 220 ", shown(config, most))
    assert most.fresh_executions == 20 * 11 and most.minutes == plan(QUICK).minutes


def test_with_a_time_limit_all_counts_are_upper_bounds():
    limited = plan(changed(QUICK, search="grid", fine_tune=[False], budget_minutes=10))
    assert limited.searched and limited.fresh_at_most and limited.at_most


def test_every_transfer_is_confirmed_where_that_is_asked_for_and_so_are_the_claims_cells():
    config = changed(QUICK, confirmation={"draws": 3, "most_draws": 6, "every_transfer": True})
    # 3 transfers and 2 baselines; MobileNetV2 with all parts frozen. No network is cut on both sides of its half.
    assert plan(config).fresh_cells == {50: 6, 100: 6, 200: 6}
    assert plan(config).fresh_executions == 3 * (6 * 5 + 3 * 1)
    both_sides = changed(config, freeze_counts={**QUICK.freeze_counts, "original": [2, 8]})
    assert plan(both_sides).fresh_cells == {50: 8, 100: 6, 200: 6}


def test_of_two_networks_from_scratch_the_best_is_confirmed_beside_the_transfers_own():
    config = changed(QUICK, baselines={})
    # At 200: three transfers, the original network in both ways, MobileNetV2 in one, and the best, another one.
    assert plan(config).fresh_cells == {50: 3, 100: 3, 200: 7}


def test_controls_are_not_confirmed():
    assert set(plan(load_config(PRESETS / "controls.yaml")).fresh_cells.values()) == {3}


def test_more_fresh_draws_take_longer():
    more = changed(QUICK, confirmation={"draws": 10, "most_draws": 10})
    assert plan(more).minutes > plan(QUICK).minutes + 1


@pytest.mark.parametrize(("many", "share"), [((0, 2, 4, 6, 8), 6.5 / 7.5), (tuple(range(9)), 7.25 / 13.5)])
def test_a_search_over_many_freeze_counts_is_counted_at_half_of_the_grid_or_at_its_four_dearest_counts(many, share):
    def seconds(counts, search):
        config = changed(QUICK, freeze_counts={**QUICK.freeze_counts, "original": counts}, search=search)
        costs = RunCosts(config, 60_000, 50.0, 2)
        return [costs.searched(name, 1) for name in ("cats_dogs__original", "baseline__original")]

    four = (0, 2, 4, 6)
    assert seconds(four, "bayesian") == seconds(four, "grid")
    (searched, scratch), (whole, same) = seconds(many, "bayesian"), seconds(many, "grid")
    assert searched == pytest.approx(share * whole) and scratch == same


IMAGES = {"ants_bees": 398, "signs": 2062, "quick": 60_000}
MEASURED_S = {"ants_bees": 351, "signs": 691, "quick": 791}
"""Without the Trainers of baselines and candidates, which trained a second time then."""
CONFIRMER_S = {"ants_bees": 207, "signs": 461, "quick": 356}
"""Of runs on 28 November 2026, 2 cores of an AMD EPYC with 120 GFLOPS each."""


def photos(name, side, sizes, classes):
    """As many operations as `thaw init` planned for photos then, with two draws: 240 steps at 64 px from scratch."""
    return ExperimentConfig.model_validate({
        "name": name, "sizes": sizes, "draws": 2, "fine_tune": [False], "freeze_counts": {"mobilenet_v2": [13, 18]},
        "data": {"image_shape": [side, side, 3], "resize": True, "classes": classes, "val_key": "in_val"},
        "target": {"name": name, "classes": classes}, "sources": {"imagenet": {}},
        "transfers": [{"source": "imagenet", "architecture": "mobilenet_v2"}],
        "backbones": {"mobilenet_v2": {"family": "MobileNetV2", "image_size_px": side, "alpha": 1.0}},
        "baselines": {"mobilenet_v2": "original"}, "augmentation": {"noisy_copies": 0},
        "confirmation": {"draws": 5, "most_draws": 5}, "schedule": {"epochs": 120, "max_steps": 960},
    })  # fmt: skip


@pytest.mark.parametrize(
    "config",
    [photos("ants_bees", 224, [10, 40, 200], ["ants", "bees"]),
     photos("signs", 128, [50, 200, 1000], [f"sign {number}" for number in range(10)]), QUICK],
    ids=list(IMAGES),
)  # fmt: skip
def test_the_estimate_is_within_half_as_much_again_of_measured_runs(config):
    planned = plan_run(config, IMAGES[config.name], 10**8, gflops=120.0, workers=2)
    costs = RunCosts(config, IMAGES[config.name], 120.0, 2)
    trainers = [s for node, s in costs.fixed().items() if node.startswith(("Trainer.baseline", "Trainer.transfer"))]
    assert 1 / 1.5 < (planned.minutes * 60 - sum(trainers)) / MEASURED_S[config.name] < 1.5
    names = {name for n in config.sizes for name in costs.confirmed(n)}
    fresh = costs.starts(names) + config.confirmation.draws * sum(map(costs.fresh_draw, config.sizes))
    assert 1 / 1.5 < fresh / CONFIRMER_S[config.name] < 1.5


@pytest.mark.parametrize(("weights_mb", "needed_mb"), [(9.6, (150, 180)), (250, (3500, 4500))])
def test_the_room_for_networks_follows_from_the_size_of_their_weights(weights_mb, needed_mb, tmp_path):
    """A run on 92 photos of three classes left 161 MB with MobileNetV2, for which 45 MB were planned; nor did larger
    backbones need more."""
    config = photos("signs", 128, [15, 21], ["a", "b", "c"])
    file = tmp_path / "weights.h5"
    with file.open("wb") as sparse:
        sparse.truncate(int(weights_mb * 1e6))
    config = changed(config, backbones={name: one.with_file(file) for name, one in config.backbones.items()})
    planned = plan_run(config, 92, 500_000, gflops=120.0, workers=2)
    assert needed_mb[0] < planned.disk_mb < needed_mb[1]


def shown(config, plan):
    console = Console(record=True, width=100)
    console.print(plan_table(config, plan, "cifar10"))
    return console.export_text()


def test_the_table_has_a_line_for_fresh_draws_and_says_at_most_of_what_is_searched():
    text = shown(QUICK, plan(QUICK))
    assert "Plan: at most 103 trainings on cifar10" in text
    lines = {line.split()[1]: line for line in text.splitlines() if line.startswith("│")}
    assert "at most 18" in lines["imagenet__mobilenet_v2"]
    assert "at most" not in lines["baseline__original"]
    assert re.sub("[ │]+", " ", lines["fresh"]).split(" ", 3)[3].strip() == "at most 11 5 40 to 55"
    grid = changed(QUICK, search="grid", fine_tune=[False])
    assert "at most" not in shown(grid, plan(grid))
    more = changed(QUICK, confirmation={"draws": 5, "most_draws": 20})
    assert "5 to 20" in shown(more, plan(more))


def test_the_plan_says_which_side_each_network_sees_and_why():
    assert sides_in_words(QUICK) == (
        "Image side that each network sees, in pixels: original 32 (its maximum), "
        "mobilenet_v2 96 (setting backbones.mobilenet_v2.image_size_px)."
    )
    own = Backbone(model="mine.keras", scale="0..1"), Backbone(family="EfficientNetB0")
    config = QUICK.model_copy(update={
        "backbones": dict(zip(("mobilenet_v2", "b0"), own, strict=True)),
        "transfers": tuple(changed(QUICK.transfers[-1], architecture=name) for name in ("mobilenet_v2", "b0")),
    })  # fmt: skip
    said = sides_in_words(config)
    assert "mobilenet_v2 as its file says, or as the images" in said
    assert "b0 224 (the size its weights were trained at)" in said


@pytest.mark.parametrize(
    ("side", "words"),
    [(28, "original 28 (as the images), mobilenet_v2 96 (setting"),
     (96, "original 32 (its maximum), mobilenet_v2 96 (as the images; setting")],
)  # fmt: skip
def test_a_network_that_sees_the_images_in_their_own_size_is_said_to(side, words):
    assert words in sides_in_words(changed(QUICK, data=changed(QUICK.data, image_shape=(side, side, 3))))


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
    assert seconds == pytest.approx((3 * trained + 3500) * forward_mflop(QUICK, "original", 0) / 60e3)
    assert training_seconds(QUICK, "original", 20, 8, False, scored=1000, gflops=50.0) == 0


def test_a_fine_tuned_cell_costs_its_twin_and_the_whole_network():
    def seconds(count, tuned, config=QUICK):
        return training_seconds(config, "original", 20, count, tuned, scored=1000, gflops=50.0, transferred=False)

    assert seconds(0, False) > seconds(4, False) > seconds(8, False) == 0
    assert seconds(8, True) - seconds(8, False) == pytest.approx(seconds(4, True) - seconds(4, False))
    # Three passes over what is trained, one over what is scored, at 1.2 times 50 GFLOPS.
    schedule = QUICK.schedule
    trained = min(20 * QUICK.augmentation.copies * schedule.epochs, schedule.max_steps * schedule.batch_size)
    assert seconds(0, False) == pytest.approx((3 * trained + 1000) * forward_mflop(QUICK, "original", 0) / 60e3)
    # A network that was trained whole, as long as it may be, is not fine-tuned.
    assert seconds(0, True) == seconds(0, False)
    unbounded = changed(QUICK, schedule={"max_steps": None})
    assert seconds(0, True, unbounded) > seconds(0, False, unbounded)


def test_a_source_takes_two_cores_where_there_are_two():
    one, two, many = (source_seconds(QUICK, "original", 60_000, 50.0, workers) for workers in (1, 2, 16))
    assert two == many
    assert two - SECONDS_PER_PROGRAM == pytest.approx(0.54 * (one - SECONDS_PER_PROGRAM))
