"""In which order a sweep with a deadline trains, and what it keeps. Trains nothing."""

import itertools

import pytest

from ledger.cell_selection import Cell
from trainer_module.sweep.record import plan_sweep
from trainer_module.sweep.rounds import complete_cells, rounds


@pytest.fixture
def transfer(baseline_job):
    changes = {"role": "transfer", "freeze_counts": (0, 6, 3), "sizes": (8, 16)}
    return baseline_job.settings.model_copy(update=changes)


def test_one_cell_at_every_n_comes_first_then_the_most_frozen(transfer):
    found = rounds(transfer)
    assert {cell for cell, _ in found[0]} == {Cell(8, 6, False), Cell(16, 6, False)}
    assert [{(cell.freeze_count, cell.fine_tune) for cell, _ in one} for one in found[1:]] == [
        {(6, True)}, {(3, False), (3, True)}, {(0, False), (0, True)},
    ]  # fmt: skip
    assert all({draw for _, draw in one} == {0, 1} for one in found)
    assert sorted(itertools.chain(*found)) == sorted(plan_sweep(transfer))


def test_parts_tuned_with_the_rest_held_are_not_in_the_first_round(transfer):
    found = rounds(transfer.model_copy(update={"tuned": ((6, 7),)}))
    assert {cell for cell, _ in found[0]} == {Cell(8, 6, False), Cell(16, 6, False)}
    assert Cell(8, 6, False, 7) in {cell for cell, _ in found[1]}


def test_fine_tuned_cells_alone_are_the_first_round_where_there_are_no_others(transfer):
    found = rounds(transfer.model_copy(update={"fine_tune": (True,)}))
    assert [{cell.freeze_count for cell, _ in one} for one in found] == [{6}, {3}, {0}]


def test_all_of_a_baseline_is_trained_for_any_of_it_may_be_asked_for(baseline_job):
    assert rounds(baseline_job.settings) == [plan_sweep(baseline_job.settings)]


def test_a_cell_that_lacks_a_draw_is_not_kept(transfer):
    plan = plan_sweep(transfer)
    lacking = Cell(16, 3, True)
    kept = complete_cells(plan, lambda cell, draw: (cell, draw) != (lacking, 1))
    assert kept == [execution for execution in plan if execution[0] != lacking]
