"""Simulations with known truth: coverage of the intervals and the false-gain rate. Imports no TensorFlow.

`pytest -m slow -s tests/analysis/statistics/test_coverage.py` prints the tables of docs/statistics.md.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from analysis.statistics.paired_intervals import draws_interval, mean_interval, paired_gain_interval, verdict
from tests.analysis.simulated_draws import levels_of, simulate

IMAGES = 2000


class Setting(NamedTuple):
    """Parameters of a simulated cell and its baseline; standard deviations of the draw effect in points of accuracy.

    With `shared`, the luck of a gain is its baseline's alone, so that all gains over that baseline have the same.
    """

    draws: int
    draw_sd: float
    correlation: float = 0.5
    shared: bool = False
    heavy: bool = False

    @property
    def sds(self) -> np.ndarray:
        """Of baseline and cell."""
        return np.array([self.draw_sd, 0.0 if self.shared else self.draw_sd])

    def __str__(self) -> str:
        return "-".join(f"{name}={value:g}" for name, value in self._asdict().items())


def coverage(setting: Setting, repeats: int) -> tuple[float, float, float]:
    """Share of 95% intervals that include the truth, of an accuracy and of a gain, and the gain's mean half width.

    The accuracy is the baseline's, 70%; the cell's is 75%.
    """
    rng = np.random.default_rng(2022)
    levels = levels_of(np.array([0.70, 0.75]), setting.sds, setting.heavy, setting.correlation)
    held, halves = [], []
    for _ in range(repeats):
        found = simulate(rng, levels, setting.sds, setting.draws, IMAGES, setting.correlation, heavy=setting.heavy)
        baseline, cell = found.correct
        accuracy = mean_interval(baseline)
        gain, _ = paired_gain_interval(cell, baseline)
        held.append((accuracy.low <= 0.70 <= accuracy.high, gain.low <= 5 <= gain.high))
        halves.append((gain.high - gain.low) / 2)
    of_accuracy, of_gain = np.mean(held, axis=0)
    return float(of_accuracy), float(of_gain), float(np.mean(halves))


def false_verdicts(setting: Setting, repeats: int, sizes: int, cells: int) -> tuple[float, float]:
    """On a grid where no cell differs from its baseline: share of reports with any verdict, and of cells called."""
    rng = np.random.default_rng(2022)
    sds = np.append(setting.sds, np.repeat(setting.sds[1], cells - 1))
    levels = levels_of(np.full(1 + cells, 0.75), sds)
    called = []
    for _ in range(repeats):
        gains = []
        for _ in range(sizes):
            baseline, *others = simulate(rng, levels, sds, setting.draws, IMAGES, setting.correlation).correct
            gains += [paired_gain_interval(cell, baseline) for cell in others]
        rejected = false_discovery_control([p for _, p in gains]) <= 0.05
        verdicts = [verdict(gain, bool(no)) for (gain, _), no in zip(gains, rejected, strict=True)]
        called.append(np.mean([one != "undecided" for one in verdicts]))
    return float(np.mean(np.array(called) > 0)), float(np.mean(called))


@pytest.mark.parametrize("draws", [2, 3, 5])
@pytest.mark.parametrize("shared", [False, True])
def test_intervals_cover_the_truth_in_about_95_of_100(draws: int, shared: bool) -> None:
    of_accuracy, of_gain, _ = coverage(Setting(draws, 5, shared=shared), 100)
    # 100 repeats: the standard error at 95% is 2 points.
    assert of_accuracy >= 0.90
    assert of_gain >= 0.90


def test_a_small_grid_without_any_gain_is_called_without_gains() -> None:
    any_verdict, _ = false_verdicts(Setting(3, 2), 20, sizes=2, cells=8)
    # At 5% the chance of more than 4 in 20 is 0.3%.
    assert any_verdict <= 4 / 20


@pytest.mark.parametrize("draws", [3, 5])
def test_the_t_interval_of_draws_covers_the_truth(draws: int) -> None:
    values = np.random.default_rng(1).normal(3.0, 2.0, (1000, draws))
    found = [draws_interval(row)[0] for row in values]
    # 1,000 repeats: the standard error is 0.7 points.
    assert 0.93 <= np.mean([one.low <= 3.0 <= one.high for one in found]) <= 0.97


DRAWS, SDS = (2, 3, 5, 10), (0.5, 2.0, 5.0)
ALIKE = [Setting(d, sd, r) for d in DRAWS for sd in SDS for r in (0.2, 0.5, 0.8)]
SHARED = [Setting(d, sd, shared=True) for d in DRAWS for sd in SDS]
HEAVY = [Setting(d, sd, heavy=True) for d in DRAWS for sd in SDS]
REPEATS = 1000


def some(settings: list[Setting], *often: int) -> list[Any]:
    """The settings as pytest's parameters; all but those at the places `often` are exhaustive."""
    return [
        pytest.param(setting, id=str(setting), marks=[] if place in often else [pytest.mark.exhaustive])
        for place, setting in enumerate(settings)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("setting", some(ALIKE, 13) + some(SHARED, 2) + some(HEAVY, 5))
def test_coverage_is_93_percent_or_more(setting: Setting) -> None:
    of_accuracy, of_gain, half = coverage(setting, REPEATS)
    print(f"\n{setting}: accuracy {100 * of_accuracy:.1f}%, gain {100 * of_gain:.1f}%, half width {half:.1f} points")
    # Two standard errors of 1,000 repeats are 1.4 points.
    assert min(of_accuracy, of_gain) >= 0.93 - 0.014


@pytest.mark.slow
@pytest.mark.exhaustive  # test_a_small_grid_without_any_gain_is_called_without_gains is in every run
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("draws", [3, 5])
def test_the_whole_grid_without_any_gain_is_called_in_at_most_5_of_100_reports(draws: int, shared: bool) -> None:
    # 9 sizes of 54 cells: the three transfers of `original` with nine freeze counts, fine-tuning off and on.
    any_verdict, cells = false_verdicts(Setting(draws, 2.0, shared=shared), 100, sizes=9, cells=54)
    print(f"\n{draws} draws, shared {shared}: a verdict in {100 * any_verdict:.1f}% of 100 reports, of "
          f"{100 * cells:.3f}% of cells")  # fmt: skip
    # 5% and two standard errors of 100 repeats.
    assert any_verdict <= 0.05 + 0.044
