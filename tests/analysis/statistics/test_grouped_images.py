"""Intervals where test images depend on each other: by hand, invariants, coverage. Imports no TensorFlow.

`pytest -m "slow or exhaustive" -s tests/analysis/statistics/test_grouped_images.py` prints docs/statistics.md's table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from analysis.statistics.paired_intervals import mean_interval, paired_gain_interval
from analysis.statistics.uncertainty import spread_of
from tests.analysis.simulated_draws import levels_of, simulate

QUICK = settings(max_examples=40, deadline=None)
CORRECT = st.tuples(st.integers(1, 4), st.integers(2, 20)).flatmap(lambda shape: arrays(bool, shape))


def test_by_hand_one_draw_of_two_groups_of_two_that_are_alike() -> None:
    # Deviations 1/2, 1/2, -1/2, -1/2; sums of groups 1, -1, so S = 2, S1 = 1, r = (2 - 1) / (8 / 4 - 1) = 1.
    # Added: mean(m^2) = 4. v = (2 + 4) * 2 / (1 * 16) = 0.75; w = 4, 4, mu = 64 / 32 - 1 = 1.
    spread = spread_of(np.array([[[1.0, 1, 0, 0]]]), np.ones(1), np.array([7, 7, 3, 3]))
    assert (spread.between_images[0], spread.image_degrees[0]) == pytest.approx((0.75, 1.0))


def test_by_hand_groups_of_two_sizes_that_are_not_alike() -> None:
    # Deviations 1/2, -1/2, 1/2, -1/2 of groups of 2, 1, 1: sums 0, 1/2, -1/2, so S = 1/2, S1 = 1, r = 0.
    # Added: 1. v = (1/2 + 1) * 3 / (2 * 16); w = m, mu = 16 / (4 + 1 + 1) - 1.
    spread = spread_of(np.array([[[1.0, 0, 1, 0]]]), np.ones(1), np.array([0, 0, 1, 2]))
    assert (spread.between_images[0], spread.image_degrees[0]) == pytest.approx((4.5 / 32, 16 / 6 - 1))


def test_by_hand_two_draws() -> None:
    # Both groups as one image each, twice: what images and draws leave is that of two images.
    values = np.array([[1.0, 1, 0, 0], [1, 1, 1, 1]])
    spread = spread_of(values[None], np.ones(1), np.array([0, 0, 1, 1]))
    single = spread_of(values[None, :, ::2], np.ones(1))
    for name in ("estimate", "between_draws", "rest", "between_images", "image_degrees"):
        assert getattr(spread, name)[0] == pytest.approx(getattr(single, name)[0]), name


@QUICK
@given(CORRECT)
def test_a_group_for_each_image_changes_nothing(correct: np.ndarray) -> None:
    groups = np.random.default_rng(0).permutation(correct.shape[1])
    assert mean_interval(correct, groups=groups) == mean_interval(correct)


@QUICK
@given(CORRECT, st.integers(1, 4))
def test_copies_of_each_image_in_its_group_give_the_interval_of_single_images(correct: np.ndarray, copies: int) -> None:
    """Images that are all copies say no more than one of them, however many there are."""
    wide = np.repeat(correct, copies, axis=1)
    found = mean_interval(wide, groups=np.repeat(np.arange(correct.shape[1]), copies))
    alone = mean_interval(correct)
    assert (found.low, found.estimate, found.high) == pytest.approx((alone.low, alone.estimate, alone.high))


@QUICK
@given(CORRECT)
def test_the_order_of_images_and_the_numbers_of_groups_do_not_matter(correct: np.ndarray) -> None:
    images = correct.shape[1]
    rng = np.random.default_rng(images)
    groups, order = np.append([0, 1], rng.integers(0, max(2, images // 2), images - 2)), rng.permutation(images)
    first, p = paired_gain_interval(correct, ~correct, groups=groups)
    second, q = paired_gain_interval(correct[:, order], ~correct[:, order], groups=1000 - 3 * groups[order])
    assert (first.low, first.high, p) == pytest.approx((second.low, second.high, q), nan_ok=True)


def test_one_group_leaves_no_interval() -> None:
    values, groups = np.array([[1.0, 0, 1], [0, 1, 1]]), np.zeros(3, int)
    spread = spread_of(values[None], np.ones(1), groups)
    assert math.isnan(spread.between_images[0]) and math.isnan(spread.rest[0])
    with pytest.raises(ValueError, match="two groups or more, got 3 of one group"):
        mean_interval(values, groups=groups)


def test_the_quantile_of_few_groups_is_students() -> None:
    # 4 groups of 25 that are alike: mu = 3.
    correct = np.repeat([[True, True, True, False]], 25, axis=1)
    found = mean_interval(correct, level=0.5, groups=np.repeat(np.arange(4), 25))
    assert found.low == pytest.approx(0.75 - stats.t.ppf(0.75, 3) * math.sqrt(1.75 / 12))


SIZES = {
    "100 of 2": [2] * 100,
    "50 of 4": [4] * 50,
    "20 of 10": [10] * 20,
    "8 of 25": [25] * 8,
    "100 single, 25 of 4": [1] * 100 + [4] * 25,
    "150 single, 1 of 50": [1] * 150 + [50],
    "29 of 1 to 40": [40, 30, 20, 15, 12, 10, 8, 8, 6, 6, 5, 5, 4, 4, 3, 3, 3, *[2] * 6, *[1] * 6],
}


def coverage(sizes: Sequence[int], alike: float, draws: int, repeats: int) -> dict[str, tuple[float, float, float]]:
    """By whether groups are allowed for: share of 95% intervals of an accuracy, and of a gain, that include the truth;
    and the gain's mean half width in points.

    Args:
      sizes: of the groups of test images.
      alike: share of the images whose answers are those of their group's first image.
      draws: of each cell; the standard deviation of their effect is 2 points.
      repeats: of the simulation.
    """
    rng, accuracies, sds = np.random.default_rng(2022), np.array([0.70, 0.75]), np.full(2, 2.0)
    levels, groups = levels_of(accuracies, sds), np.repeat(np.arange(len(sizes)), sizes)
    firsts = (np.cumsum(sizes) - sizes)[groups]
    held: dict[str, list[tuple[bool, bool, float]]] = {"grouped": [], "as if single": []}
    for _ in range(repeats):
        places = np.where(rng.random(len(groups)) < alike, firsts, np.arange(len(groups)))
        baseline, cell = simulate(rng, levels, sds, draws, len(groups)).correct[:, :, places]
        for name, some in (("grouped", groups), ("as if single", None)):
            accuracy = mean_interval(baseline, groups=some)
            gain, _ = paired_gain_interval(cell, baseline, groups=some)
            half = (gain.high - gain.low) / 2
            held[name].append((accuracy.low <= 0.70 <= accuracy.high, gain.low <= 5 <= gain.high, half))
    found = {}
    for name, one in held.items():
        of_accuracy, of_gain, half = np.mean(one, axis=0).tolist()
        found[name] = of_accuracy, of_gain, half
    return found


def test_intervals_of_copies_cover_the_truth_where_those_of_single_images_do_not() -> None:
    found = coverage(SIZES["50 of 4"], 1.0, 5, 100)
    # 100 repeats: the standard error at 95% is 2 points.
    assert min(found["grouped"][:2]) >= 0.90 and found["as if single"][0] < 0.90


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "alike", "draws"),
    [
        pytest.param(
            name, alike, draws, id=f"{name}-{alike}-{draws}",
            marks=[] if (name, alike, draws) == ("29 of 1 to 40", 1.0, 5) else [pytest.mark.exhaustive],
        )
        for name in SIZES for alike in (0.0, 0.7, 1.0) for draws in (3, 5, 10)
    ],
)  # fmt: skip
def test_coverage_with_groups_is_93_percent_or_more(name: str, alike: float, draws: int) -> None:
    found = coverage(SIZES[name], alike, draws, 1000)
    print(f"\n{name}, {alike:g} alike, {draws} draws: " + "; ".join(
        f"{way} {100 * a:.1f} / {100 * g:.1f}%, {half:.1f}" for way, (a, g, half) in found.items()
    ))  # fmt: skip
    # Two standard errors of 1,000 repeats are 1.4 points.
    assert min(found["grouped"][:2]) >= 0.93 - 0.014
