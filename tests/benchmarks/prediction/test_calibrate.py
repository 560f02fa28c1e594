"""The rows that `thaw advise` is calibrated on, and how a rule is judged; by hand, no training."""

import numpy as np
import pandas as pd
import pytest

from analysis.transfer_prediction.advice_rule import PREDICTORS
from benchmarks.prediction.calibrate import judged, nearest, other_rows, rule_of, run_rows
from benchmarks.prediction.ridge_intervals import calibrate
from tests.analysis.transfer_prediction.test_advice_rule import made_rule


def test_a_size_belongs_to_the_nearest_by_its_logarithm():
    assert [nearest(n) for n in (10, 44, 45, 100, 199, 201, 2000)] == [20, 20, 100, 100, 100, 400, 400]


def test_of_a_run_one_draw_and_three_freeze_counts_are_kept():
    places = [(count, draw) for count in (0, 1, 2, 3, 4) for draw in (0, 1)]
    estimates = pd.DataFrame(
        [{"transfer": "a__remastered", "n": 20, "freeze_count": count, "draw": draw, "estimator": name, "value": -0.1}
         for count, draw in places for name in ("probe_error", "logme")]
    )  # fmt: skip
    cells = pd.DataFrame(
        [{"transfer": "a__remastered", "architecture": "remastered", "n": 20, "freeze_count": count, "draw": draw,
          "fine_tune": False, "gain_points": 10.0 * count + draw} for count, draw in places]
    )  # fmt: skip
    kept = list(run_rows(estimates, cells, "x and y"))
    assert [row["gain_points"] for row in kept] == [0.0, 20.0, 40.0]
    assert {row["target"] for row in kept} == {"x and y"}


def test_nothing_frozen_has_the_pixels_probe_and_the_top_is_the_deepest_cut():
    row = {"target": "x and y", "use": "test", "architecture": "remastered", "n": 100, "pixels": -0.5, "top": -0.2,
           "gain": 3.0}  # fmt: skip
    others = pd.DataFrame([{**row, "freeze_count": 0, "here": -0.5}, {**row, "freeze_count": 3, "here": -0.4}])
    first, second = other_rows(others)
    here, top = PREDICTORS.index("here"), PREDICTORS.index("top")
    assert first["x"][here] == 0 and second["x"][here] == pytest.approx(0.1)
    assert first["x"][top] == second["x"][top] == pytest.approx(0.3)


def test_a_rule_is_judged_target_by_target():
    rule = made_rule()
    x = [0.0] * len(PREDICTORS)
    expected = float(rule.expected([x])[0])
    low, _ = rule.bounds(20, 2)
    rows = [{"target": "near", "gain_points": expected + low / 2}, {"target": "far", "gain_points": expected + 2 * low}]
    table = judged(rule, pd.DataFrame([{**row, "n": 20, "x": x} for row in rows]))
    assert table["held"].to_dict() == {"near": 1.0, "far": 0.0, "all": 0.5}
    assert table.loc["far", "mean"] == pytest.approx(2 * low)


def test_what_is_written_predicts_as_what_was_fitted():
    random = np.random.default_rng(0)
    x, y = random.normal(5, 2, (60, len(PREDICTORS))), random.normal(size=60)
    found = calibrate(x, y, np.arange(60) % 4, np.repeat([20, 100], 30), 0.9)
    rule = rule_of(found, {"targets": "4"})
    assert rule.expected(x) == pytest.approx(found.rule.predict(x))
    assert (rule.sizes, rule.low, rule.high) == ((20, 100), found.low, found.high)
