"""Verdicts of a whole report from fresh draws: any false one in at most 5% of reports. No TensorFlow.

Each n has two questions: is the chosen cell better than its baseline (gain), and than the best network from scratch
(lead)? If the latter is the baseline, that is one question. Their p-values are valid at every planned look
(`confirmed_intervals.py`). Holm's procedure decides over all questions of the report, whatever their dependence
(Scandinavian Journal of Statistics 6, 1979). So the probability of any false verdict in a report is at most 5%,
whichever sizes got further draws and whenever these ended. A gain or a loss is false if there is no difference in draws
in which neither arm collapses, nor in more than half of all draws.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from analysis.confirmation.confirmed_intervals import Arm, Comparison, arm_accuracy, compare
from analysis.statistics.paired_intervals import Interval, Verdict

FALSE_VERDICTS = 0.05
"""At most this share of reports has any false verdict."""
LOOKS = (5, 10, 20)
"""Draws at which the sizes of a report are looked at."""


@dataclasses.dataclass(frozen=True)
class FreshDraws:
    """The fresh trainings of one n; every arm has the same draws and test images.

    Attributes:
      n: training images.
      look: which of the planned looks it is, from 1. A size whose draws ended between two looks is at the later one.
      cell: the chosen cell.
      baseline: the network from random weights against which the gain is measured.
      from_scratch: the best network from scratch; None if that is the baseline.
    """

    n: int
    look: int
    cell: Arm
    baseline: Arm
    from_scratch: Arm | None = None


@dataclasses.dataclass(frozen=True)
class Collapsed:
    """How many of a size's draws collapsed, by arm (`collapse_rate_interval` estimates the rate)."""

    cell: int
    baseline: int
    from_scratch: int


@dataclasses.dataclass(frozen=True)
class ConfirmedSize:
    """The figures and verdicts of one n from fresh draws.

    Figures are of trainings that did not collapse, and None if all did; an interval is (low, high), and None with fewer
    than two such trainings. Intervals are for one figure at a time, and verdicts for the whole report.

    Attributes:
      n: training images.
      draws: fresh draws of each arm, collapsed ones included.
      accuracy, accuracy_interval: the chosen cell's on test, fractions.
      best_from_scratch_accuracy: a fraction.
      gain_points, gain_interval_points: over the baseline, percentage points, over draws in which neither collapsed.
      verdict: of the gain.
      collapsed: draws, by arm.
      lead_points, lead_interval_points, lead_verdict: the same over the best network from scratch.
    """

    n: int
    draws: int
    accuracy: float | None
    accuracy_interval: tuple[float, float] | None
    best_from_scratch_accuracy: float | None
    gain_points: float | None
    gain_interval_points: tuple[float, float] | None
    verdict: Verdict
    collapsed: Collapsed
    lead_points: float | None
    lead_interval_points: tuple[float, float] | None
    lead_verdict: Verdict


def confirm(sizes: Sequence[FreshDraws], looks_planned: int = len(LOOKS)) -> tuple[ConfirmedSize, ...]:
    """Every size of a report with its figures and verdicts, in the order given.

    All reported sizes must be given, because their verdicts are corrected together.

    Args:
      sizes: the trainings so far.
      looks_planned: the most looks at each size, fixed before the first.

    Raises:
      ValueError: arms of a size differ in draws or images, or a look was not planned.
    """
    gains = [compare(size.cell, size.baseline, looks_planned, size.look) for size in sizes]
    leads = [
        None if size.from_scratch is None else compare(size.cell, size.from_scratch, looks_planned, size.look)
        for size in sizes
    ]
    asked = [*gains, *(lead for lead in leads if lead is not None)]
    decided = iter(_verdicts(asked))
    of_gains = [next(decided) for _ in gains]
    of_leads = [verdict if lead is None else next(decided) for verdict, lead in zip(of_gains, leads, strict=True)]
    return tuple(
        _confirmed(size, looks_planned, gain, of_gain, gain if lead is None else lead, of_lead)
        for size, gain, lead, of_gain, of_lead in zip(sizes, gains, leads, of_gains, of_leads, strict=True)
    )


def decided(size: ConfirmedSize) -> bool:
    """True if no further draws are needed: both verdicts, over the baseline and the best from scratch, are decided."""
    return "undecided" not in (size.verdict, size.lead_verdict)


def holm(p_values: Sequence[float], level: float = FALSE_VERDICTS) -> np.ndarray:
    """bool [hypotheses]: which Holm's procedure (1979) rejects.

    Args:
      p_values: one per hypothesis, with any dependence.
      level: share of reports with any false rejection, at most.
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    rejected = np.zeros(p.size, bool)
    rejected[order] = adjusted <= level
    return rejected


def _verdicts(comparisons: Sequence[Comparison]) -> list[Verdict]:
    """All verdicts of a report from all of its comparisons."""
    by_sign: dict[int, Verdict] = {1: "gain", -1: "loss", 0: "undecided"}
    rejected = holm([one.p_value for one in comparisons])
    return [by_sign[one.sign] if no else "undecided" for one, no in zip(comparisons, rejected, strict=True)]


def _confirmed(
    size: FreshDraws, looks_planned: int, gain: Comparison, of_gain: Verdict, lead: Comparison, of_lead: Verdict
) -> ConfirmedSize:
    scratch = size.baseline if size.from_scratch is None else size.from_scratch
    accuracy, interval = arm_accuracy(size.cell, looks_planned, size.look)
    counts = (int(arm.collapsed.sum()) for arm in (size.cell, size.baseline, scratch))
    return ConfirmedSize(
        n=size.n,
        draws=size.cell.draws,
        accuracy=accuracy,
        accuracy_interval=_bounds(interval),
        best_from_scratch_accuracy=arm_accuracy(scratch, looks_planned, size.look)[0],
        gain_points=gain.points,
        gain_interval_points=_bounds(gain.interval),
        verdict=of_gain,
        collapsed=Collapsed(*counts),
        lead_points=lead.points,
        lead_interval_points=_bounds(lead.interval),
        lead_verdict=of_lead,
    )


def _bounds(interval: Interval | None) -> tuple[float, float] | None:
    return None if interval is None else (interval.low, interval.high)
