"""Calibration: known rules are found again, and intervals have their level for groups left out."""

import numpy as np
import pytest

from benchmarks.prediction.ridge_intervals import calibrate, fit


def made(groups, rows, spread_between, spread_within, seed=0):
    """y = 3 x0 - x1 + an offset of the group + noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(groups * rows, 2))
    member = np.repeat(np.arange(groups), rows)
    offsets = rng.normal(size=groups) * spread_between
    y = 3 * x[:, 0] - x[:, 1] + 5 + offsets[member] + rng.normal(size=len(x)) * spread_within
    return x, y, member


def test_a_linear_rule_is_found_again_up_to_its_mild_penalty():
    x, y, _ = made(5, 200, 0, 0)
    rule = fit(x, y)
    assert np.abs(rule.predict(x) - y).max() < 0.2
    assert rule.predict([[1.0, 0.0]]) - rule.predict([[0.0, 0.0]]) == pytest.approx(3, abs=0.05)


def test_a_predictor_that_never_changes_is_harmless():
    x, y, _ = made(3, 50, 0, 0.1)
    rule = fit(np.column_stack([x, np.full(len(x), 7.0)]), y)
    assert rule["ridge"].coef_[2] == pytest.approx(0)
    assert np.isfinite(rule.predict([[0.0, 0.0, 9.0]])).all()


def test_the_rule_is_the_normal_equations_solved_by_hand():
    # x standardised is -1, 1; y less its mean -2, 2; penalty 2/100: weight 4 / (2 + 0.02).
    rule = fit(np.array([[0.0], [2.0]]), np.array([1.0, 5.0]))
    assert rule.predict([[1.0], [2.0]]) == pytest.approx([3.0, 3 + 4 / 2.02])


@pytest.mark.slow  # fits a rule for each group
def test_intervals_hold_their_share_of_rows_of_groups_never_seen():
    x, y, member = made(60, 40, 1.0, 1.0, seed=3)
    seen = member < 40
    found = calibrate(x[seen], y[seen], member[seen], np.full(int(seen.sum()), 100), 0.9)
    left = y[~seen] - found.rule.predict(x[~seen])
    held = np.mean((left >= found.low[0]) & (left <= found.high[0]))
    assert 0.85 < held < 0.96
    assert found.coverage >= 0.9


def test_where_groups_differ_intervals_of_few_groups_are_widened():
    x, y, member = made(5, 100, 4.0, 0.5, seed=1)
    found = calibrate(x, y, member, np.full(len(y), 20), 0.9)
    assert found.widening > 1
    assert found.error > 2


def test_each_stratum_has_its_own_width():
    x, y, member = made(6, 100, 0, 1.0)
    strata = np.tile([10, 1000], len(y) // 2)
    y = y + np.where(strata == 10, np.random.default_rng(5).normal(size=len(y)) * 6, 0)
    found = calibrate(x, y, member, strata, 0.9)
    assert found.strata == (10, 1000)
    assert found.high[0] - found.low[0] > 3 * (found.high[1] - found.low[1])
    assert all(low <= 0 <= high for low, high in zip(found.low, found.high, strict=True))


def test_two_groups_are_too_few_to_leave_one_out_and_judge():
    x, y, member = made(2, 10, 0, 1)
    with pytest.raises(ValueError, match="three or more"):
        calibrate(x, y, member, member, 0.9)
