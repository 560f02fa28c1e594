"""What to use at each n: chosen on val, told with the figures of test. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from analysis.cells.cell_summaries import summarise
from analysis.cells.grid import Grid
from analysis.findings.from_scratch import against_scratch, measured_cells
from analysis.findings.recommendation import advise, way_in_words
from ledger.cell_selection import Cell

SWEEPS = ("baseline__original", "baseline__mobilenet_v2", "cats_dogs__original", "imagenet__mobilenet_v2")


def advised(grid_of: Callable[..., Grid], accuracies: dict[str, float]) -> list:
    grid = grid_of(lambda sweep, n, k, tuned: accuracies[sweep] - 0.1 * tuned, SWEEPS, (100,), (18, 8))
    return advise(grid, summarise(grid.ledgers))


def test_the_best_on_val_is_told_with_its_lead_over_the_best_from_scratch(grid_of: Callable[..., Grid]) -> None:
    [found] = advised(grid_of, dict(zip(SWEEPS, (0.65, 0.5, 0.7, 0.9), strict=True)))
    assert found.sentence.startswith(
        "With 100 labelled images: the backbone mobilenet_v2 from imagenet, features frozen, 90.0% ["
    )
    assert ", +25.0 points [" in found.sentence
    assert found.sentence.endswith("over the original network from scratch (the best of those on val).")
    assert found.next_best == "cats_dogs__original"
    assert found.lead.estimate == pytest.approx(20, abs=1e-3)
    assert found.best.gain_points.estimate == pytest.approx(40)
    assert found.verdict == "gain"


def test_a_lead_over_its_own_baseline_is_the_gain_of_the_report(grid_of: Callable[..., Grid]) -> None:
    [found] = advised(grid_of, dict(zip(SWEEPS, (0.65, 0.5, 0.9, 0.7), strict=True)))
    assert (found.over_scratch, found.verdict) == (found.best.gain_points, found.best.verdict)
    assert found.sentence.endswith("over the original network from scratch.")


def test_where_scratch_is_best_on_val_no_transfer_is_advised(grid_of: Callable[..., Grid]) -> None:
    [found] = advised(grid_of, dict(zip(SWEEPS, (0.9, 0.5, 0.7, 0.7), strict=True)))
    assert "the original network from scratch, 90.0% [" in found.sentence
    assert found.sentence.endswith("no transfer does better on val than training from scratch.")
    assert found.over_scratch is None
    assert found.next_best in ("cats_dogs__original", "imagenet__mobilenet_v2")


def test_a_lead_that_may_be_nothing_is_told_so(grid_of: Callable[..., Grid]) -> None:
    [found] = advised(grid_of, dict(zip(SWEEPS, (0.699, 0.5, 0.7, 0.6), strict=True)))
    assert found.sentence.endswith(", undecided: the transfer may gain nothing.")


def test_advice_goes_by_the_verdict_of_the_tables(grid_of: Callable[..., Grid]) -> None:
    """Of ten cells one has an interval above 0; Benjamini-Hochberg takes it for chance."""
    sweeps = ("baseline__original", "cats_dogs__original")
    grid = grid_of(
        lambda sweep, n, k, tuned: 0.7 + 0.0175 * ("cats" in sweep and k == 8), sweeps, (100,), tuple(range(9))
    )
    summaries = summarise(grid.ledgers)
    summaries = dataclasses.replace(summaries, transfers={
        name: [dataclasses.replace(one, verdict="undecided") for one in cells]
        for name, cells in summaries.transfers.items()
    })  # fmt: skip
    [found] = advise(grid, summaries)
    assert found.over_scratch.low > 0
    assert found.sentence.endswith(", undecided: the transfer may gain nothing.")


def test_a_cell_is_compared_with_the_best_from_scratch_whatever_the_architecture(grid_of: Callable[..., Grid]) -> None:
    """MobileNetV2 beats its own baseline, and loses against the small network from scratch."""
    accuracies = dict(zip(SWEEPS, (0.91, 0.83, 0.7, 0.884), strict=True))
    grid = grid_of(lambda sweep, n, k, tuned: accuracies[sweep] - 0.1 * tuned, SWEEPS, (100,), (18, 8))
    summaries = summarise(grid.ledgers)
    measured = measured_cells(summaries)
    cell = measured["imagenet__mobilenet_v2", Cell(100, 18, False)]
    found = against_scratch(grid, measured, cell)
    assert (cell.verdict, found.verdict, found.best.sweep) == ("gain", "loss", "baseline__original")
    assert found.lead.estimate == pytest.approx(-2.5, abs=0.2)


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
    ],
)
def test_a_way_of_transferring_in_words(cell: Cell, architecture: str, most: int, words: str) -> None:
    assert way_in_words(cell, architecture, most) == words
