"""Cells found, chosen and compared across sweeps. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from analysis.cells.cell_summaries import summarise
from analysis.cells.grid import Grid, averaged, combined
from analysis.cells.paired_ledgers import pair_ledgers
from analysis.statistics.paired_intervals import paired_gain_interval
from experiment.errors import ThawError
from ledger.cell_selection import Cell
from ledger.rows import Header, Row

Ledger = tuple[Header, list[Row]]
PLACE = ("cats_dogs__original", Cell(100, 4, True))


@pytest.fixture(scope="module")
def quick(quick_ledgers: list[Ledger]) -> Grid:
    return Grid(pair_ledgers(quick_ledgers))


def test_a_gain_is_the_cell_less_the_baseline_of_its_n_and_fine_tune(quick: Grid) -> None:
    baseline = ("baseline__original", Cell(100, 0, True))
    assert quick.gain(PLACE) == {PLACE: 1.0, baseline: -1.0}
    rows, reference = quick.sweeps[PLACE[0]].cells[PLACE[1]], quick.sweeps[baseline[0]].cells[baseline[1]]
    sweep = quick.sweeps[PLACE[0]]
    expected = paired_gain_interval(sweep.correct(rows), sweep.correct(reference))
    found = quick.difference(quick.gain(PLACE))
    assert found[0].low == pytest.approx(expected[0].low)
    assert found[1] == pytest.approx(expected[1])


def test_a_lead_over_the_baseline_is_the_gain_of_the_report(quick: Grid) -> None:
    # With fine-tuning off alone every like cell has the same baseline, as in summarise.
    ledgers = [(sweep.header, [row for row in sweep.rows if not row.fine_tune]) for sweep in quick.sweeps.values()]
    grid = Grid(pair_ledgers(ledgers))
    for summary in summarise(grid.ledgers).transfers[PLACE[0]]:
        place = (PLACE[0], summary.cell)
        gain, p_value = grid.difference(grid.gain(place))
        assert (gain.low, gain.high) == pytest.approx((summary.gain_points.low, summary.gain_points.high), abs=1e-3)
        assert p_value == pytest.approx(summary.p_value, rel=1e-3)


def test_chosen_cells_are_the_best_on_val(quick: Grid) -> None:
    for transfer, by_size in quick.chosen.transfers.items():
        for n, cell in by_size.items():
            rivals = [one for one in quick.sweeps[transfer].cells if one.n == n]
            assert quick.val((transfer, cell)) == max(quick.val((transfer, rival)) for rival in rivals)


def test_only_draws_that_all_cells_share_are_compared(quick_ledgers: list[Ledger]) -> None:
    (header, baseline), (other, rows) = quick_ledgers[:2]
    extra = [dataclasses.replace(row, draw=7, key=f"{row.key}x") for row in baseline if row.draw == 0]
    grid = Grid(pair_ledgers([(header, baseline + extra), (other, rows)]))
    place = (other.sweep, Cell(20, 4, False))
    assert grid.common_draws(grid.gain(place)) == [0, 1]
    assert grid.values(grid.gain(place)).shape == (2, 500)


def test_cells_that_share_no_draw_are_not_compared(quick_ledgers: list[Ledger]) -> None:
    (header, baseline), (other, rows), (last, more) = quick_ledgers
    apart = [dataclasses.replace(row, draw=row.draw + 5) for row in more]
    base = baseline + [dataclasses.replace(row, draw=row.draw + 5, key=f"{row.key}x") for row in baseline]
    grid = Grid(pair_ledgers([(header, base), (other, rows), (last, apart)]))
    with pytest.raises(ThawError, match="share no draw"):
        grid.values({(other.sweep, Cell(20, 4, False)): 1.0, (last.sweep, Cell(20, 4, False)): -1.0})


def test_sweeps_tested_on_different_images_are_refused(quick_ledgers: list[Ledger]) -> None:
    header, rows = quick_ledgers[0]
    other = dataclasses.replace(header, sweep="baseline__remastered", architecture="remastered", test_ids_hash="e" * 32)
    with pytest.raises(ThawError, match="2 different sets of test images"):
        Grid(pair_ledgers([*quick_ledgers, (other, rows)]))


def test_terms_add_up_and_cancel() -> None:
    a, b = ("a", Cell(10, 0, False)), ("b", Cell(10, 0, False))
    assert averaged([{a: 1.0, b: -1.0}, {a: 1.0}]) == {a: 1.0, b: -0.5}
    assert combined([(1.0, {a: 1.0, b: -1.0}), (-1.0, {a: 1.0})]) == {b: -1.0}
    with pytest.raises(ValueError, match="at least one cell to average"):
        averaged([])


def test_val_of_a_difference_is_in_points(header_of: Callable[..., Header], row_of: Callable[..., Row]) -> None:
    right = np.arange(10) < 5
    ledgers = [
        (header_of("baseline__original", "", "original", 10, "CIFAR-10"), [row_of((10, 0, False), 0, right, 0.5)]),
        (header_of("cats_dogs__original", "cats_dogs", "original", 10, "CIFAR-10"),
         [row_of((10, 4, False), 0, right, 0.75)]),
    ]  # fmt: skip
    grid = Grid(pair_ledgers(ledgers))
    assert grid.val_of(grid.gain(("cats_dogs__original", Cell(10, 4, False)))) == pytest.approx(25)
