"""What the comparison of recipes makes of pairs; trains nothing."""

import pytest

from benchmarks.schedules.recipes import OURS, RECIPES, Pair, Trained, summarise
from ledger.cell_selection import Cell


def pair(n, draw, points, k=8):
    report, solved = Trained(0.7, 100, 4.0), Trained(0.7 + points / 100, 100, 5.0)
    return Pair(Cell(n, k, False), draw, report, solved)


def test_a_draw_counts_once_however_many_cells_it_has():
    one = summarise([pair(20, 0, 1.0), pair(20, 1, 3.0)])["all"]
    again = summarise([pair(20, 0, 0.0), pair(100, 0, 2.0), pair(20, 1, 2.0), pair(100, 1, 4.0)])["all"]
    assert (one["points"], one["draws"]) == (again["points"], again["draws"]) == (2.0, 2)
    assert (one["low"], one["high"]) == (again["low"], again["high"])
    alone = summarise([pair(20, 0, 1.0)])["all"]
    assert alone["points"] == 1.0 and not {"low", "high"} & set(alone)


def test_what_both_took_stands_beside_the_difference():
    found = summarise([pair(20, 0, 1.0), pair(20, 1, 3.0)])["n=20"]
    assert (found["report_steps"], found["solved_steps"]) == (100, 100)
    assert (found["report_seconds"], found["solved_seconds"]) == (4.0, 5.0)
    assert found["solved_accuracy"] == pytest.approx(72.0)


def test_both_recipes_see_the_same_records_in_as_many_steps():
    report, tuning = RECIPES["report"], OURS.tuning
    assert tuning is not None and RECIPES["solved"] is OURS
    assert (tuning.epochs, tuning.max_steps, OURS.batch_size) == (report.epochs, report.max_steps, report.batch_size)
