"""Learning-curve measures against hand-computed values. Imports no TensorFlow."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from analysis.cells.grid import Grid
from analysis.cells.paired_ledgers import pair_ledgers
from analysis.findings.learning_curves import (
    Pace,
    compare,
    has_inner_points,
    mean_curve,
    measure_curves,
    write_measures,
)
from analysis.statistics.paired_intervals import draws_interval
from ledger.cell_selection import Cell
from ledger.rows import Header, Row

# 32 images make 96 records: 3 steps an epoch.
PACE = Pace(records_per_image=3, batch_size=32)
TRANSFER = ((0, 0.5), (3, 0.6), (12, 0.8), (90, 0.9))
BASELINE = ((0, 0.5), (3, 0.5), (12, 0.6), (90, 0.8))
Curve = tuple[tuple[int, float], ...]


@pytest.fixture
def row(row_of: Callable[..., Row]) -> Callable[..., Row]:
    def make(curve: Curve, draw: int = 0, freeze_count: int = 4, fine_tune: bool = False) -> Row:
        return row_of((32, freeze_count, fine_tune), draw, np.arange(10) < 5, None, curve)

    return make


def test_the_measures_of_one_execution(row: Callable[..., Row]) -> None:
    found = compare(row(TRANSFER), row(BASELINE), PACE)
    # Heights 0, 0.1, 0.2 at steps 0, 3, 12: area 3 x 0.05 + 9 x 0.15 = 1.5 over 12 steps.
    assert found == pytest.approx({"start": 0, "first_epoch": 10, "slope": 12.5, "epochs": 4, "end": 10})


def test_a_crossing_lies_between_two_points_of_the_curve(row: Callable[..., Row]) -> None:
    # 0.55 is half way from 0.5 at step 0 to 0.6 at step 3.
    found = compare(row(TRANSFER), row(((0, 0.5), (3, 0.5), (90, 0.55))), PACE)
    assert found["epochs"] == pytest.approx(0.5)


def test_a_transfer_that_starts_above_needs_no_epoch(row: Callable[..., Row]) -> None:
    assert compare(row(((0, 0.85), (3, 0.9), (90, 0.9))), row(BASELINE), PACE)["epochs"] == 0


def test_a_level_that_is_never_reached_is_none(row: Callable[..., Row]) -> None:
    assert compare(row(BASELINE), row(TRANSFER), PACE)["epochs"] is None


def test_curves_without_points_on_the_way_tell_start_and_end_alone(row: Callable[..., Row]) -> None:
    found = compare(row((TRANSFER[0], TRANSFER[-1])), row((BASELINE[0], BASELINE[-1])), PACE)
    assert (found["first_epoch"], found["slope"]) == (None, None)
    assert found["end"] == pytest.approx(10)


def test_a_training_shorter_than_an_epoch_has_no_first_epoch(row: Callable[..., Row]) -> None:
    found = compare(row(((0, 0.5), (1, 0.7))), row(((0, 0.5), (1, 0.6))), PACE)
    assert found["first_epoch"] is None
    assert found["slope"] == pytest.approx(5)


@pytest.mark.parametrize(("curve", "fine_tune", "expected"), [
    (TRANSFER, False, True), (TRANSFER[:2], False, False), (TRANSFER[:3], True, False), (TRANSFER, True, True),
])  # fmt: skip
def test_inner_points_are_those_that_are_no_end_of_a_phase(
    row: Callable[..., Row], curve: Curve, fine_tune: bool, expected: bool
) -> None:
    assert has_inner_points(row(curve, fine_tune=fine_tune)) == expected


def grid_of_three_draws(row: Callable[..., Row], header_of: Callable[..., Header]) -> Grid:
    """Transfers that end 9, 10 and 14 points above their baselines."""
    rows = [row((*TRANSFER[:-1], (90, end)), draw) for draw, end in enumerate((0.89, 0.90, 0.94))]
    baseline = [row(BASELINE, draw, 0) for draw in range(3)]
    names = ("cats_dogs__original", "cats_dogs"), ("baseline__original", "")
    headers = [header_of(name, source, "original", 10, "CIFAR-10") for name, source in names]
    return Grid(pair_ledgers([(headers[0], rows), (headers[1], baseline)]))


def test_intervals_are_students_over_paired_draws(row: Callable[..., Row], header_of: Callable[..., Header]) -> None:
    measures = measure_curves(grid_of_three_draws(row, header_of), PACE)
    one = measures["cats_dogs__original", Cell(32, 4, False)]
    low, high = stats.ttest_1samp([9, 10, 14], 0).confidence_interval(0.95)
    assert (one.end.low, one.end.estimate, one.end.high) == pytest.approx((low, 11, high))
    assert (one.reached, one.draws, one.trained_epochs) == (3, 3, pytest.approx(30))


def test_epochs_are_none_unless_every_draw_got_there(row: Callable[..., Row], header_of: Callable[..., Header]) -> None:
    grid = grid_of_three_draws(row, header_of)
    late = [row((*BASELINE[:-1], (90, 0.95)), 2, 0), *grid.sweeps["baseline__original"].rows[:2]]
    ledgers = [(grid.sweeps["baseline__original"].header, late),
               (grid.sweeps["cats_dogs__original"].header, grid.sweeps["cats_dogs__original"].rows)]  # fmt: skip
    one = measure_curves(Grid(pair_ledgers(ledgers)), PACE)["cats_dogs__original", Cell(32, 4, False)]
    assert one.epochs is None
    assert one.reached == 2


def test_a_mean_curve_has_the_points_that_all_draws_have(row: Callable[..., Row]) -> None:
    shorter = row((TRANSFER[0], (12, 0.6), TRANSFER[-1]), 1)
    curve = mean_curve([row(TRANSFER), shorter], PACE)
    assert [epoch for epoch, _ in curve] == pytest.approx([0, 4, 30])
    assert curve[1][1].estimate == pytest.approx(0.7)


def test_one_draw_has_no_bounds_in_the_file(
    row: Callable[..., Row], header_of: Callable[..., Header], tmp_path: Path
) -> None:
    measures = measure_curves(grid_of_three_draws(row, header_of), PACE)
    alone = [dataclasses.replace(one, end=draws_interval([11.0])[0]) for one in measures.values()]
    write_measures(tmp_path / "curves.csv", alone, "SYNTHETIC")
    with (tmp_path / "curves.csv").open() as file:
        [record] = csv.DictReader(file)
    assert (record["end"], record["end_low"], record["end_high"]) == ("11.0", "", "")


def test_the_file_has_a_line_a_cell_with_bounds(
    row: Callable[..., Row], header_of: Callable[..., Header], tmp_path: Path
) -> None:
    measures = measure_curves(grid_of_three_draws(row, header_of), PACE)
    nothing = [dataclasses.replace(one, slope=None) for one in measures.values()]
    write_measures(tmp_path / "curves.csv", nothing, "SYNTHETIC")
    with (tmp_path / "curves.csv").open() as file:
        [record] = csv.DictReader(file)
    assert (record["transfer"], record["n"], record["fine_tune"]) == ("cats_dogs__original", "32", "false")
    assert record["data"] == "SYNTHETIC"
    assert float(record["end"]) == pytest.approx(11)
    assert (record["slope"], record["slope_low"]) == ("", "")
