"""Two runs side by side: pairs by draw, verdicts, and what can't be compared. Imports no TensorFlow."""

import csv
import json

import pytest
import yaml

from components.transfer_report.executions_table import COLUMNS
from experiment.errors import ThawError
from ledger.cell_selection import Cell
from pipeline.runs.run_comparison import (
    called,
    compare_runs,
    settings_that_differ,
    stacks_that_differ,
)
from tests.pipeline.metadata_recorder import small_settings
from thaw.tables import differences_in_words

SUMMARY = {
    "data": "CIFAR-10", "target": {"content_hash": "c", "test_ids_hash": "i", "test_labels_hash": "l"},
    "stack": {"tensorflow": "2.16.2", "onednn": True},
}  # fmt: skip
CELL = {"transfer": "cats_dogs__original", "n": 20, "freeze_count": 6, "fine_tune": "false", "held_from": 0}


@pytest.fixture
def make_run(tmp_path):
    """A function that writes the files of a run which a comparison reads."""

    def make_run(name, accuracies, cell=CELL, summary=SUMMARY, fresh=None, **settings):
        """`fresh`: (cell, accuracies by draw) for each row of confirmed.csv, which is written only if it is given."""
        folder = tmp_path / name
        folder.mkdir()
        (folder / "summary.json").write_text(json.dumps(summary))
        settings = {**small_settings(), "name": name, "seed": 1, "workspace": name, **settings}
        (folder / "config.yaml").write_text(yaml.safe_dump(settings))
        write_trainings(folder / "cells.csv", [(cell, accuracies)])
        if fresh is not None:
            write_trainings(folder / "confirmed.csv", fresh)
        return folder

    return make_run


def write_trainings(path, trained):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for cell, accuracies in trained:
            writer.writerows([{**cell, "draw": draw, "test_accuracy": value} for draw, value in accuracies.items()])


def chosen(*cells, collapsed=0):
    """A summary whose run chose these cells."""
    rows = [{**cell, "fine_tune": cell["fine_tune"] == "true", "collapsed": {"chosen": collapsed}} for cell in cells]
    return {**SUMMARY, "confirmed": rows}


def test_differences_are_paired_by_draw_and_only_common_draws_count(make_run):
    first = make_run("first", {0: 0.50, 1: 0.90, 2: 0.1})
    (change,) = compare_runs(first, make_run("second", {1: 0.92, 0: 0.54, 3: 1.0})).cells
    assert (change.first, change.second) == pytest.approx((0.70, 0.73))
    # 4 and 2 points: mean 3, deviation 1.414, Student's t of 1 degree 12.706, half an interval 12.706.
    assert (change.points.estimate, change.points.low) == pytest.approx((3.0, 3.0 - 12.706), abs=1e-3)
    assert change.verdict == "undecided" and change.points.draws == 2


@pytest.mark.parametrize(("sign", "verdict"), [(1, "gain"), (-1, "loss")])
def test_a_difference_beyond_noise_is_called(make_run, sign, verdict):
    first = make_run("first", {draw: 0.5 for draw in range(4)})
    second = make_run("second", {draw: 0.5 + sign * (0.1 + 0.001 * draw) for draw in range(4)})
    compared = compare_runs(first, second)
    assert compared.cells[0].verdict == verdict and not compared.answers
    assert list(called(compared)) == [f"Cells: {int(sign > 0)} gain, {int(sign < 0)} loss, 0 undecided."]


def test_one_common_draw_calls_nothing(make_run):
    compared = compare_runs(make_run("first", {0: 0.5}), make_run("second", {0: 0.9}))
    assert compared.cells[0].verdict == "undecided"
    [cell] = compared.as_json()["cells"]
    assert cell["points"] == {"low": None, "estimate": 40.0, "high": None, "draws": 1}


def test_draws_that_all_gain_one_image_call_nothing(make_run):
    """As floats their gains differ: (92 - 91) / 99 is not (10 - 9) / 99."""
    first = make_run("first", {0: 0.9}, fresh=[(CELL, {1000: 9 / 99, 1001: 91 / 99})])
    second = make_run("second", {0: 0.9}, fresh=[(CELL, {1000: 10 / 99, 1001: 92 / 99})])
    compared = compare_runs(first, second)
    assert [one.verdict for one in compared.cells] == ["undecided"]
    assert compared.as_json()["cells"][0]["points"]["low"] is None


FRESH = {1000 + draw: 0.5 + draw / 1000 for draw in range(5)}
BETTER = {draw: value + 0.1 + draw % 2 / 1000 for draw, value in FRESH.items()}


def test_a_cell_that_both_confirmed_is_compared_on_fresh_draws_alone(make_run):
    first = make_run("first", {0: 0.9}, fresh=[(CELL, FRESH)])
    second = make_run("second", {0: 0.1}, fresh=[(CELL, BETTER)])
    (change,) = compare_runs(first, second).cells
    assert change.fresh and change.points.draws == 5 and change.verdict == "gain"
    assert change.points.estimate == pytest.approx(10.04)  # 2 of 5 draws have 10.1 points, 3 have 10.0
    (searched,) = compare_runs(first, make_run("third", {0: 0.1}, fresh=[])).cells
    assert not searched.fresh and searched.points.estimate == pytest.approx(-80.0)


def test_what_two_runs_chose_is_compared_though_the_cells_differ(make_run):
    other = {**CELL, "transfer": "imagenet__mobilenet_v2", "freeze_count": 13, "fine_tune": "true"}
    first = make_run("first", {0: 0.9}, summary=chosen(CELL, {**CELL, "n": 50}), fresh=[(CELL, FRESH)])
    second = make_run("second", {0: 0.1}, other, summary=chosen(other), fresh=[(other, BETTER)])
    compared = compare_runs(first, second)
    (answer,) = compared.answers
    assert not compared.cells  # none is common
    assert [answer.first_cell[0], answer.second_cell[0]] == ["cats_dogs__original", "imagenet__mobilenet_v2"]
    assert answer.second_cell[1] == Cell(20, 13, True, 0) and answer.fresh and answer.verdict == "gain"
    assert list(called(compared)) == ["Best transfers: 1 gain, 0 loss, 0 undecided."]


def test_where_a_fresh_draw_of_a_chosen_cell_collapsed_nothing_is_called(make_run):
    first = make_run("first", {0: 0.9}, summary=chosen(CELL), fresh=[(CELL, FRESH)])
    second = make_run("second", {0: 0.9}, summary=chosen(CELL, collapsed=1), fresh=[(CELL, BETTER)])
    assert [one.verdict for one in compare_runs(first, second).answers] == ["undecided"]


def test_fresh_draws_that_are_missing_or_damaged_are_named(make_run):
    whole = make_run("whole", {0: 0.9}, summary=chosen(CELL), fresh=[(CELL, FRESH)])
    missing = make_run("missing", {0: 0.9}, summary=chosen(CELL))
    with pytest.raises(ThawError, match=r"missing/confirmed\.csv is missing or damaged"):
        compare_runs(whole, missing)
    damaged = make_run("damaged", {0: 0.9}, summary=chosen(CELL), fresh=[({**CELL, "n": "many"}, FRESH)])
    with pytest.raises(ThawError, match=r"damaged/confirmed\.csv .*line 2 has no int in the column n"):
        compare_runs(whole, damaged)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("seed", 2), ("target", {"classes": ["bird", "frog"]}), ("data", {"val_fraction": 0.3}),
     ("augmentation", {"mirror": False})],
)  # fmt: skip
def test_runs_whose_draws_hold_other_images_are_refused(make_run, setting, value):
    first, second = make_run("first", {0: 0.5}, **{setting: value}), make_run("second", {0: 0.5})
    with pytest.raises(ThawError, match=f"differ in .*{setting}"):
        compare_runs(first, second)


def test_where_the_images_lie_and_results_are_kept_does_not_matter(make_run):
    here = {
        "data": {"path": "/a"}, "target": {"name": "a"},
        "backbones": {"m": {"family": "MobileNetV2", "weights": "/a"}, "k": {"model": "/a"}},
    }  # fmt: skip
    there = {
        "data": {"path": "/b"}, "target": {"name": "b"},
        "backbones": {"m": {"family": "MobileNetV2", "weights": "/b"}, "k": {"model": "/b"}},
    }  # fmt: skip
    first = make_run("first", {0: 0.5}, **here, schedule={"epochs": 1})
    second = make_run("second", {0: 0.5}, **there, schedule={"epochs": 2}, workers=3, activations_gib=1)
    differing = settings_that_differ(first, second)
    assert list(differing) == ["schedule"] and [one["epochs"] for one in differing["schedule"]] == [1, 2]


def test_no_common_cell_is_an_error(make_run):
    with pytest.raises(ThawError, match="no cell and draw in common"):
        compare_runs(make_run("first", {0: 0.5}), make_run("second", {0: 0.5}, {**CELL, "n": 50}))


def test_a_folder_that_is_no_run_is_an_error(make_run, tmp_path):
    with pytest.raises(ThawError, match=r"config\.yaml is missing"):
        compare_runs(make_run("first", {0: 0.5}), tmp_path)


def test_a_real_run_is_not_compared_with_a_synthetic_one(make_run):
    second = make_run("second", {0: 0.5}, summary={**SUMMARY, "data": "SYNTHETIC shapes"})
    with pytest.raises(ThawError, match=r"first ran on CIFAR-10 and .*second on SYNTHETIC shapes"):
        compare_runs(make_run("first", {0: 0.5}), second)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"test_ids_hash": "j", "content_hash": "d"}, "the ids of the test images, images, labels or ids"),
        ({"test_labels_hash": "m", "content_hash": "d"}, "the labels of the test images, images, labels or ids"),
        ({"content_hash": "d"}, " images, labels or ids of the target"),
    ],
    ids=["another id", "another label", "another picture"],
)
def test_runs_before_and_after_a_record_was_altered_are_not_compared(make_run, change, said):
    second = make_run("second", {0: 0.5}, summary={**SUMMARY, "target": {**SUMMARY["target"], **change}})
    with pytest.raises(ThawError, match=f"name the same data, but differ in.*{said}"):
        compare_runs(make_run("first", {0: 0.5}), second)


@pytest.mark.parametrize(
    "summary", [{}, [], {"data": "CIFAR-10"}, {**SUMMARY, "target": None}, {**SUMMARY, "stack": 1}]
)
def test_a_summary_that_does_not_say_what_was_compared_is_refused(make_run, summary):
    with pytest.raises(ThawError, match=r"second/summary\.json is missing or damaged"):
        compare_runs(make_run("first", {0: 0.5}), make_run("second", {0: 0.5}, summary=summary))


def test_another_stack_is_named(make_run):
    first = make_run("first", {0: 0.5})
    other = {**SUMMARY, "stack": {"tensorflow": "2.21.0", "onednn": True}}
    found = stacks_that_differ(first, make_run("second", {0: 0.5}, summary=other))
    assert found == {"tensorflow": ("2.16.2", "2.21.0")} and stacks_that_differ(first, first) == {}
    assert list(differences_in_words({"seed": (1, 2)}, found)) == [
        "seed: 1 -> 2",
        "Trained with a different stack, which alone may change every figure: tensorflow 2.16.2 -> 2.21.0",
    ]
    assert list(differences_in_words({}, {})) == []


def test_differences_are_said_as_one_writes_settings():
    before, after = {"epochs": 30, "tuning": {"epochs": 10}}, {"epochs": 30, "tuning": None, "max_steps": 5}
    found = {"schedule": (before, after), "strict": (False, True), "sizes": ([50], [50, 100]), "search": ("a", None)}
    assert list(differences_in_words(found, {})) == [
        'schedule.tuning: {"epochs": 10} -> null',
        "schedule.max_steps: null -> 5",
        "strict: false -> true",
        "sizes: [50] -> [50, 100]",
        "search: a -> null",
    ]


def test_a_training_with_two_rows_is_damage(make_run):
    first, second = make_run("first", {0: 0.5, 1: 0.5}), make_run("second", {0: 0.5, 1: 0.6})
    lines = (second / "cells.csv").read_text().splitlines(keepends=True)
    (second / "cells.csv").write_text("".join([*lines, lines[-1].replace("0.6", "0.9")]))
    with pytest.raises(ThawError, match="lines 3 and 4 are of the same training"):
        compare_runs(first, second)


def test_a_row_of_more_fields_is_damage(make_run):
    first, second = make_run("first", {0: 0.5, 1: 0.5}), make_run("second", {0: 0.5, 1: 0.6})
    text = (second / "cells.csv").read_text().rstrip() + ",0.9\n"
    (second / "cells.csv").write_text(text)
    with pytest.raises(ThawError, match="line 3 has more fields than there are columns"):
        compare_runs(first, second)


@pytest.mark.parametrize("end", ["\u2028", "\x85", "\x0b", "\n"])
def test_the_data_s_name_may_hold_what_ends_a_line_elsewhere(make_run, end):
    named = {**CELL, "data": f"photos{end}of 2024"}
    first, second = make_run("first", {0: 0.5, 1: 0.5}, named), make_run("second", {0: 0.5, 1: 0.6}, named)
    assert len(compare_runs(first, second).cells) == 1
