"""The replay of searches on a ledger: a grid's choice, and the cost of each method. KerasTuner is the real one."""

import pandas as pd
import pytest

from benchmarks.prediction import published_grid, search

SECONDS = 10.0


@pytest.fixture(scope="module")
def grid():
    rows = []
    for transfer, best in (("good", 0.9), ("bad", 0.6)):
        for count in range(7):
            for tuned in (False, True):
                for draw in range(3):
                    accuracy = best - 0.02 * abs(count - 3) - 0.05 * tuned + 0.001 * draw
                    rows.append([transfer, "remastered", 20, count, tuned, draw, accuracy, accuracy - 0.01, SECONDS])
    columns = ["transfer", "architecture", "n", "freeze_count", "fine_tune", "draw", "val_accuracy", "test_accuracy",
               "seconds"]  # fmt: skip
    return published_grid.Grid(pd.DataFrame(rows, columns=columns))


def test_the_grid_chooses_the_best_mean_on_val(grid):
    assert grid.best == ("good", 3, False)
    assert grid.mean(grid.best, "val_accuracy") == pytest.approx(90.1)
    assert grid.seconds == 2 * 7 * 2 * 3 * SECONDS == published_grid.expected_seconds(grid)


def test_a_training_is_paid_once_and_its_twin_with_it(grid):
    purse = published_grid.Purse(grid)
    assert purse.train(("good", 3, True), 1) == pytest.approx(0.851)
    assert purse.spent == 2 * SECONDS
    purse.train(("good", 3, False), 1)
    assert purse.spent == 2 * SECONDS and not purse.is_empty
    for draw in range(3):
        for count in range(7):
            purse.train(("bad", count, False), draw)
    assert purse.is_empty


@pytest.mark.slow  # runs KerasTuner's searches
def test_every_method_stays_near_its_budget_and_ours_finds_the_best_cell(grid):
    estimates = pd.DataFrame([
        {"transfer": transfer, "freeze_count": count, "estimator": name, "draw": 0, "value": float(transfer == "good")}
        for transfer in ("good", "bad") for count in range(7) for name in search.ESTIMATORS
    ])  # fmt: skip
    found = pd.DataFrame([vars(one) for one in search.outcomes(grid, estimates, seed=0)])
    assert len(found) == 9 and (found["trained"] > 0).all()
    # The last trial of KerasTuner's own may go beyond: six trainings of 84.
    assert (found["share_of_cost"] < published_grid.BUDGET_SHARE + 6 / 84).all()
    ours = found[found["method"] == "AdvisedOracle"].iloc[0]
    assert ours["share_of_cost"] <= published_grid.BUDGET_SHARE
    assert (ours["transfer"], ours["freeze_count"]) == ("good", 3)
    assert ours["val_loss"] == ours["test_loss"] == 0.0
    table = search.summary(found)
    assert table.loc["AdvisedOracle", "same cell"] == 1.0
