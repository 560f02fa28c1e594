"""Leases of executions: assignments, reservations, and the work of lost workers. Trains and sends nothing."""

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ledger.cell_selection import Cell
from trainer_module.oracles.lease_table import LeaseTable

LOST_AFTER = 60
PLAN = [(Cell(n, k, tuned), draw) for k in (4, 6) for draw in (0, 1) for n in (10, 20) for tuned in (False, True)]
FIRST, TWIN = (Cell(20, 4, False), 0), (Cell(20, 4, True), 0)


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def table(clock):
    return LeaseTable(PLAN, LOST_AFTER, clock)


def finish(table, name):
    """Lets a worker train all that it gets; returns that in order."""
    trained = []
    while (execution := table.lease(name)) is not None:
        assert table.end(execution)
        trained.append(execution)
    return trained


def test_one_worker_gets_the_whole_plan_the_longest_first_and_twins_together(table):
    trained = finish(table, "a")
    assert sorted(trained) == sorted(PLAN) and table.all_ended
    assert trained[:4] == [FIRST, TWIN, (Cell(20, 4, False), 1), (Cell(20, 4, True), 1)]


def test_a_worker_that_asks_again_is_given_the_same(table):
    assert table.lease("a") == table.lease("a") == table.in_hand("a") == FIRST
    assert table.holder(FIRST) == "a"


def test_a_twin_is_kept_for_the_worker_that_has_its_phase_1(table):
    table.end(table.lease("a"))
    assert TWIN not in finish(table, "b")
    assert table.lease("b") is None and not table.all_ended
    assert table.lease("a") == TWIN


def test_another_worker_gets_another_freeze_count_until_only_the_first_one_s_is_left(table):
    table.lease("a")
    counts = [cell.freeze_count for cell, _ in finish(table, "b")]
    assert counts == [6] * 8 + [4] * 6


def test_what_has_ended_elsewhere_is_not_given_out(table):
    assert table.end(FIRST) and not table.end(FIRST)
    assert table.lease("a") == TWIN


def test_what_a_worker_has_in_hand_ends_whoever_trained_it(table):
    table.lease("a")
    table.end(FIRST)
    assert table.in_hand("a") is None and table.holder(FIRST) is None


def test_a_worker_is_lost_when_it_was_not_heard_of_for_longer_than_that(table, clock):
    table.lease("a")
    clock.now = LOST_AFTER
    assert table.lost == []
    table.hear("b")
    clock.now += 1
    assert table.lost == ["a"]
    assert table.take_back("a") == FIRST and table.losses(FIRST) == 1
    assert table.lost == [] and table.lease("b") == FIRST


def test_a_worker_that_was_lost_between_two_executions_costs_none_of_them_a_loss(table):
    table.end(table.lease("a"))
    assert table.take_back("a") is None
    assert table.losses(TWIN) == 0 and table.lease("b") == TWIN


def test_what_a_worker_trains_that_no_table_leased_is_adopted_if_it_waits(table):
    assert table.adopt(FIRST, "stranger")
    assert table.is_adopted("stranger") and table.in_hand("stranger") == FIRST
    assert not table.adopt(FIRST, "another") and not table.adopt(TWIN, "another")
    assert FIRST not in finish(table, "a")


def test_what_has_ended_is_not_adopted(table):
    table.end(FIRST)
    assert not table.adopt(FIRST, "stranger")


def test_who_is_dismissed_is_not_waited_for(table, clock):
    for name in ("a", "b", "c"):
        table.hear(name)
    table.dismiss("a")
    clock.now = 5
    table.hear("b")
    assert table.heard_within(4) == 1 and table.heard_within(5) == 2


class AnyOrder(RuleBasedStateMachine):
    """Workers that ask, end, fall silent and come back in any order, and rows of workers that were given up."""

    names = st.sampled_from("abc")
    plan = PLAN[:8]

    def __init__(self):
        super().__init__()
        self.clock = Clock()
        self.table = LeaseTable(self.plan, LOST_AFTER, self.clock)
        self.ended, self.known = set(), set()

    @rule(name=names)
    def ask(self, name):
        had = self.table.in_hand(name)
        execution = self.table.lease(name)
        self.known.add(name)
        assert had in (None, execution)
        if execution is None:
            assert all(self.table.lease(name) is None for _ in range(2))
            return
        cell, draw = execution
        twin = Cell(cell.n, cell.freeze_count, False), draw
        assert not cell.fine_tune or twin in self.ended

    @rule(name=names)
    def train(self, name):
        execution = self.table.in_hand(name)
        if execution is not None:
            assert self.table.end(execution)
            self.ended.add(execution)

    @rule(execution=st.sampled_from(plan))
    def a_row_of_a_worker_that_was_given_up(self, execution):
        assert self.table.end(execution) == (execution not in self.ended)
        self.ended.add(execution)

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def lose(self, data):
        name = data.draw(st.sampled_from(sorted(self.known)))
        had = self.table.in_hand(name)
        losses = had and self.table.losses(had)
        assert self.table.take_back(name) == had
        assert had is None or self.table.losses(had) == losses + 1
        self.known.remove(name)

    @rule(execution=st.sampled_from([execution for execution in plan if not execution[0].fine_tune]))
    def adopt(self, execution):
        name = f"stranger with {execution}"
        if self.table.adopt(execution, name):
            self.known.add(name)

    @rule(seconds=st.integers(0, LOST_AFTER))
    def wait(self, seconds):
        self.clock.now += seconds

    @rule(name=names)
    def give_a_sign_of_life(self, name):
        self.table.hear(name)
        self.known.add(name)
        assert name not in self.table.lost

    @invariant()
    def no_two_workers_have_one_execution_and_none_has_one_that_ended(self):
        held = [execution for name in self.known if (execution := self.table.in_hand(name))]
        assert len(held) == len(set(held)) and not self.ended & set(held)
        assert all(self.table.in_hand(self.table.holder(execution)) == execution for execution in held)
        assert self.table.all_ended == (self.ended == set(self.plan))

    def teardown(self):
        """Nothing was lost on the way: whoever is left trains the rest, each execution once."""
        for name in sorted(self.known):
            self.table.take_back(name)
        rest = finish(self.table, "last")
        assert sorted(rest) == sorted(set(self.plan) - self.ended)
        assert self.table.all_ended


TestAnyOrder = pytest.mark.slow(AnyOrder.TestCase)  # 8,000 steps
TestAnyOrder.settings = hypothesis.settings(max_examples=200, stateful_step_count=40, deadline=None)
