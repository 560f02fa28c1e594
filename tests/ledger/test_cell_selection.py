"""Choosing a cell: by val accuracy averaged over draws, never by test. Pure Python."""

import pytest

from ledger.cell_selection import Cell, best_cell, rows_by_cell


def test_the_mean_over_draws_decides_and_not_one_lucky_draw(make_row):
    rows = [
        make_row(freeze_count=4, draw=0, val_accuracy=0.95),
        make_row(freeze_count=4, draw=1, val_accuracy=0.55),
        make_row(freeze_count=6, draw=0, val_accuracy=0.80),
        make_row(freeze_count=6, draw=1, val_accuracy=0.80),
    ]
    assert best_cell(rows, 20) == Cell(20, 6, False)


def test_test_accuracy_is_not_looked_at(make_row):
    rows = [
        make_row(freeze_count=4, val_accuracy=0.7, test_accuracy=0.1),
        make_row(freeze_count=6, val_accuracy=0.6, test_accuracy=0.9),
    ]
    assert best_cell(rows, 20) == Cell(20, 4, False)


def test_only_the_asked_size_counts(make_row):
    rows = [make_row(n=20, val_accuracy=0.6), make_row(n=400, val_accuracy=0.9)]
    assert best_cell(rows, 20).n == 20


def test_a_tie_goes_to_the_cheaper_model(make_row):
    rows = [
        make_row(freeze_count=count, fine_tune=fine_tune, val_accuracy=0.7)
        for count in (4, 6)
        for fine_tune in (True, False)
    ]
    assert best_cell(rows, 20) == Cell(20, 6, False)


def test_a_tie_at_one_cut_goes_to_the_cell_that_tunes_fewest_layers(make_row):
    rows = [make_row(freeze_count=4, held_from=held, val_accuracy=0.7) for held in (0, 7, 6)]
    assert best_cell(rows, 20) == Cell(20, 4, False, 6)
    assert best_cell([*rows, make_row(freeze_count=5, val_accuracy=0.7)], 20) == Cell(20, 5, False)


def test_a_cell_is_made_of_values_that_may_lack_what_is_held():
    assert Cell.of_values({"n": 20, "freeze_count": 6, "fine_tune": 0}) == Cell(20, 6, False)
    assert (
        Cell.of_values({"n": 20, "freeze_count": 6, "fine_tune": False, "held_from": 7, "draw": 0}).layers == "[6, 7]"
    )


def test_rows_that_hold_layers_are_a_cell_of_their_own(make_row):
    groups = rows_by_cell([make_row(held_from=7), make_row(), make_row(fine_tune=True)])
    assert list(groups) == [Cell(20, 6, False), Cell(20, 6, False, 7), Cell(20, 6, True)]


def test_rows_are_grouped_by_cell_in_the_order_of_draws(make_row):
    groups = rows_by_cell([make_row(draw=1), make_row(n=10), make_row(draw=0)])
    assert [(cell.n, [row.draw for row in rows]) for cell, rows in groups.items()] == [(10, [0]), (20, [0, 1])]


def test_a_size_without_rows_is_refused(make_row):
    with pytest.raises(ValueError, match="No execution at n=50"):
        best_cell([make_row(n=20)], 50)
