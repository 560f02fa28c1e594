"""Labels saved against hand-computed values and in a simulation with known truth. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import ndtri

from analysis.cells.grid import Grid
from analysis.cells.paired_ledgers import pair_ledgers
from analysis.findings.labels_saved import LabelsNeeded, labels_needed, needed_from_scratch
from ledger.cell_selection import Cell
from ledger.rows import Header, Row
from tests.analysis.report_ledgers import confirmation_of

BASELINES = {10: 0.5, 100: 0.7, 1000: 0.9}


def needed_at_10(grid_of: Callable[..., Grid], accuracy: float, draws: int = 3) -> LabelsNeeded:
    def accuracies(sweep: str, n: int, freeze_count: int, fine_tune: bool) -> float:
        return BASELINES[n] if sweep.startswith("baseline") else accuracy

    grid = grid_of(accuracies, sizes=tuple(BASELINES), draws=draws)
    return labels_needed(confirmation_of(grid.ledgers, 10))[0]


def test_the_baselines_curve_is_straight_in_log_n(grid_of: Callable[..., Grid]) -> None:
    # 80% is half way from 70% at 100 to 90% at 1000, so at 10^2.5.
    found = needed_at_10(grid_of, 0.8)
    assert found.needed == pytest.approx(10**2.5)
    assert found.low is not None
    assert found.high is not None
    assert 100 < found.low < found.needed < found.high < 1000


def test_more_than_the_baselines_ever_reach_is_open(grid_of: Callable[..., Grid]) -> None:
    found = needed_at_10(grid_of, 0.99)
    assert (found.needed, found.low, found.high, found.largest) == (None, None, None, 1000)


def test_an_interval_may_be_open_at_one_end(grid_of: Callable[..., Grid]) -> None:
    found = needed_at_10(grid_of, 0.8975)
    assert found.needed is not None
    assert found.low is not None
    assert found.high is None


def test_less_than_the_baseline_has_with_the_fewest_images_saves_nothing(grid_of: Callable[..., Grid]) -> None:
    found = needed_at_10(grid_of, 0.4)
    assert (found.needed, found.low, found.high, found.smallest) == (10, 10, 10, 10)


def test_one_draw_gives_no_bounds(grid_of: Callable[..., Grid]) -> None:
    grid = grid_of(
        lambda sweep, n, k, tuned: BASELINES[n] if "baseline" in sweep else 0.8, sizes=(10, 100, 1000), draws=1
    )
    scratch = [("baseline__original", Cell(n, 0, False)) for n in BASELINES]
    found = needed_from_scratch(grid, ("cats_dogs__original", Cell(10, 8, False)), scratch)
    assert found.needed == pytest.approx(10**2.5)
    assert (found.low, found.high, found.draws) == (10, None, 1)


@pytest.mark.parametrize("collapsed", ["cats_dogs__original", "baseline__original"])
def test_draws_that_collapsed_are_left_out_as_in_the_other_tables(grid_of: Callable[..., Grid], collapsed: str) -> None:
    """In draw 0 one of them is at chance: its accuracy is no part of the answer, which is that of the other draws."""
    places = ("cats_dogs__original", Cell(10, 8, False)), [("baseline__original", Cell(n, 0, False)) for n in BASELINES]
    grid = grid_of(
        lambda sweep, n, k, tuned: BASELINES[n] if "baseline" in sweep else 0.8, sizes=tuple(BASELINES), draws=4
    )

    def changed(row: Row) -> Row:
        half = np.full_like(row.test_probabilities, 0.5)
        return dataclasses.replace(row, val_accuracy=0.5, test_probabilities=half) if row.draw == 0 else row

    spoiled = pair_ledgers(
        (sweep.header, [changed(row) if name == collapsed else row for row in sweep.rows])
        for name, sweep in grid.sweeps.items()
    )
    others = pair_ledgers((sweep.header, [r for r in sweep.rows if r.draw]) for sweep in grid.sweeps.values())
    expected = dataclasses.replace(needed_from_scratch(Grid(others), *places), draws=4)
    assert needed_from_scratch(Grid(spoiled), *places) == expected


def test_a_network_from_scratch_that_always_collapsed_counts_as_it_is(grid_of: Callable[..., Grid]) -> None:
    grid = grid_of(lambda sweep, n, k, tuned: BASELINES[n] if "baseline" in sweep else 0.8, sizes=tuple(BASELINES))
    ledgers = pair_ledgers(
        (sweep.header, [dataclasses.replace(row, val_accuracy=0.5) if row.n == 10 and not sweep.header.source else row
                        for row in sweep.rows])
        for sweep in grid.sweeps.values()
    )  # fmt: skip
    [found, *_] = labels_needed(confirmation_of(ledgers, 10))
    assert found.needed == pytest.approx(10**2.5)


def simulated(
    rng: np.random.Generator, draws: int, header_of: Callable[..., Header], row_of: Callable[..., Row]
) -> LabelsNeeded:
    """A transfer at 75% with n = 10 against baselines of 60, 70 and 80%: the truth is 10^2.5. Draws: 2 points."""
    images = 1000
    difficulty = rng.normal(0, 0.5**0.5, images)
    sd = 0.02 / 0.33

    def rows(n: int, freeze_count: int, accuracy: float) -> list[Row]:
        level = ndtri(accuracy) * (1 + sd**2) ** 0.5
        found = []
        for draw in range(draws):
            noise = rng.normal(0, 0.5**0.5, images)
            found.append(row_of((n, freeze_count, False), draw, level + rng.normal() * sd + difficulty + noise > 0))
        return found

    baselines = [row for n, accuracy in ((10, 0.6), (100, 0.7), (1000, 0.8)) for row in rows(n, 0, accuracy)]
    cells = rows(10, 4, 0.75)
    ledgers = [
        (header_of("baseline__original", "", "original", images, "CIFAR-10"), baselines),
        (header_of("cats_dogs__original", "cats_dogs", "original", images, "CIFAR-10"), cells),
    ]
    found = pair_ledgers(ledgers)
    grid = Grid(found)
    scratch = [("baseline__original", cell) for cell in grid.chosen.baselines["original"].values()]
    return needed_from_scratch(grid, ("cats_dogs__original", Cell(10, 4, False)), scratch)


@pytest.mark.slow
@pytest.mark.parametrize("draws", [3, pytest.param(5, marks=pytest.mark.exhaustive)])
def test_the_interval_holds_the_truth_in_95_of_100(
    draws: int, header_of: Callable[..., Header], row_of: Callable[..., Row]
) -> None:
    rng = np.random.default_rng(2022)
    found = [simulated(rng, draws, header_of, row_of) for _ in range(400)]
    held = [(one.low or np.inf) <= 10**2.5 <= (one.high or np.inf) for one in found]
    print(f"\nlabels needed, {draws} draws: {100 * np.mean(held):.1f}% of 400 intervals include the truth")
    # The standard error of 400 repeats at 95% is 1.1 points.
    assert 0.92 <= np.mean(held) <= 0.99
