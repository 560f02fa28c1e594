"""Which fresh trainings count as collapsed, and which figures leave them out. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from analysis.cells.grid import Grid
from analysis.cells.paired_ledgers import pair_ledgers
from analysis.findings.confirmed import Confirmed, confirmed
from analysis.findings.fresh_trainings import is_underfit
from analysis.findings.questions import questions_of
from tests.analysis.report_ledgers import as_fresh, confirmation_of


@pytest.mark.parametrize(
    ("val_images", "val_accuracy", "train_accuracy", "collapsed"),
    [
        ((500, 500), 0.6, 1.0, 0),
        ((500, 500), 0.5, 1.0, 6),
        ((900, 100), 0.88, 1.0, 0),  # right on 88% of each class, where answering the same to all is right on 90%
        ((900, 100), 0.9, 0.5, 6),
        ((30, 30), 0.6, 1.0, 0),
        ((30, 30), 0.6, 0.5, 6),
        ((600, 400), 0.6, 1.0, 6),  # the largest class has exactly 1.2 times its share
        ((400, 300, 300), 0.4, 1.0, 6),
        ((410, 300, 290), 0.41, 1.0, 0),
    ],
)
def test_val_judges_collapse_where_it_is_balanced_and_large_and_training_images_do_everywhere(
    grid_of: Callable[..., Grid], val_images: tuple[int, ...], val_accuracy: float, train_accuracy: float,
    collapsed: int,
) -> None:  # fmt: skip
    grid, classes = grid_of(lambda *cell: 0.8, sizes=(200,), counts=(8,)), ("automobile", "truck", "ship")
    found = {"val_accuracy": val_accuracy, "train_accuracy": train_accuracy}
    ledgers = pair_ledgers(
        (
            dataclasses.replace(sweep.header, val_images=val_images, classes=classes[: len(val_images)]),
            [
                dataclasses.replace(row, **found, test_probabilities=np.pad(
                    row.test_probabilities, ((0, 0), (0, len(val_images) - 2))))
                for row in sweep.rows
            ],
        )
        for sweep in grid.sweeps.values()
    )  # fmt: skip
    [answer] = confirmation_of(ledgers, 200).answers
    assert set(answer.collapsed.values()) == {collapsed}
    assert bool(answer.collapses) == bool(collapsed)
    # All of them collapsed: no figure is of the others.
    assert all(f"{collapsed} of {answer.draws} draws" in sentence for sentence in answer.collapses)
    assert all(sentence.endswith("no other draws are left.") for sentence in answer.collapses)


@pytest.mark.parametrize("accuracies", [(0.5, 0.7), (0.5, 0.6, 0.7), (0.45, 0.75)])
def test_a_network_with_exactly_half_of_what_chance_leaves_is_fitted(accuracies: tuple[float, ...]) -> None:
    """Of five classes that is 60%, whichever draws have it in the mean."""
    assert not is_underfit(float(np.mean(accuracies)), 5) and is_underfit(0.5999, 5)


@pytest.mark.parametrize(("train_accuracy", "underfit"), [(1.0, False), (0.75, False), (0.7, True), (0.5, False)])
def test_a_network_from_scratch_that_does_not_fit_its_training_images_is_told(
    grid_of: Callable[..., Grid], train_accuracy: float, underfit: bool
) -> None:
    """Of two classes, chance leaves half, of which half is 75%; at 50% every draw has collapsed instead."""
    grid = grid_of(lambda *cell: 0.8, sizes=(200,), counts=(8,))
    ledgers = pair_ledgers(
        (sweep.header, [dataclasses.replace(row, train_accuracy=train_accuracy) for row in sweep.rows])
        for sweep in grid.sweeps.values()
    )
    [answer] = confirmation_of(ledgers, 200).answers
    assert len(answer.underfit) == underfit
    for sentence in answer.underfit:
        assert sentence.startswith("n = 200: baseline__original is right on 70% of its own training images")


def test_figures_are_of_the_draws_that_did_not_collapse_and_of_all_where_none_is_left(
    grid_of: Callable[..., Grid],
) -> None:
    """Of six fresh draws the chosen cell collapses in one and its baseline in another, then in all."""

    def answer(collapsed: dict[str, set[int]]) -> Confirmed:
        grid = grid_of(lambda *cell: 0.8, sizes=(200,), counts=(8,))
        questions = questions_of(grid, 200, every_transfer=True)
        fresh = pair_ledgers(
            (sweep.header, [dataclasses.replace(row, train_accuracy=0.5 if row.draw in collapsed[name] else 1.0)
                            for row in as_fresh(sweep.rows)])
            for name, sweep in grid.sweeps.items()
        )  # fmt: skip
        [found] = confirmed(questions, fresh, (6,)).answers
        return found

    some = answer({"cats_dogs__original": {1000}, "baseline__original": {2001}})
    assert some.shown_draws("chosen") == {1001, 1002, 2000, 2001, 2002}
    assert some.shown_draws("chosen", "baseline") == {1001, 1002, 2000, 2002}
    # The baseline is the best network from scratch too: its draw that collapsed is one training.
    assert some.collapsed == {"chosen": 1, "baseline": 1}
    every = {first + draw for first in (1000, 2000) for draw in range(3)}
    assert answer({"cats_dogs__original": set(), "baseline__original": every}).shown_draws("chosen", "baseline") is None


def test_accuracies_on_val_are_those_that_the_search_chose_by(grid_of: Callable[..., Grid]) -> None:
    grid = grid_of(lambda sweep, *cell: 0.6 if sweep.startswith("baseline") else 0.8, sizes=(200,), counts=(8,))
    fresh = pair_ledgers(
        (sweep.header, [dataclasses.replace(row, val_accuracy=0.7) for row in as_fresh(sweep.rows)])
        for sweep in grid.sweeps.values()
    )
    [answer] = confirmed(questions_of(grid, 200, every_transfer=True), fresh, (6,)).answers
    assert (answer.summary.val_accuracy, answer.scratch.best.val_accuracy) == pytest.approx((0.8, 0.6))
