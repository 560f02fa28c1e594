"""The closing table as it is printed. Imports no TensorFlow."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from components.transfer_report.page.closing_table import budget_notes, closing_table, kept_models


def silent_labels(winner: str) -> dict[str, Any]:
    """Curves without a forecast."""
    silent = {"points": [], "collapsed": [], "silent": "It was measured at no size."}
    names = ("all_but_target__remastered", "cats_dogs__original", "from scratch")
    curves = [{"name": name, **silent} for name in names]
    return {"n": 2000, "level": 0.9, "wished_accuracy": 0.95, "winner": winner, "met": None, "curves": curves}


def summary(**changes: Any) -> dict[str, Any]:
    row = {
        "transfer": "all_but_target__remastered",
        "source": "all_but_target",
        "architecture": "remastered",
        "baseline_architecture": "remastered",
        "n": 2000,
        "freeze_count": 4,
        "fine_tune": True,
        "draws": 2,
        "accuracy": 0.912,
        "accuracy_interval": [0.856, 0.968],
        "baseline_accuracy": 0.626,
        "baseline_interval": [0.55, 0.702],
        "gain_points": 28.6,
        "gain_interval_points": [17.7, 39.5],
        "from_scratch": {
            "sweep": "baseline__original",
            "architecture": "original",
            "val_accuracy": 0.7,
            "accuracy": 0.701,
            "accuracy_interval": [0.65, 0.752],
            "lead_points": 21.1,
            "lead_interval_points": [12.2, 30.0],
            "verdict": "gain",
        },
        "verdict": "gain",
        "blessed": True,
        "reasons": [],
    }
    refused = {
        **row,
        "transfer": "cats_dogs__original",
        "source": "cats_dogs",
        "architecture": "original",
        "baseline_architecture": "original",
        "verdict": "undecided",
        "gain_points": 3.1,
        "gain_interval_points": [-0.4, 6.6],
        "blessed": False,
        "reasons": ["the gain of +3.1 points [-0.4, +6.6] may be nothing: its lower bound is not above 0"],
    }
    whole = {
        "labels": silent_labels(changes.get("winner", row["transfer"])),
        "experiment": "quick",
        "data": "CIFAR-10",
        "synthetic": False,
        "closing_table": [row, refused],
        "winner": "all_but_target__remastered",
        "pushed": {"blessed": True, "transfer": row["transfer"], "path": None, "reason": None},
        "advice": [{"n": 2000, "sentence": "With 2,000 labelled images: the remastered network."}],
        "left_out": {},
        "collapsed": [],
        "diverged": [],
        "worse_on_val": [],
    }
    return {**whole, **changes}


def printed(content: dict[str, Any], width: int) -> str:
    text = io.StringIO()
    Console(file=text, width=width, color_system=None).print(closing_table(content))
    return text.getvalue()


@pytest.mark.parametrize("width", [80, 60, 40])
@pytest.mark.parametrize("source", ["all_but_target", "my-holiday-photos"])
def test_no_name_figure_or_verdict_is_cut_however_narrow_the_terminal(width: int, source: str) -> None:
    whole = summary()
    name = f"{source}__mobilenet_v2"
    refused = {**whole["closing_table"][1], "transfer": name, "source": source, "architecture": "mobilenet_v2"}
    text = printed({**whole, "closing_table": [whole["closing_table"][0], refused]}, width)
    lines = [line.strip() for line in text.splitlines()]
    assert max(len(line) for line in text.splitlines()) <= width
    for figure in ("91.2", "85.6-96.8", "62.6", "55.0-70.2", "+28.6", "+17.7, +39.5", "gain,", "undecided,", "2000"):
        assert figure in text, figure
    if width < 80 or name in lines:  # the longer name leaves no room for a table of 80 columns
        assert lines.count(name) == 1 and "verdict, blessed: undecided, no" in lines
        assert "gain points: +3.1 -0.4, +6.6" in lines
    else:
        assert any(line.startswith(f"{source} ") for line in lines)
        assert any(line.startswith("mobilenet_v2 ") for line in lines)
    assert "…" not in text


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_cut_or_folded_within_a_word(width: int) -> None:
    text = printed(summary(), width)
    assert max(len(line) for line in text.splitlines()) <= width
    for whole in (
        "all_but_target ",
        "remastered",
        "85.6-96.8",
        "55.0-70.2",
        "+17.7, +39.5",
        "undecided",
        "2000",
    ):
        assert whole in text
    assert "…" not in text


def test_the_reason_against_a_transfer_stands_below() -> None:
    text = " ".join(printed(summary(), 80).split())
    assert "cats_dogs__original is not blessed: the gain of +3.1 points [-0.4, +6.6] may be nothing" in text
    assert "Best on val: all_but_target__remastered, blessed." in text


def test_the_lead_over_the_best_network_from_scratch_stands_below_where_that_is_not_the_baseline() -> None:
    text = " ".join(printed(summary(), 80).split())
    assert "cats_dogs__original against the best" not in text
    assert ("all_but_target__remastered against the best network from scratch on val, baseline__original (70.1%): "
            "+21.1 points [+12.2, +30.0].") in text  # fmt: skip


def test_a_winner_that_is_not_blessed_pushes_nothing() -> None:
    pushed = {"blessed": False, "transfer": None, "path": None, "reason": "no"}
    text = printed(summary(winner="cats_dogs__original", pushed=pushed), 120)
    assert "Best on val: cats_dogs__original, not blessed, so nothing is pushed." in text


def test_where_no_model_is_pushed_the_trained_ones_are_named() -> None:
    models = {"baseline__original": "/w/artifacts/Trainer.baseline.original/model/14/Format-Serving"}
    pushed = {"blessed": False, "transfer": None, "path": None, "reason": "no"}
    named = [f"baseline__original is trained and can be served: {models['baseline__original']}"]
    assert kept_models(summary(pushed=pushed, trained_models=models)) == named
    assert kept_models(summary(trained_models=models)) == kept_models(summary(pushed=pushed)) == []


def test_the_place_of_a_pushed_model_is_named_and_the_trained_ones_are_not() -> None:
    pushed = {"blessed": True, "transfer": "a__original", "path": "/w/pushed/1764480000", "reason": None}
    models = {"a__original": "/w/artifacts/Trainer.transfer.a__original/model/14/Format-Serving"}
    named = ["a__original is pushed and can be served: /w/pushed/1764480000"]
    assert kept_models(summary(pushed=pushed, trained_models=models)) == named


def test_transfers_left_out_are_named_with_the_reason() -> None:
    left_out = {"imagenet__mobilenet_v2": "ImageNet weights were not found."}
    assert "imagenet__mobilenet_v2 was left out: ImageNet weights" in printed(summary(left_out=left_out), 120)


def test_trainings_that_diverged_are_counted_by_how_they_ended() -> None:
    outcomes = [{"outcome": outcome} for outcome in ("diverged", "retried", "diverged")]
    text = " ".join(printed(summary(diverged=outcomes), 120).split())
    assert "1 training diverged; repeated at a quarter of the learning rate, it did not" in text
    assert "2 trainings diverged, and again at a quarter of the learning rate" in text
    assert "diverged" not in printed(summary(), 120)


def test_trainings_that_ended_below_their_start_on_val_are_counted() -> None:
    outcomes = [{"outcome": outcome} for outcome in ("kept", "trained", "kept")]
    text = " ".join(printed(summary(worse_on_val=outcomes), 120).split())
    assert "In 2 trainings, tuning did not raise the accuracy on val, so the network before tuning was kept" in text
    assert "1 training ended with a lower accuracy on val than before training" in text
    assert "accuracy on val" not in printed(summary(), 120)


def test_the_title_carries_synthetic_only_where_it_must() -> None:
    assert "SYNTHETIC" not in printed(summary(), 120)
    title = printed(summary(synthetic=True, data="SYNTHETIC shapes"), 120).splitlines()[0]
    assert "SYNTHETIC images:" in title


def test_the_title_names_the_data_only_where_its_name_is_not_the_experiments() -> None:
    assert printed(summary(experiment="birds", data="CIFAR-10"), 120).splitlines()[0].strip() == (
        "Experiment birds on CIFAR-10"
    )
    assert printed(summary(experiment="birds", data="birds"), 120).splitlines()[0].strip() == "Experiment birds"


def test_what_to_use_at_each_n_stands_below() -> None:
    assert "With 2,000 labelled images: the remastered network." in printed(summary(), 120)


def test_what_there_was_no_time_for_is_said_and_nothing_where_all_was_trained() -> None:
    assert budget_notes(summary()) == []
    missing = {"baseline__original": 2, "cats_dogs__original": 5}
    found = budget_notes(summary(not_trained=missing, planned_trainings=60, not_confirmed=[20, 50], budget_minutes=9))
    assert found[0].startswith("Unfinished: 7 of the search's 60 trainings were not made (2 of baseline__original")
    assert "n = 20, n = 50 have no fresh draws yet, so the report has no answer there" in found[1]
    assert "continues from here" in found[2]


def test_a_size_with_fewer_fresh_draws_than_asked_for_is_named() -> None:
    rows = [{"n": 20, "draws": 5}, {"n": 1_000, "draws": 2}]
    draws, more = budget_notes(summary(confirmed=rows, fresh_draws=5))
    assert draws.startswith("Unfinished: n = 1,000 has 2 of 5 fresh draws.")
    assert "continues from here" in more
    assert budget_notes(summary(confirmed=rows, fresh_draws=2)) == []


def test_a_search_says_how_much_of_the_grid_it_trained() -> None:
    [found] = budget_notes(summary(search="bayesian", not_trained={"cats_dogs__original": 40}, planned_trainings=60))
    assert found.startswith(
        "The search made 20 of the grid's 60 trainings and left out those that it expected no gain from."
    )
    both = budget_notes(summary(search="bayesian", not_trained={"a": 40}, planned_trainings=60, budget_minutes=9))
    assert "expected no gain from, or had no time for." in both[0] and "continues from here" in both[1]
