"""What is expected of a sweep's executions, from the machine's file."""

from __future__ import annotations

import pytest

from experiment.machine import Expected, Machine
from ledger.cell_selection import Cell
from trainer_module.sweep.expected_work import ExpectedWork, JointWork, pieces

EXPECTED = Expected(
    cells=((50, 8, False, 0, 1.0), (50, 8, True, 0, 10.0), (50, 4, False, 6, 3.0)), starts=((8, 2.0), (4, 5.0))
)
PLAIN, TUNED, HELD = Cell(50, 8, False), Cell(50, 8, True), Cell(50, 4, False, 6)


def test_a_fine_tuned_cell_trains_the_phase_before_it_where_its_twin_does_not():
    together = pieces(EXPECTED, [(PLAIN, 0), (TUNED, 0), (TUNED, 1)])
    assert [together[one].seconds for one in ((PLAIN, 0), (TUNED, 0), (TUNED, 1))] == [1, 10, 11]


def test_what_a_worker_begins_with_is_counted_by_freeze_count():
    found = pieces(EXPECTED, [(PLAIN, 0), (HELD, 0)])
    assert [one.start for one in found.values()] == [2, 5]
    assert found[HELD, 0].seconds == 3


def test_executions_count_alike_where_nobody_planned_them(tmp_path):
    work = ExpectedWork(tmp_path, "a", 1)
    work.begin([(Cell(n, 8, False), 0) for n in (50, 100, 200)])
    work.ended(Cell(50, 8, False), 0, 7.0)
    assert work.time_left.seconds == pytest.approx(14, abs=0.5)


def test_the_machines_file_says_what_the_plan_expects_of_the_sweep(tmp_path):
    Machine(expected={"a": EXPECTED}).write(tmp_path)
    work = ExpectedWork(tmp_path, "a", 1)
    work.foresee([(PLAIN, 0), (HELD, 0)])
    work.begin([(PLAIN, 0)])
    # 1 + 2 and 3 + 5 seconds: what has begun is not to come a second time.
    assert work.time_left.seconds == pytest.approx(11, abs=0.5)
    work.ended(TUNED, 0, 5.0)
    assert work.time_left.seconds == pytest.approx(11, abs=0.5)


def test_the_search_tells_how_fast_the_machine_is_on_fresh_draws(tmp_path):
    Machine(expected={"a": EXPECTED}).write(tmp_path)
    work = JointWork(tmp_path, {"a": {(PLAIN, 0): 6.0, (TUNED, 0): 24.0}}, 1)  # 1 + 2 and 10 + 2 seconds were expected
    work.begin({"a": [(PLAIN, 1000), (TUNED, 1000)]})
    assert work.time_left.seconds == pytest.approx(2 * (1 + 2 + 10 + 2), abs=0.5)


def test_sweeps_that_share_workers_have_starts_and_times_of_their_own(tmp_path):
    Machine(expected={"a": EXPECTED, "b": EXPECTED}).write(tmp_path)
    work = JointWork(tmp_path, {}, 2)
    work.begin({name: [(PLAIN, draw) for draw in range(4)] for name in "ab"})
    assert work.time_left.seconds == pytest.approx((8 * 1 + 2 * 2) / 2, abs=0.5)
    work.ended("a", PLAIN, 0, 9.0)  # three times what was expected of it and of its start
    work.ended("c", PLAIN, 0, 9.0)
    work.ended("a", PLAIN, 7, 9.0)
    assert work.time_left.seconds == pytest.approx(3 * (3 + 4 + 2) / 2, rel=0.2)
