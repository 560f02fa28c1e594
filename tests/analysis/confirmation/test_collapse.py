"""Collapse: tables of the binomial worked out by hand, exact bounds, every error. Imports no TensorFlow."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.confirmation.collapse import chance_of, collapse_rate_interval, is_collapsed


def on_val(correct: int, images: int, chance: float = 0.5) -> bool:
    return is_collapsed(val_correct=correct, val_images=images, val_chance=chance)


def test_chance_is_the_share_of_the_largest_class() -> None:
    assert chance_of([50, 50]) == 0.5
    assert chance_of([30, 60, 10]) == 0.6


@pytest.mark.parametrize("counts", [[], [0, 0], [5, -1]])
def test_chance_needs_images(counts: list[int]) -> None:
    with pytest.raises(ValueError, match="images of at least one class"):
        chance_of(counts)


def test_the_fewest_right_answers_that_are_told_from_chance_are_those_of_the_binomial_test() -> None:
    # Of 1,000 images at 50%: P(537 or more) = 1.05%, P(538 or more) = 0.89%.
    assert stats.binomtest(537, 1000, alternative="greater").pvalue > 0.01
    assert on_val(537, 1000) and not on_val(538, 1000)
    assert on_val(900, 1000, chance=0.9) and not on_val(930, 1000, chance=0.9)


def test_a_network_that_answers_the_same_to_all_has_collapsed_whatever_the_classes() -> None:
    for counts in ([500, 500], [900, 100], [300, 300, 400]):
        assert on_val(max(counts), sum(counts), chance_of(counts))


def test_a_training_that_has_not_learnt_its_own_images_has_collapsed_too() -> None:
    trained = {"val_correct": 600, "val_images": 1000, "val_chance": 0.5}
    assert not is_collapsed(**trained, train_correct=100, train_images=100)
    assert is_collapsed(**trained, train_correct=52, train_images=100)
    assert is_collapsed(**trained, train_correct=820, train_images=1000, train_chance=0.8)
    assert not is_collapsed(**trained, train_correct=None, train_images=100)


@pytest.mark.parametrize("correct", [30, 39, 45])
def test_60_val_images_do_not_tell_a_weak_network_from_a_collapsed_one_but_its_training_images_do(correct: int) -> None:
    assert not on_val(correct, 60)
    on_60 = {"val_correct": correct, "val_images": 60, "val_chance": 0.5}
    assert not is_collapsed(**on_60, train_correct=199, train_images=200)
    assert is_collapsed(**on_60, train_correct=108, train_images=200)


def test_the_fewest_images_that_tell_anything() -> None:
    assert on_val(150, 336) and not on_val(150, 320)
    on_60 = {"val_correct": 45, "val_images": 60, "val_chance": 0.5}
    assert is_collapsed(**on_60, train_correct=7, train_images=14)
    assert not is_collapsed(**on_60, train_correct=6, train_images=12)


@pytest.mark.parametrize("correct", [0, 5, 10])
def test_too_few_images_say_nothing(correct: int) -> None:
    assert not on_val(correct, 10)
    assert not is_collapsed(val_correct=700, val_images=1000, val_chance=0.5, train_correct=correct, train_images=10)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"val_correct": 11}, "right answers, got"),
        ({"val_correct": -1}, "right answers, got"),
        ({"train_correct": 3, "train_images": 2}, "right answers, got"),
        ({"val_chance": 0.0}, "probability above 0"),
        ({"val_chance": 1.5}, "probability above 0"),
    ],
)
def test_impossible_counts_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        is_collapsed(**{"val_correct": 5, "val_images": 10, "val_chance": 0.5} | changed)


def test_bounds_of_the_rate_are_those_of_clopper_and_pearson() -> None:
    assert collapse_rate_interval(0, 5) == (0.0, pytest.approx(1 - 0.025**0.2))
    assert collapse_rate_interval(5, 5) == (pytest.approx(0.025**0.2), 1.0)
    assert collapse_rate_interval(1, 5) == pytest.approx((0.00505, 0.71642), abs=1e-5)


@given(st.integers(1, 20).flatmap(lambda draws: st.tuples(st.integers(0, draws), st.just(draws))))
def test_bounds_of_the_rate_hold_what_was_seen_and_mirror(counts: tuple[int, int]) -> None:
    collapsed, draws = counts
    low, high = collapse_rate_interval(collapsed, draws)
    assert 0 <= low <= collapsed / draws <= high <= 1
    assert collapse_rate_interval(draws - collapsed, draws) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.2, 0.5])
@pytest.mark.parametrize("draws", [2, 3, 5, 10, 20])
def test_bounds_of_the_rate_cover_it_in_95_of_100_at_least(rate: float, draws: int) -> None:
    held = [low <= rate <= high for low, high in (collapse_rate_interval(k, draws) for k in range(draws + 1))]
    assert sum(stats.binom.pmf(k, draws, rate) for k in range(draws + 1) if held[k]) >= 0.95


@pytest.mark.parametrize(("collapsed", "draws"), [(0, 0), (-1, 5), (6, 5)])
def test_impossible_counts_of_draws_are_refused(collapsed: int, draws: int) -> None:
    with pytest.raises(ValueError, match="collapsed draws, got"):
        collapse_rate_interval(collapsed, draws)
