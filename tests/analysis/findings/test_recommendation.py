"""What to use at each n: chosen on val, told with the figures of test. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from analysis.cells.grid import Grid
from analysis.findings.recommendation import Advice, advise, way_in_words
from ledger.cell_selection import Cell
from tests.analysis.report_ledgers import confirmation_of

SWEEPS = ("baseline__original", "baseline__mobilenet_v2", "cats_dogs__original", "imagenet__mobilenet_v2")


def advised(grid_of: Callable[..., Grid], accuracies: dict[str, float]) -> Advice:
    grid = grid_of(lambda sweep, n, k, tuned: accuracies[sweep] - 0.1 * tuned, SWEEPS, (100,), (18, 8))
    [found] = advise(confirmation_of(grid.ledgers, 100))
    return found


def test_the_best_on_val_is_told_with_its_lead_over_the_best_from_scratch(grid_of: Callable[..., Grid]) -> None:
    found = advised(grid_of, dict(zip(SWEEPS, (0.65, 0.6, 0.7, 0.9), strict=True)))
    assert found.sentence.startswith(
        "With 100 labelled images: the backbone mobilenet_v2 from imagenet, features frozen, 90.0% ["
    )
    assert ", +25.0 points [" in found.sentence
    assert found.sentence.endswith("over the original network from scratch.")
    assert found.answer.summary.gain_points.estimate == pytest.approx(30)


def test_where_the_transfer_loses_the_network_from_scratch_is_advised(grid_of: Callable[..., Grid]) -> None:
    found = advised(grid_of, dict(zip(SWEEPS, (0.9, 0.6, 0.7, 0.7), strict=True)))
    assert "the original network from scratch, 90.0% [" in found.sentence
    assert ", +20.0 points [" in found.sentence
    assert found.sentence.endswith("the best transfer on val.")


def test_an_accuracy_below_the_floor_is_told_with_the_floor(grid_of: Callable[..., Grid]) -> None:
    found = advised(grid_of, dict(zip(SWEEPS, (0.51, 0.5, 0.5, 0.5), strict=True)))
    assert "floor" not in found.sentence
    assert Advice(found.answer, 0.6).sentence.endswith("; but it is below the floor of 60.0%.")
    assert "floor" not in Advice(found.answer, 0.51).sentence


def test_a_lead_that_may_be_nothing_is_told_so(grid_of: Callable[..., Grid]) -> None:
    found = advised(grid_of, dict(zip(SWEEPS, (0.699, 0.6, 0.7, 0.6), strict=True)))
    assert found.sentence.endswith(", undecided: the transfer may gain nothing.")


def test_an_undecided_network_from_scratch_is_advised_where_it_was_more_accurate(grid_of: Callable[..., Grid]) -> None:
    found = advised(grid_of, dict(zip(SWEEPS, (0.705, 0.6, 0.7, 0.6), strict=True)))
    assert found.answer.scratch.verdict == "undecided" and found.best.sweep == "baseline__original"
    assert found.sentence.startswith("With 100 labelled images: the original network from scratch, 70.5% [")
    assert found.sentence.endswith("the best transfer on val, undecided: it may be no better.")


def test_no_network_from_scratch_is_advised_for_a_lead_that_is_shown_as_0(grid_of: Callable[..., Grid]) -> None:
    found = advised(grid_of, dict(zip(SWEEPS, (0.7, 0.6, 0.7, 0.6), strict=True)))
    lead = dataclasses.replace(found.answer.scratch.lead, estimate=-0.04)
    answer = dataclasses.replace(found.answer, scratch=dataclasses.replace(found.answer.scratch, lead=lead))
    assert ", 0.0 points [" in Advice(answer).sentence
    assert Advice(answer).sentence.endswith("over the original network from scratch, undecided: the transfer may gain "
                                            "nothing.")  # fmt: skip


def test_the_lead_is_over_the_best_from_scratch_whatever_its_architecture(grid_of: Callable[..., Grid]) -> None:
    """MobileNetV2 beats its own baseline, and loses against the small network from scratch."""
    answer = advised(grid_of, dict(zip(SWEEPS, (0.91, 0.83, 0.7, 0.884), strict=True))).answer
    assert (answer.summary.verdict, answer.scratch.verdict) == ("gain", "loss")
    assert answer.scratch.best.sweep == "baseline__original"
    assert answer.scratch.lead.estimate == pytest.approx(-2.5, abs=0.2)


@pytest.mark.parametrize(
    ("cell", "architecture", "most", "words"),
    [
        (Cell(10, 8, False), "original", 8, "features frozen"),
        (Cell(10, 8, True), "original", 8, "features frozen, then fine-tuned"),
        (Cell(10, 4, False), "original", 8, "first 4 of 8 layers frozen"),
        (Cell(10, 6, True), "mobilenet_v2", 18, "first 6 of 18 parts frozen, then fine-tuned"),
        (Cell(10, 0, False), "remastered", 6, "nothing frozen"),
        (Cell(10, 3, False), "mine", 3, "features frozen"),
        (Cell(10, 2, True), "mine", 3, "first 2 of 3 parts frozen, then fine-tuned"),
        (Cell(10, 3, False, 6), "mobilenet_v2", 18, "parts 4 to 6 of 18 tuned, the rest held"),
        (Cell(10, 0, False, 1), "original", 8, "layer 1 of 8 tuned, the rest held"),
    ],
)
def test_a_way_of_transferring_in_words(cell: Cell, architecture: str, most: int, words: str) -> None:
    assert way_in_words(cell, architecture, most) == words


def test_a_network_that_may_be_at_chance_is_said_to_be(grid_of: Callable[..., Grid]) -> None:
    """With shuffled labels, 63.0% [40.5, 85.4] of two classes was advised without a warning, above the floor of 60%."""
    found = advised(grid_of, dict(zip(SWEEPS, (0.9, 0.6, 0.7, 0.7), strict=True)))
    assert "always predicting" not in found.sentence and found.chance == pytest.approx(0.5, abs=0.05)
    low = found.best.accuracy.low
    doubtful = dataclasses.replace(found, chance=low).sentence
    assert (
        f"; but its accuracy is not shown to be better than that of always predicting one class ({low:.1%})" in doubtful
    )
    below = dataclasses.replace(found, chance=low, floor=0.95).sentence
    assert "below the floor" in below and "always predicting" not in below
