"""The replay of a Tuner's search on a ledger made by hand. KerasTuner and the search are the real ones."""

import pandas as pd
import pytest

from benchmarks.prediction import cell_search
from experiment.loading import PRESETS, load_config

CONFIG = load_config(PRESETS / "report.yaml")
COLUMNS = ["transfer", "source", "architecture", "data", "n", "freeze_count", "fine_tune", "draw", "val_accuracy",
           "test_accuracy", "seconds"]  # fmt: skip
BEST = {50: 2, 200: 5}
"""Freeze count by n."""


@pytest.fixture(scope="module")
def rows():
    found = []
    for n, best in BEST.items():
        for count in range(7):
            for tuned in (False, True):
                for draw in range(3):
                    val = 0.9 - 0.03 * abs(count - best) - 0.02 * tuned + 0.002 * draw
                    found.append(["pets__remastered", "pets", "remastered", "cifar10", n, count, tuned, draw, val,
                                  val - 0.05 + 0.001 * count, 10.0])  # fmt: skip
    return pd.DataFrame(found, columns=COLUMNS)


@pytest.mark.parametrize("draws", [1, 3])
def test_the_search_finds_the_grids_cell_of_each_n_for_fewer_trainings_than_the_grid(rows, draws):
    found = list(cell_search.replayed(rows, CONFIG, draws, seed=1))
    assert {(one.n, one.freeze_count, one.fine_tune) for one in found} == {(n, best, False) for n, best in BEST.items()}
    for one in found:
        assert (one.transfer, one.draws, one.planned) == ("pets__remastered", draws, 14 * draws)
        assert draws <= one.trained < one.planned
        assert one.share_of_seconds == pytest.approx(one.trained / one.planned)
        assert one.test_loss == one.grid_loss == 0


def test_a_choice_on_fewer_draws_is_paid_for_in_test_points_of_all_draws(rows):
    lucky = rows.copy()
    first = (lucky["n"] == 50) & (lucky["freeze_count"] == 6) & ~lucky["fine_tune"] & (lucky["draw"] == 0)
    lucky.loc[first, "val_accuracy"] = 0.99
    found = {one.n: one for one in cell_search.replayed(lucky, CONFIG, 1, seed=1)}
    assert found[50].freeze_count == 6
    # Four layers from the best are 12 points on val, of which test gives back 0.4.
    assert found[50].test_loss == pytest.approx(11.6) == found[50].grid_loss
    assert found[200].test_loss == 0


def test_only_cells_that_were_trained_on_every_draw_are_chosen(rows):
    purse = cell_search.Purse(cell_search.Grid(rows[rows["n"] == 50]))
    for draw in range(3):
        purse.train(("pets__remastered", 4, False), draw)
    purse.train(("pets__remastered", 2, False), 0)
    found = cell_search._replay(purse, purse.grid, seed=1)
    assert (found.freeze_count, found.trained, found.share_of_seconds) == (4, 4, pytest.approx(4 / 42))
    assert found.test_loss == pytest.approx(5.8) and found.grid_loss == 0


def test_the_summary_has_means_and_the_worst(rows):
    table = pd.DataFrame([vars(one) for draws in (1, 2) for one in cell_search.replayed(rows, CONFIG, draws, seed=1)])
    table.loc[0, "test_loss"] = 1.0
    found = cell_search.summary(table, ["draws"])
    assert found.loc[1, "test loss"] == 0.5 and found.loc[1, "worst"] == 1.0 and found.loc[2, "worst"] == 0
