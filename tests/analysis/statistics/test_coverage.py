"""Simulations with known truth: coverage of the intervals and the false-gain rate. Imports no TensorFlow.

`pytest -m slow -s tests/analysis/statistics/test_coverage.py` prints the tables of docs/statistics.md.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from scipy.stats import false_discovery_control

from analysis.statistics.paired_intervals import (
    difference_interval,
    draw_variance,
    draws_interval,
    mean_interval,
    verdict,
)

IMAGES = 2000
DENSITY = 0.33
"""Change of accuracy with the latent score between 70% and 80% right: the density of the normal there."""


class Setting(NamedTuple):
    """What a simulated group of cells is like; standard deviations of the draw effect in points of accuracy."""

    draws: int
    draw_sd: float
    correlation: float
    others: int = 6
    others_sd: float | None = None

    def __str__(self) -> str:
        return "-".join(f"{name}={value:g}" for name, value in self._asdict().items() if value is not None)


def simulate(rng: np.random.Generator, setting: Setting, accuracies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Right or wrong [cells, draws, images], and each cell's accuracy over all draws and images there could be.

    An image is right where a latent score is positive: the cell's level, an effect of the draw (correlating between
    cells), the image's difficulty (half of the variance shared by all cells, a fifth the cell's own) and noise.
    """
    cells = len(accuracies)
    sd = np.full(cells, setting.draw_sd / 100 / DENSITY)
    if setting.others_sd is not None:
        sd[2:] = setting.others_sd / 100 / DENSITY
    level = ndtri(accuracies) * np.sqrt(1 + sd**2)
    shared, own = rng.normal(size=(1, setting.draws)), rng.normal(size=(cells, setting.draws))
    effects = sd[:, None] * (setting.correlation**0.5 * shared + (1 - setting.correlation) ** 0.5 * own)
    images = rng.normal(0, 0.5**0.5, IMAGES) + rng.normal(0, 0.2**0.5, (cells, 1, IMAGES))
    noise = np.float32(0.3**0.5) * rng.standard_normal((cells, setting.draws, IMAGES), dtype=np.float32)
    correct = level[:, None, None] + effects[:, :, None] + images + noise > 0
    return correct, ndtr(level / np.sqrt(1 + sd**2))


def coverage(setting: Setting, repeats: int) -> tuple[float, float, float]:
    """Share of 95% intervals that hold the truth, of an accuracy and of a gain, and the gain's mean half width.

    Cell 0 is the baseline at 70%, cell 1 the one that is looked at, at 75%; the others lend their variance.
    """
    rng = np.random.default_rng(2022)
    accuracies = np.array([0.70] + [0.75] * (1 + setting.others))
    held, halves = [], []
    for _ in range(repeats):
        correct, truth = simulate(rng, setting, accuracies)
        gains = [np.subtract(cell, correct[0], dtype=np.float64) for cell in correct[1:]]
        lent = lent_gains = None
        if setting.others:
            lent = float(np.mean([draw_variance(cell) for cell in correct[2:]]))
            lent_gains = float(np.mean([draw_variance(gain) for gain in gains[1:]]))
        accuracy = mean_interval(correct[1], lent)
        gain, _ = difference_interval(gains[0], lent_gains)
        true_gain = 100 * (truth[1] - truth[0])
        held.append((accuracy.low <= truth[1] <= accuracy.high, gain.low <= true_gain <= gain.high))
        halves.append((gain.high - gain.low) / 2)
    of_accuracy, of_gain = np.mean(held, axis=0)
    return float(of_accuracy), float(of_gain), float(np.mean(halves))


def false_verdicts(draws: int, draw_sd: float, repeats: int, sizes: int, cells: int) -> tuple[float, float]:
    """On a grid where no cell differs from its baseline: share of reports with any verdict, and of cells called."""
    rng = np.random.default_rng(2022)
    setting = Setting(draws, draw_sd, 0.5)
    called = []
    for _ in range(repeats):
        gains = []
        for _ in range(sizes):
            correct, _ = simulate(rng, setting, np.full(1 + cells, 0.75))
            values = [np.subtract(cell, correct[0], dtype=np.float64) for cell in correct[1:]]
            spreads = np.array([draw_variance(value) for value in values])
            lent = (spreads.sum() - spreads) / (cells - 1)
            gains += [difference_interval(value, float(v)) for value, v in zip(values, lent, strict=True)]
        rejected = false_discovery_control([p for _, p in gains]) <= 0.05
        verdicts = [verdict(gain, bool(no)) for (gain, _), no in zip(gains, rejected, strict=True)]
        called.append(np.mean([one != "undecided" for one in verdicts]))
    return float(np.mean(np.array(called) > 0)), float(np.mean(called))


@pytest.mark.parametrize("draws", [3, 5])
def test_intervals_cover_the_truth_in_about_95_of_100(draws: int) -> None:
    of_accuracy, of_gain, _ = coverage(Setting(draws, 2, 0.5, others=3), 120)
    # 120 repeats: the standard error at 95% is 2 points.
    assert of_accuracy >= 0.90
    assert of_gain >= 0.90


def test_two_draws_are_wide_rather_than_wrong() -> None:
    _, of_gain, half = coverage(Setting(2, 2, 0.5, others=3), 60)
    assert of_gain >= 0.93
    assert half > 4


def test_a_small_grid_without_any_gain_is_called_without_gains() -> None:
    any_verdict, _ = false_verdicts(3, 2, 20, sizes=2, cells=8)
    # At 5% the chance of more than 4 in 20 is 0.3%.
    assert any_verdict <= 4 / 20


@pytest.mark.parametrize("draws", [3, 5])
def test_the_t_interval_of_draws_covers_the_truth(draws: int) -> None:
    values = np.random.default_rng(1).normal(3.0, 2.0, (1000, draws))
    found = [draws_interval(row)[0] for row in values]
    # 1,000 repeats: the standard error is 0.7 points.
    assert 0.93 <= np.mean([one.low <= 3.0 <= one.high for one in found]) <= 0.97


GAIN_SETTINGS = [Setting(d, sd, r) for d in (3, 5) for sd in (0.5, 2.0, 5.0) for r in (0.2, 0.5, 0.8)]
ALONE = [Setting(d, sd, 0.5, others=0) for d in (3, 5) for sd in (0.5, 2.0, 5.0)]
UNEQUAL = [Setting(d, 2.0, 0.5, others_sd=sd) for d in (3, 5) for sd in (1.0, 4.0)]
TWO_DRAWS = [Setting(2, sd, 0.5) for sd in (0.5, 2.0, 5.0)]
REPEATS = 1000


def some(settings: list[Setting], *often: int) -> list[Any]:
    """The settings as pytest's parameters; all but those at the places `often` are exhaustive."""
    return [
        pytest.param(setting, id=str(setting), marks=[] if place in often else [pytest.mark.exhaustive])
        for place, setting in enumerate(settings)
    ]


def shown(setting: Setting, repeats: int) -> tuple[float, float]:
    of_accuracy, of_gain, half = coverage(setting, repeats)
    print(f"\n{setting}: accuracy {100 * of_accuracy:.1f}%, gain {100 * of_gain:.1f}%, half width {half:.1f} points")
    return of_accuracy, of_gain


# Two standard errors of 1,000 repeats are 1.4 points.
@pytest.mark.slow
@pytest.mark.parametrize("setting", some(GAIN_SETTINGS, 4, 15) + some(ALONE, 1))
def test_coverage_lies_between_93_and_97_percent(setting: Setting) -> None:
    for share in shown(setting, REPEATS):
        assert 0.93 - 0.014 <= share <= 0.97 + 0.014


@pytest.mark.slow
@pytest.mark.parametrize("setting", some(UNEQUAL, 1) + some(TWO_DRAWS, 1))
def test_unlike_cells_and_two_draws_cost_little_coverage(setting: Setting) -> None:
    for share in shown(setting, REPEATS):
        assert share >= 0.91


@pytest.mark.slow
@pytest.mark.exhaustive  # test_a_small_grid_without_any_gain_is_called_without_gains is in every run
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("draws", [3, 5])
def test_the_whole_grid_without_any_gain_is_called_in_at_most_5_of_100_reports(draws: int) -> None:
    # 9 sizes of 54 cells: the three transfers of `original` with nine freeze counts, fine-tuning off and on.
    any_verdict, cells = false_verdicts(draws, 2.0, 100, sizes=9, cells=54)
    print(f"\n{draws} draws: a verdict in {100 * any_verdict:.1f}% of 100 reports, of {100 * cells:.3f}% of cells")
    # 5% and two standard errors of 100 repeats.
    assert any_verdict <= 0.05 + 0.044
