"""Verdicts of a report from fresh draws: Holm by hand, the fields, what is decided. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.confirmation.confirmed_intervals import Arm, arm_accuracy, compare
from analysis.confirmation.verdicts import Collapsed, FreshDraws, confirm, decided, holm


def arm(accuracy: float, seed: int, draws: int = 5, collapsed: int = 0) -> Arm:
    """An arm whose first draws collapsed; 1,000 images of its own difficulty, with little luck."""
    rng = np.random.default_rng(seed)
    correct = rng.random(1000) < np.full((draws, 1), accuracy)
    correct[:collapsed] = np.arange(1000) % 2 == 0
    return Arm(correct, np.arange(draws) < collapsed)


def test_holm_divides_by_what_is_left() -> None:
    # 0.012 x 4, 0.014 x 3 (as much as before it), 0.03 x 2 and from there on nothing.
    assert holm([0.03, 0.012, 0.014, 0.04]).tolist() == [False, True, True, False]
    assert holm([0.0126, 0.001]).tolist() == [True, True]
    assert holm([]).tolist() == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=18), st.integers(0, 17), st.floats(0, 1))
def test_a_smaller_p_value_never_takes_a_rejection_away(values: list[float], place: int, share: float) -> None:
    smaller = list(values)
    smaller[place % len(values)] *= share
    assert not (holm(values) & ~holm(smaller)).any()


def test_a_size_has_its_figures_and_both_verdicts() -> None:
    cell, baseline, scratch = arm(0.9, 1), arm(0.6, 2), arm(0.8, 3)
    [found] = confirm([FreshDraws(50, 1, cell, baseline, scratch)])
    gain, lead = compare(cell, baseline, 3, 1), compare(cell, scratch, 3, 1)
    accuracy, interval = arm_accuracy(cell, 3, 1)
    assert gain.interval and lead.interval and interval
    assert (found.n, found.draws, found.accuracy) == (50, 5, accuracy)
    assert found.accuracy_interval == (interval.low, interval.high)
    assert found.best_from_scratch_accuracy == pytest.approx(scratch.correct.mean())
    assert (found.gain_points, found.gain_interval_points) == (gain.points, (gain.interval.low, gain.interval.high))
    assert (found.lead_points, found.lead_interval_points) == (lead.points, (lead.interval.low, lead.interval.high))
    assert (found.verdict, found.lead_verdict) == ("gain", "gain")
    assert found.collapsed == Collapsed(0, 0, 0)
    assert decided(found)


def test_where_the_twin_is_the_best_from_scratch_the_lead_is_the_gain() -> None:
    cell, baseline = arm(0.6, 1), arm(0.9, 2)
    [found] = confirm([FreshDraws(50, 1, cell, baseline)])
    assert found.verdict == found.lead_verdict == "loss"
    assert (found.lead_points, found.lead_interval_points) == (found.gain_points, found.gain_interval_points)
    assert found.best_from_scratch_accuracy == pytest.approx(baseline.correct.mean())


def test_more_draws_are_wanted_until_both_verdicts_are_given() -> None:
    [found] = confirm([FreshDraws(50, 1, arm(0.9, 1), arm(0.6, 2), arm(0.9, 3))])
    assert (found.verdict, found.lead_verdict) == ("gain", "undecided")
    assert not decided(found)
    assert decided(dataclasses.replace(found, lead_verdict="loss"))


def test_one_draw_decides_nothing() -> None:
    [found] = confirm([FreshDraws(50, 1, arm(0.99, 1, draws=1), arm(0.5, 2, draws=1))])
    assert (found.verdict, found.accuracy_interval, found.gain_interval_points) == ("undecided", None, None)


@pytest.mark.parametrize(("draws", "look", "verdict"), [(5, 1, "undecided"), (10, 2, "gain"), (20, 3, "gain")])
def test_a_twin_that_always_collapses_takes_ten_draws(draws: int, look: int, verdict: str) -> None:
    [found] = confirm([FreshDraws(10, look, arm(0.8, 1, draws), arm(0.5, 2, draws, collapsed=draws))])
    assert (found.verdict, found.gain_points, found.best_from_scratch_accuracy) == (verdict, None, None)
    assert found.collapsed == Collapsed(0, draws, draws)
    assert found.accuracy == pytest.approx(0.8, abs=0.02)


def test_the_sizes_of_a_report_allow_for_each_other() -> None:
    close = FreshDraws(50, 1, arm(0.84, 1), arm(0.80, 2))
    p_value = compare(close.cell, close.baseline, 3, 1).p_value
    same = [FreshDraws(n, 1, arm(0.8, 10 * n), arm(0.8, 10 * n + 1)) for n in range(1, 9)]
    assert 0.05 / 9 < p_value < 0.05
    assert confirm([close])[0].verdict == "gain"
    assert confirm([close, *same])[0].verdict == "undecided"


def test_arms_of_different_draws_are_refused() -> None:
    with pytest.raises(ValueError, match="the same draws and images"):
        confirm([FreshDraws(50, 1, arm(0.8, 1), arm(0.8, 2, draws=6))])
    with pytest.raises(ValueError, match="Expected a look from 1"):
        confirm([FreshDraws(50, 4, arm(0.8, 1), arm(0.8, 2))])
