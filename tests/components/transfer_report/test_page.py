"""The page's answer in words; the page as a whole is read in test_report. Imports no TensorFlow."""

from __future__ import annotations

from typing import Any

import pytest

from components.transfer_report.page import evidence, headline, how

CELL = {
    "transfer": "a__original", "architecture": "original", "n": 100, "freeze_count": 4, "fine_tune": True,
    "draws": 2, "accuracy": 0.9, "accuracy_interval": [0.85, 0.95], "baseline_accuracy": 0.8,
    "baseline_interval": [0.7, 0.9], "gain_points": 10.0, "gain_interval_points": [4.0, 16.0],
    "val_accuracy": 0.91, "blessed": True,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "The gain is +10.0 points [+4.0, +16.0]."),
        ({"gain_interval_points": [-1.0, 21.0]}, "is undecided: its interval holds 0."),
        ({"gain_points": -9.0, "gain_interval_points": [-12.0, -6.0]}, "The loss is -9.0 points"),
        ({"draws": 1}, "rests on one draw, so it is undecided."),
    ],
)
def test_the_answer_calls_a_gain_only_when_its_interval_does(change: dict[str, Any], words: str) -> None:
    assert words in " ".join(evidence({**CELL, **change}, 2))


def test_the_answer_says_what_to_use() -> None:
    summary = {"winner": "a__original", "closing_table": [CELL]}
    assert headline(summary) == "Use a__original: freeze the first 4 layers, then fine-tune all layers."


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"freeze_count": 0, "fine_tune": False}, "freeze nothing, without fine-tuning"),
        ({"freeze_count": 1}, "freeze the first layer, then fine-tune all layers"),
        ({"architecture": "mobilenet_v2"}, "freeze the first 4 blocks, then fine-tune all layers"),
    ],
)
def test_a_cell_is_told_in_words(change: dict[str, Any], words: str) -> None:
    assert how({**CELL, **change}) == words
