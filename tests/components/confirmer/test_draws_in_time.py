"""The sizes confirmed if there is not time for everything. The clock is simulated."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from analysis.cells.grid import Grid
from analysis.cells.paired_ledgers import pair_ledgers
from analysis.findings.confirmed import confirmed, looks_of
from analysis.findings.questions import questions_of
from components.confirmer.confirming import confirm
from components.confirmer.draws_in_time import SECONDS_PER_SWEEP, DrawsInTime, makespan
from experiment.training_settings import FIRST_FRESH_DRAW
from tests.components.confirmer.test_confirming import SEARCHED, SWEEPS, FreshTrainings, settings_of

PER_TRAINING = 1.25
"""Seconds in the ledgers' rows."""


class Timed(FreshTrainings):
    """Trains while a clock goes: a training takes `slowness` times what it took in the search."""

    slowness = 1.0
    now = 0.0

    def __call__(self, asked):
        for executions in asked.values():
            self.now += self.slowness * (SECONDS_PER_SWEEP + PER_TRAINING * len(executions))
        return super().__call__(asked)


def draws_of(train: Timed) -> dict[int, int]:
    """Fresh draws by n."""
    return {n: len({draw for _, cell, draw in train.asked if cell.n == n}) for n in (10, 50, 200)}


@pytest.fixture
def grid(grid_of: Callable[..., Grid]) -> Grid:
    """k = 8 without fine-tuning is the best cell of each transfer, and imagenet the best transfer."""
    return grid_of(lambda sweep, n, k, tuned: SEARCHED[sweep] - 0.05 * tuned - 0.05 * (k == 2), SWEEPS, (10, 50, 200))


def confirm_until(grid: Grid, deadline: float, slowness: float = 1.0, is_there=lambda *_: False, **settings):
    train = Timed(grid, {**SEARCHED, "imagenet__original": 0.95})
    train.slowness = slowness
    time = DrawsInTime(grid, 1, deadline, lambda: train.now, is_there)
    questions, rows = confirm(grid.ledgers, settings_of(**settings), train, time)
    assert len(train.asked) == len(set(train.asked))
    return train, questions, rows


def test_after_the_deadline_the_size_to_deploy_has_two_draws_and_nothing_else_is_asked(grid: Grid) -> None:
    train, questions, rows = confirm_until(grid, deadline=-100.0)
    assert draws_of(train) == {10: 0, 50: 0, 200: 2}
    assert {one.n for one in questions} == {200}
    found = confirmed(questions, pair_ledgers(rows.values()), looks_of(settings_of().confirmation))
    assert [answer.draws for answer in found.answers] == [2, 2]  # of both transfers


def test_the_size_to_deploy_comes_first_then_the_others_as_they_rise(grid: Grid) -> None:
    """At 200 three cells a draw in three sweeps, at the others two in two, whose workers start once: 24 + 5 x 3.75,
    then 16 + 5 x 2.5 + 5 x 2.5."""
    first_two = 24 + 5 * 3.75 + 16 + 5 * 2.5
    train, questions, _ = confirm_until(grid, deadline=first_two + 1.9 * 2.5)
    assert draws_of(train) == {10: 5, 50: 0, 200: 5}
    assert {one.n for one in questions} == {10, 200}
    train, questions, _ = confirm_until(grid, deadline=first_two + 3.1 * 2.5)
    assert draws_of(train) == {10: 5, 50: 3, 200: 5}
    assert {one.n for one in questions} == {10, 50, 200}


@pytest.mark.parametrize(("deadline", "draws"), [(26.1, 5), (25.9, 4), (23.4, 3), (22.2, 2)])
def test_sweeps_share_two_workers_and_the_last_is_begun_by_both(grid: Grid, deadline: float, draws: int) -> None:
    """Three sweeps of one cell at 200, begun four times in 8 s: 16 + 8 x 1.25 s for 15 trainings of 5 draws,
    16 + 6 x 1.25 for 12 of 4 and 16 + 5 x 1.25 for 9 of 3."""
    train = FreshTrainings(grid, {**SEARCHED, "imagenet__original": 0.95})
    time, asked = DrawsInTime(grid, 2, deadline, lambda: 0.0, lambda *_: False), list[dict[int, int]]()

    class Once:
        def batch(self, *of: Any) -> dict[int, int]:
            asked.append({} if asked else time.batch(*of))
            return asked[-1]

    confirm(grid.ledgers, settings_of(), train, Once())
    assert asked == [{200: draws}, {}]


def test_every_worker_begins_a_sweep_of_long_trainings(grid: Grid) -> None:
    """Three sweeps of one cell at 200 whose trainings take 40 times 1.25 s. Two workers begin each: 24 + 6 x 50 s for
    12 trainings of 4 draws, and 8 x 50 s for 15 of 5, since the other worker has time for the starts."""
    rows = {
        name: (sweep.header, [dataclasses.replace(row, seconds=40 * row.seconds) for row in sweep.rows])
        for name, sweep in grid.sweeps.items()
    }
    slow = Grid(pair_ledgers(rows.values()))
    questions = questions_of(slow, 200, every_transfer=False)
    for deadline, draws in ((400.1, 5), (399.9, 4), (324.1, 4), (323.9, 3)):
        time = DrawsInTime(slow, 2, deadline, lambda: 0.0, lambda *_: False)
        assert time.batch(questions, {200: 0}, {200: 5}) == {200: draws}


@pytest.mark.parametrize(
    ("seconds", "workers", "whole"),
    [
        ([], 2, 0.0),
        ([3.0], 2, 3.0),
        ([1.0, 1.0, 1.0, 1.0, 1.0], 2, 3.0),
        ([2.0, 3.0, 4.0], 2, 5.0),
        ([2.0, 3.0], 1, 5.0),
    ],
)
def test_the_longest_piece_is_taken_first(seconds: list[float], workers: int, whole: float) -> None:
    assert makespan(seconds, workers) == whole


def test_with_time_enough_all_is_as_without_a_budget(grid: Grid) -> None:
    train, questions, rows = confirm_until(grid, deadline=1e9)
    plain = FreshTrainings(grid, train.accuracies)
    expected, same_rows = confirm(grid.ledgers, settings_of(), plain)
    assert questions == expected
    assert sorted(train.asked) == sorted(plain.asked)
    assert {name: {row.key for row in found} for name, (_, found) in rows.items()} == {
        name: {row.key for row in found} for name, (_, found) in same_rows.items()
    }


def test_a_machine_that_is_slower_than_in_the_search_is_asked_for_less(grid: Grid) -> None:
    deadline = 2 * (24 + 5 * 3.75 + 16 + 5 * 2.5)
    train, *_ = confirm_until(grid, deadline)
    slow, *_ = confirm_until(grid, deadline, slowness=2.0)
    assert sum(draws_of(slow).values()) < sum(draws_of(train).values())
    assert slow.now <= deadline + 1e-6


def test_draws_that_were_trained_before_are_taken_though_there_is_no_time(grid: Grid) -> None:
    """Four draws of n = 200, three of n = 10, and of n = 50 one that nothing can be made of."""
    before = {200: 4, 10: 3, 50: 1}
    train, questions, _ = confirm_until(
        grid, deadline=-100.0, is_there=lambda _, cell, draw: draw < FIRST_FRESH_DRAW + before[cell.n]
    )
    assert draws_of(train) == {10: 3, 50: 0, 200: 4}
    assert {one.n for one in questions} == {10, 200}


def test_undecided_sizes_get_a_further_look_only_while_there_is_time(grid: Grid) -> None:
    def looked(deadline: float) -> dict[int, int]:
        train = Timed(grid, dict.fromkeys(SWEEPS, 0.8))
        confirm(grid.ledgers, settings_of(), train, DrawsInTime(grid, 1, deadline, lambda: train.now, lambda *_: False))
        return draws_of(train)

    assert looked(1e9) == {10: 20, 50: 20, 200: 20}
    some = looked(150.0)
    assert some[200] > 5
    assert 5 <= some[50] <= some[200] < 20
