"""Agreement of estimates with measurements: hand-computed values, invariants, errors. Imports no TensorFlow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transferability.agreement import kendall_tau, regret

DISTINCT = st.lists(st.integers(-1000, 1000), min_size=2, max_size=8, unique=True)


def test_tau_counts_pairs() -> None:
    # Of six pairs one is out of order: (5 - 1) / 6.
    assert kendall_tau(np.array([1, 2, 4, 3]), np.array([10, 20, 30, 40])) == pytest.approx(4 / 6)


def test_tau_of_ties_is_corrected() -> None:
    # Pairs of (0, 0, 1) and (0, 1, 2): two alike, one tied in the first. tau-b = 2 / sqrt(2 * 3).
    assert kendall_tau(np.array([0, 0, 1]), np.array([0, 1, 2])) == pytest.approx(2 / np.sqrt(6))


def test_tau_of_an_estimate_that_says_nothing_is_undefined() -> None:
    assert np.isnan(kendall_tau(np.ones(3), np.arange(3)))


@settings(deadline=None)
@given(DISTINCT)
def test_tau_sees_order_alone(values: list[int]) -> None:
    x = np.array(values, float)
    assert kendall_tau(x, np.exp(x / 500)) == pytest.approx(1)
    assert kendall_tau(-x, x**3) == pytest.approx(-1)


def test_regret_is_what_val_would_have_reached_less_what_the_estimate_reaches() -> None:
    val, test = np.array([0.7, 0.9, 0.8]), np.array([0.70, 0.85, 0.88])
    assert regret(np.array([3, 2, 1]), val, test) == pytest.approx(0.85 - 0.70)
    assert regret(np.array([1, 2, 3]), val, test) == pytest.approx(0.85 - 0.88), "val itself chose worse"


@settings(deadline=None)
@given(DISTINCT)
def test_the_order_of_val_has_no_regret(values: list[int]) -> None:
    val = np.array(values, float)
    assert regret(val * 2 + 1, val, np.arange(len(values))) == 0


def test_tied_first_choices_share_their_mean() -> None:
    assert regret(np.zeros(2), np.array([0, 1]), np.array([0.5, 0.7])) == pytest.approx(0.1)


@pytest.mark.parametrize(("first", "second", "said"), [
    (np.arange(3), np.arange(2), "shapes"),
    (np.arange(1), np.arange(1), "two or more candidates"),
    (np.zeros((2, 2)), np.zeros((2, 2)), "shapes"),
    (np.array([1, np.nan]), np.arange(2), "finite"),
    (np.arange(2), np.array([1, np.inf]), "finite"),
])  # fmt: skip
def test_what_can_not_be_compared_is_refused(first: np.ndarray, second: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        kendall_tau(first, second)
    with pytest.raises(ValueError, match=said):
        regret(first, np.arange(len(second)), second)
