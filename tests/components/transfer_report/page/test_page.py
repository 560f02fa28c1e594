"""The page's answer in words; the page as a whole is read in test_report. Imports no TensorFlow."""

from __future__ import annotations

from typing import Any

import pytest

from components.transfer_report.page.answer import certainty, evidence, headline, how

CELL = {
    "transfer": "a__original", "source": "a", "architecture": "original", "baseline_architecture": "original",
    "n": 100, "freeze_count": 4, "fine_tune": True,
    "draws": 2, "accuracy": 0.9, "accuracy_interval": [0.85, 0.95], "baseline_accuracy": 0.8,
    "baseline_interval": [0.7, 0.9], "gain_points": 10.0, "gain_interval_points": [4.0, 16.0],
    "val_accuracy": 0.91, "verdict": "gain", "blessed": True,
    "from_scratch": {
        "sweep": "baseline__original", "architecture": "original", "accuracy": 0.8, "accuracy_interval": [0.7, 0.9],
        "lead_points": 10.0, "lead_interval_points": [4.0, 16.0], "verdict": "gain",
    },
}  # fmt: skip


def summary_of(row: dict[str, Any], floor: float = 0.6) -> dict[str, Any]:
    images = [10, 10]
    return {"winner": row["transfer"], "closing_table": [row], "blessing": {"min_accuracy": floor},
            "test_images_of_classes": images}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "The gain is +10.0 points [+4.0, +16.0]."),
        ({"gain_interval_points": [-1.0, 21.0], "verdict": "undecided"}, "is undecided: its interval includes 0."),
        (
            {"verdict": "undecided"},
            "is undecided: it is not significant after correction for the comparisons of this report.",
        ),
        ({"gain_points": -9.0, "gain_interval_points": [-12.0, -6.0], "verdict": "loss"}, "The loss is -9.0 points"),
        ({"draws": 1}, "rests on one draw, so it is undecided."),
    ],
)
def test_the_answer_calls_a_gain_only_where_the_verdict_does(change: dict[str, Any], words: str) -> None:
    assert words in " ".join(certainty({**CELL, **change}))


def test_the_answer_says_what_to_use() -> None:
    summary = {"winner": "a__original", "closing_table": [CELL]}
    assert headline(summary) == (
        "Use the original network, transferred from a: it gets 90.0% of the test images right, 10.0 points more than "
        "the best network trained from scratch."
    )
    assert "is the best of 2 transfers on val (" in " ".join(evidence(CELL, 2))
    assert "There was no other transfer to choose" in " ".join(evidence(CELL, 1))
    assert "(freeze the first 4 layers, then fine-tune all layers)" in " ".join(evidence(CELL, 2))


def test_a_better_network_from_scratch_is_named_in_the_answer() -> None:
    better = {**CELL["from_scratch"], "architecture": "remastered", "accuracy": 0.926, "lead_points": -2.6,
              "lead_interval_points": [-4.0, -1.2], "verdict": "loss"}  # fmt: skip
    row = {**CELL, "from_scratch": better, "blessed": False}
    assert headline(summary_of(row)) == (
        "Do not transfer: the remastered network trained from scratch is better than a__original, the best transfer on "
        "val."
    )
    found = " ".join(certainty(row))
    assert "The best network from scratch on val is the remastered network with 92.6%" in found
    assert "The transfer's lead over it is -2.6 points [-4.0, -1.2]." in found
    assert "best network from scratch" not in " ".join(certainty(CELL))


def test_a_network_from_scratch_that_was_more_accurate_is_the_answer_though_undecided() -> None:
    close = {**CELL["from_scratch"], "architecture": "remastered", "lead_points": -0.4,
             "lead_interval_points": [-1.5, 0.7], "verdict": "undecided"}  # fmt: skip
    row = {**CELL, "from_scratch": close, "blessed": False}
    assert headline(summary_of(row)) == (
        "Train the remastered network from scratch: it gets 0.4 points more of the test images right than a__original, "
        "the best transfer on val, but the difference is undecided."
    )


def test_an_undecided_difference_is_the_answer_unless_the_floor_is_missed() -> None:
    close = {**CELL["from_scratch"], "architecture": "remastered", "accuracy": 0.926, "lead_points": -0.04,
             "lead_interval_points": [-1.5, 1.4], "verdict": "undecided"}  # fmt: skip
    row = {**CELL, "accuracy": 0.926, "from_scratch": close, "blessed": False}
    assert headline(summary_of(row)) == (
        "Undecided: the original network, transferred from a, gets 92.6% of the test images right, the remastered "
        "network from scratch 92.6%; the difference may be chance."
    )
    assert headline(summary_of(row, floor=0.95)).startswith("Do not deploy a transfer yet: ")


@pytest.mark.parametrize("verdict", ["undecided", "loss"])
def test_no_network_from_scratch_is_the_answer_if_none_reaches_the_floor(verdict: str) -> None:
    """With labels that can't be learned, the network that is better by chance is not advised."""
    scratch = {**CELL["from_scratch"], "accuracy": 0.512, "lead_points": -1.2, "verdict": verdict}
    row = {**CELL, "accuracy": 0.5, "from_scratch": scratch, "blessed": False}
    assert headline(summary_of(row)) == (
        "Deploy none of these networks: neither a__original, the best transfer on val, nor the original network from "
        "scratch gets more than 51.2% of the test images right, and the floor (blessing.min_accuracy) is 60.0%."
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"freeze_count": 0, "fine_tune": False}, "freeze nothing, without fine-tuning"),
        ({"freeze_count": 1}, "freeze the first layer, then fine-tune all layers"),
        ({"architecture": "mobilenet_v2"}, "freeze the first 4 parts, then fine-tune all layers"),
        ({"held_from": 6, "fine_tune": False}, "tune layers 5 to 6 and the head, hold the rest"),
    ],
)
def test_a_cell_is_told_in_words(change: dict[str, Any], words: str) -> None:
    assert how({**CELL, **change}) == words


def test_balanced_accuracy_is_named_where_classes_differ_in_their_test_images():
    row = {**CELL, "balanced_accuracy": 0.712}
    assert "Classes have 10 to 90 test images" in " ".join(evidence(row, 2, [90, 10]))
    assert "(balanced accuracy), a__original reaches 71.2%" in " ".join(evidence(row, 2, [90, 10]))
    assert "balanced" not in " ".join(evidence(row, 2, [50, 50]))


@pytest.mark.parametrize(("lead", "verdict"), [(-16.7, "undecided"), (-16.7, "loss"), (1.0, "undecided")])
def test_advice_that_may_rest_on_chance_says_so(lead: float, verdict: str) -> None:
    """With shuffled labels the page advised to train from scratch, with 63.0% [40.5, 85.4] of two classes."""
    wide, sure = [0.405, 0.854], [0.58, 0.68]
    for interval in (wide, sure):
        scratch = {**CELL["from_scratch"], "accuracy": 0.63, "accuracy_interval": interval, "lead_points": lead,
                   "verdict": verdict}  # fmt: skip
        row = {**CELL, "accuracy": 0.64, "accuracy_interval": interval, "from_scratch": scratch, "blessed": False}
        said = " Its accuracy is not shown to be better than that of always predicting one class (50.0%)."
        assert headline(summary_of(row)).endswith(said) is (interval is wide)
    assert said not in headline(summary_of(CELL))
