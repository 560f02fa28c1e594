"""Curves of a run beyond its sizes: their data, their answers, and the reasons for none. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from analysis.cells.grid import Grid
from analysis.cells.paired_ledgers import pair_ledgers
from analysis.findings.labels_ahead import (
    FROM_SCRATCH,
    LabelsAhead,
    labels_ahead,
    labels_ahead_json,
    wishing,
)
from tests.analysis.report_ledgers import confirmation_of

WINNER = "cats_dogs__original"
RISING = {20: (0.75, 0.55), 50: (0.82, 0.62), 100: (0.86, 0.7), 200: (0.89, 0.77)}
"""By n: accuracy of the transfer and from scratch."""


def ahead(
    grid_of: Callable[..., Grid], accuracies: dict[int, tuple[float, float]], n: int | None = None, **change: Any
):
    def accuracy(sweep: str, size: int, _count: int, _tuned: bool) -> float:
        return accuracies[size][sweep.startswith("baseline")]

    grid = grid_of(accuracy, sizes=tuple(accuracies), counts=(8,))
    if change:
        grid = Grid(pair_ledgers(
            (dataclasses.replace(sweep.header, **change.get("header", {})),
             [dataclasses.replace(row, **change["row"](row)) if "row" in change else row for row in sweep.rows])
            for sweep in grid.sweeps.values()
        ))  # fmt: skip
    n = max(accuracies) if n is None else n
    return labels_ahead(grid, confirmation_of(grid.ledgers, n), n, WINNER)


@pytest.fixture
def rising(grid_of: Callable[..., Grid]) -> LabelsAhead:
    return ahead(grid_of, RISING)


def test_each_transfer_and_the_best_from_scratch_get_a_curve_of_their_fresh_draws(rising):
    assert [one.curve.name for one in rising.curves] == [WINNER, FROM_SCRATCH]
    for place, one in enumerate(rising.curves):
        assert [point.n for point in one.curve.points] == list(RISING)
        assert [point.mean for point in one.curve.points] == pytest.approx([both[place] for both in RISING.values()])
        assert all(point.fresh and len(point.accuracies) == 6 for point in one.curve.points)
        assert one.silent is None and one.curve.from_scratch == (one.curve.name == FROM_SCRATCH)


def test_more_images_are_answered_at_2_5_and_20_times_the_users(rising):
    content = labels_ahead_json(rising)
    for one in content["curves"]:
        assert [(place["times"], place["n"]) for place in one["ahead"]] == [(2, 400), (5, 1000), (20, 4000)]
        for place in one["ahead"]:
            assert 0.5 <= place["low"] <= place["expected"] <= place["high"] <= 1
        assert one["ahead"][0]["expected"] > one["points"][-1]["accuracy"] - 0.02
    json.dumps(content, allow_nan=False)


def test_a_wish_of_another_accuracy_is_answered_from_what_was_written(rising):
    content = json.loads(json.dumps(labels_ahead_json(rising)))
    for one, fitted in zip(content["curves"], labels_ahead_json(rising, 0.9)["curves"], strict=True):
        for wished, images in ((0.9, fitted["images"]), (0.95, one["images"])):
            assert wishing(one, wished) == images
    at = one["expected"][len(one["expected"]) // 2]  # as it was rounded: the curve itself may be a millionth below
    found = json.loads(json.dumps(labels_ahead_json(rising, at)))["curves"][-1]
    assert found["images"] == wishing(one, at)


def test_curves_that_are_alike_have_met_and_a_wide_lead_is_said_to_stay(grid_of):
    alike = ahead(grid_of, {n: (high, high) for n, (high, _) in RISING.items()})
    assert alike.met is not None and alike.met.low == alike.n
    apart = ahead(
        grid_of,
        {n: (0.97, low) for n, (_, low) in zip(RISING, [(0, 0.6), (0, 0.61), (0, 0.62), (0, 0.63)], strict=True)},
    )
    assert apart.met is not None and apart.met.low is None


@pytest.mark.parametrize("sizes", [(20,), (20, 200)])
def test_one_size_and_two_sizes_get_a_sentence_and_no_number(grid_of, sizes):
    found = ahead(grid_of, {n: RISING[n] for n in sizes})
    content = labels_ahead_json(found)
    assert found.met is None and content["met"] is None
    for one in content["curves"]:
        assert "a curve needs 3 sizes or more" in one["silent"]
        assert not {"ahead", "images", "expected"} & one.keys()
        assert wishing(one, 0.9) is None


def test_a_curve_that_falls_gets_a_sentence(grid_of):
    falling = {**RISING, 200: (0.6, 0.77)}
    transfer, scratch = ahead(grid_of, falling).curves
    assert "Accuracy falls from 86.0% at n = 100 to 60.0% at n = 200" in transfer.silent
    assert scratch.silent is None


def test_sizes_whose_trainings_collapsed_are_left_out_and_named(grid_of):
    def collapsed(row):
        return {"val_accuracy": 0.5, "train_accuracy": 0.5} if row.n >= 100 else {}

    for one in ahead(grid_of, RISING, row=collapsed).curves:
        assert one.curve.collapsed == (100, 200)
        assert "at n = 100, n = 200 every training collapsed" in one.silent


def test_a_size_to_deploy_beyond_the_curve_gets_no_forecast(grid_of):
    """Every training collapsed at n = 2,000, 20 times the largest size that is left."""
    found = ahead(grid_of, {**{n: RISING[n] for n in (20, 50, 100)}, 2000: (0.95, 0.9)},
                  row=lambda row: {"train_accuracy": 0.5} if row.n == 2000 else {})  # fmt: skip
    assert found.n == 2000 and found.met is None
    for one in labels_ahead_json(found)["curves"]:
        assert one["silent"] is None and [place["expected"] for place in one["ahead"]] == [None] * 3


def test_a_network_from_scratch_that_was_not_trained_to_the_end_gets_a_sentence_and_no_curve(grid_of):
    """Bounded steps, not images, limited it: the curve of 3,000 images of 100 classes stayed at 21% for ever."""
    found = ahead(grid_of, RISING, row=lambda row: {"train_accuracy": 0.7 if row.n == 200 else 1.0})
    scratch = found.named(FROM_SCRATCH)
    assert scratch.band is None and scratch.silent.startswith("At n = 200 the network does not fit its training images")
    assert found.named(WINNER).band is not None and found.met is None


def test_test_images_of_one_class_get_a_sentence(grid_of):
    for one in ahead(grid_of, RISING, header={"test_labels": (0,) * 400}).curves:
        assert "of one class" in one.silent


def test_a_transfer_without_fresh_draws_rests_on_the_searchs_and_says_so(grid_of):
    def accuracy(sweep: str, size: int, _count: int, _tuned: bool) -> float:
        return RISING[size][sweep.startswith("baseline")] - 0.05 * sweep.startswith("ships")

    names = ("baseline__original", WINNER, "ships_planes__original")
    grid = grid_of(accuracy, names, sizes=tuple(RISING), counts=(8,))
    confirmation = confirmation_of(grid.ledgers, 200, every_transfer=False)
    kept = [s for s in confirmation.ledgers.transfers.values() if s.header.sweep == WINNER]
    baselines = confirmation.ledgers.baselines.values()
    fewer = pair_ledgers((sweep.header, sweep.rows) for sweep in (*kept, *baselines))
    found = labels_ahead(grid, dataclasses.replace(confirmation, ledgers=fewer), 200, WINNER)
    fresh = {one.curve.name: {point.fresh for point in one.curve.points} for one in found.curves}
    assert fresh == {WINNER: {True}, "ships_planes__original": {False}, FROM_SCRATCH: {True}}
