"""Units of executions: their composition, order and assignment. Trains nothing."""

from ledger.cell_selection import Cell
from trainer_module.sweep.units import Unit, best_fit, group_units


def test_units_hold_twins_together_and_the_longest_come_first():
    executions = [(Cell(n, k, t), d) for n in (10, 20) for k in (6, 8) for t in (True, False) for d in (0, 1)]
    units = group_units(executions)
    assert [(u.freeze_count, u.cells[0].n, u.draw) for u in units[:3]] == [(6, 20, 0), (6, 20, 1), (6, 10, 0)]
    assert all([cell.fine_tune for cell in unit.cells] == [False, True] for unit in units)
    assert sum(len(unit.cells) for unit in units) == len(executions)


def test_cells_that_hold_layers_share_no_phase_1_and_stand_together():
    cells = [Cell(n, 6, False, held) for n in (10, 20) for held in (0, 7, 8)]
    units = group_units([(cell, 0) for cell in cells])
    assert [(unit.cells[0].held_from, unit.cells[0].n) for unit in units] == [
        (0, 20), (0, 10), (7, 20), (7, 10), (8, 20), (8, 10),
    ]  # fmt: skip


def test_a_worker_stays_with_its_freeze_count_and_else_takes_one_that_no_other_has():
    units = [Unit((Cell(10, k, False),), 0) for k in (6, 6, 8)]
    assert best_fit(units, warm=8, elsewhere={6}).freeze_count == 8
    assert best_fit(units, warm=None, elsewhere={6}).freeze_count == 8
    assert best_fit(units[:2], warm=8, elsewhere={6}).freeze_count == 6


def test_what_is_left_of_a_unit_keeps_its_order_and_is_nothing_once_all_has_ended():
    plain, tuned = Cell(10, 6, False), Cell(10, 6, True)
    unit = Unit((plain, tuned), 3)
    assert unit.executions == [(plain, 3), (tuned, 3)]
    assert unit.without({(plain, 2)}) == unit
    assert unit.without({(plain, 3)}) == Unit((tuned,), 3)
    assert unit.without(set(unit.executions)) is None
