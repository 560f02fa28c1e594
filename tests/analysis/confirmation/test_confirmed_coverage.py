"""Simulations with known truth: coverage of fresh draws' intervals and false verdicts. Imports no TensorFlow.

`pytest -m slow -s tests/analysis/confirmation/test_confirmed_coverage.py` prints the tables of docs/statistics.md.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from analysis.confirmation.collapse import is_collapsed
from analysis.confirmation.confirmed_intervals import Arm, accuracy_interval, arm_accuracy, compare
from analysis.confirmation.verdicts import LOOKS, ConfirmedSize, FreshDraws, confirm, decided
from tests.analysis.simulated_draws import levels_of, simulate

IMAGES, VAL_IMAGES = 1000, 500
COLLAPSES = (0.0, 0.05, 0.2, 0.5)
FIXED = (2, 3, 5, 10)


class Setting(NamedTuple):
    """Trainings at one n; `draw_sd` in points of accuracy, `collapse` the probability of each arm's.

    With `shared`, the luck of a gain is the baseline's alone: it is then all that two gains over that baseline have.
    """

    draw_sd: float
    collapse: tuple[float, ...]
    correlation: float = 0.5
    heavy: bool = False
    shared: bool = False

    def sds(self, arms: int) -> np.ndarray:
        """Of cell, baseline and further arms."""
        return np.array([0.0 if self.shared else self.draw_sd] + [self.draw_sd] * (arms - 1))


def arms_of(rng: np.random.Generator, setting: Setting, levels: np.ndarray, draws: int) -> list[Arm]:
    """Fresh draws, collapsed where 500 images of val don't tell them from chance."""
    found = simulate(
        rng, levels, setting.sds(len(levels)), draws, IMAGES, setting.correlation, VAL_IMAGES, setting.heavy,
        np.array(setting.collapse),
    )  # fmt: skip
    counts = found.val_correct.sum(axis=2)  # [arms, draws]
    return [
        Arm(correct, np.array([is_collapsed(val_correct=int(c), val_images=VAL_IMAGES, val_chance=0.5) for c in right]))
        for correct, right in zip(found.correct, counts, strict=True)
    ]


def first(arm: Arm, draws: int) -> Arm:
    return Arm(arm.correct[:draws], arm.collapsed[:draws])


def held_by(arms: list[Arm], draws: int, look: int | None) -> tuple[bool | None, bool | None]:
    """Whether the intervals of the baseline's accuracy (70%) and the cell's gain (5 points) include these; else
    None."""
    looks = (len(LOOKS), look) if look else (1, 1)
    cell, baseline = (first(arm, draws) for arm in arms)
    _, accuracy = arm_accuracy(baseline, *looks)
    gain = compare(cell, baseline, *looks).interval
    return accuracy and accuracy.low <= 0.70 <= accuracy.high, gain and gain.low <= 5 <= gain.high


def coverage(setting: Setting, repeats: int) -> dict[str, tuple[float, float]]:
    """By number of draws: share of 95% intervals that include the truth, of an accuracy and of a gain.

    "looks": of the intervals at 5, 10 and 20 draws all hold it. No rule to stop by can do worse.
    """
    rng = np.random.default_rng(2022)
    levels = levels_of(np.array([0.75, 0.70]), setting.sds(2), setting.heavy, setting.correlation)
    held: dict[str, list[tuple[bool | None, bool | None]]] = {str(draws): [] for draws in FIXED} | {"looks": []}
    for _ in range(repeats):
        arms = arms_of(rng, setting, levels, LOOKS[-1])
        for draws in FIXED:
            held[str(draws)].append(held_by(arms, draws, None))
        each = [held_by(arms, draws, look) for look, draws in enumerate(LOOKS, 1)]
        held["looks"].append((all(a is not False for a, _ in each), all(g is not False for _, g in each)))

    def share(found: list[bool | None]) -> float:
        return float(np.mean([one for one in found if one is not None]))

    return {name: (share([a for a, _ in found]), share([g for _, g in found])) for name, found in held.items()}


def report(
    rng: np.random.Generator, setting: Setting, accuracies: list[float], sizes: int
) -> tuple[ConfirmedSize, ...]:
    """A report of some sizes: cell, baseline and best from scratch; sizes that are undecided go to the next look."""
    sds = setting.sds(len(accuracies))
    levels = levels_of(np.array(accuracies), sds, setting.heavy, setting.correlation)
    arms = [arms_of(rng, setting, levels, LOOKS[-1]) for _ in range(sizes)]
    looks = [1] * sizes
    for next_look in (2, 3, None):
        fresh = [FreshDraws(n, k, *(first(a, LOOKS[k - 1]) for a in arms[n])) for n, k in enumerate(looks)]
        found = confirm(fresh)
        if next_look:
            looks = [look if decided(size) else next_look for look, size in zip(looks, found, strict=True)]
    return found


def false_verdicts(setting: Setting, repeats: int, sizes: int) -> float:
    """Share of reports with a false verdict. Where only the others collapse, a gain is true and a loss is false."""
    rng = np.random.default_rng(2022)
    wrong = {"loss"} if setting.collapse[0] < setting.collapse[1] else {"gain", "loss"}
    found = [report(rng, setting, [0.75] * 3, sizes) for _ in range(repeats)]
    return float(np.mean([any(wrong & {s.verdict, s.lead_verdict} for s in sizes) for sizes in found]))


def after_selection(repeats: int, cells: int, draws: int) -> tuple[float, float]:
    """Coverage of the accuracy of the best of some cells on val: from the draws it was chosen by, and from fresh ones.

    Draw effects of 5 points, a fifth of the variance shared; the cells' accuracies differ by a standard deviation of 1.
    """
    rng = np.random.default_rng(2022)
    held = []
    for _ in range(repeats):
        accuracies = np.clip(rng.normal(0.72, 0.01, cells), 0.6, 0.84)
        sds = np.full(cells, 5.0)
        levels = levels_of(accuracies, sds)
        searched = simulate(rng, levels, sds, 3, IMAGES, 0.2, VAL_IMAGES)
        best = int(searched.val_correct.mean(axis=(1, 2)).argmax())
        fresh = simulate(rng, levels[[best]], sds[:1], draws, IMAGES).correct[0]
        found = [accuracy_interval(correct) for correct in (searched.correct[best], fresh)]
        held.append([one.low <= accuracies[best] <= one.high for one in found])
    of_searched, of_fresh = np.mean(held, axis=0)
    return float(of_searched), float(of_fresh)


@pytest.mark.parametrize("heavy", [False, True])
@pytest.mark.parametrize("collapse", [0.0, 0.5])
def test_intervals_hold_the_truth_whatever_collapses(collapse: float, heavy: bool) -> None:
    found = coverage(Setting(5.0, (0.0, collapse), heavy=heavy), 60)
    # Of 60 the standard error at 95% is 2.8 points; of 2 draws half the pairs are left, or fewer.
    assert min(min(shares) for name, shares in found.items() if name != "2") >= 0.86


def test_fresh_draws_hold_the_truth_of_the_best_of_many() -> None:
    of_searched, of_fresh = after_selection(60, 40, 5)
    assert of_fresh >= 0.88
    assert of_searched < of_fresh


@pytest.mark.parametrize("collapse", [(0.0, 0.0, 0.0), (0.2, 0.2, 0.2), (0.0, 0.5, 0.5)])
def test_a_report_without_gains_is_given_no_verdict(collapse: tuple[float, ...]) -> None:
    # At 5% the chance of more than 3 in 15 is 0.5%.
    assert false_verdicts(Setting(2.0, collapse), 15, sizes=3) <= 3 / 15


def test_clear_gains_are_called_and_a_collapsing_twin_takes_more_draws() -> None:
    rng = np.random.default_rng(1)
    [plain] = report(rng, Setting(0.5, (0.0, 0.0)), [0.80, 0.70], 1)
    [collapsing] = report(rng, Setting(0.5, (0.0, 0.9)), [0.80, 0.70], 1)
    assert (plain.verdict, plain.draws) == ("gain", 5)
    assert collapsing.verdict == "gain" and collapsing.draws > 5


TABLE = [
    Setting(sd, (0.0, rate), heavy=heavy) for sd in (0.5, 2.0, 5.0) for heavy in (False, True) for rate in COLLAPSES
]
TABLE += [Setting(5.0, (0.0, 0.0), correlation=r) for r in (0.0, 0.8, 1.0)] + [Setting(5.0, (0.0, 0.0), shared=True)]
NULL = [(0.0,) * 3, (0.05,) * 3, (0.2,) * 3, (0.5,) * 3, (0.0, 0.2, 0.2), (0.0, 0.5, 0.5)]
REPORTS = [Setting(2.0, rates, heavy=heavy) for heavy in (False, True) for rates in NULL]
REPORTS += [Setting(sd, (0.0,) * 3) for sd in (0.5, 5.0)] + [Setting(2.0, (0.0,) * 3, shared=True)]


EXHAUSTIVE = [pytest.mark.exhaustive]


def some(settings: list[Setting], often: int, repeats: int) -> list[object]:
    """Settings and numbers of repeats; all is exhaustive but a quarter of the repeats of one setting."""
    every = [pytest.param(one, repeats, id=f"{place}", marks=EXHAUSTIVE) for place, one in enumerate(settings)]
    return [pytest.param(settings[often], repeats // 4, id=f"a quarter of {often}"), *every]


def two_errors(repeats: float) -> float:
    """Two standard errors of a share of 5% (or 95%) of so many repeats: 1.4 points of 1,000."""
    return float(2 * (0.05 * 0.95 / repeats) ** 0.5)


@pytest.mark.slow
@pytest.mark.parametrize(("setting", "repeats"), some(TABLE, 7, 1000))
def test_coverage_is_93_percent_or_more(setting: Setting, repeats: int) -> None:
    found = coverage(setting, repeats)
    shown = ", ".join(f"{name}: {100 * a:.1f} / {100 * g:.1f}" for name, (a, g) in found.items())
    print(f"\n{setting} {shown}")
    for name, shares in found.items():
        # Where half of the draws collapse, both of two are left in a quarter of the repeats.
        assert min(shares) >= 0.93 - two_errors(repeats / 4 if name == "2" else repeats)


@pytest.mark.slow
@pytest.mark.parametrize(("setting", "repeats"), some(REPORTS, 2, 300))
def test_any_false_verdict_is_given_in_at_most_5_of_100_reports(setting: Setting, repeats: int) -> None:
    share = false_verdicts(setting, repeats, sizes=9)
    print(f"\n{setting} a false verdict in {100 * share:.1f}% of {repeats} reports")
    assert share <= 0.05 + two_errors(repeats)


@pytest.mark.slow
@pytest.mark.exhaustive  # test_fresh_draws_hold_the_truth_of_the_best_of_many is in every run
@pytest.mark.parametrize("draws", FIXED)
def test_fresh_draws_of_the_best_of_300_cells_hold_its_accuracy(draws: int) -> None:
    of_searched, of_fresh = after_selection(300, 300, draws)
    print(
        f"\nbest of 300: {100 * of_searched:.1f}% from the search's 3 draws, {100 * of_fresh:.1f}% from {draws} fresh"
    )
    assert of_fresh >= 0.93 - two_errors(300)
