"""Findings beyond single cells, and the fields of their tables in words. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.cells.cell_summaries import Summaries
from analysis.cells.grid import Grid, SweepCell
from analysis.claims.claim import Claim
from analysis.claims.claims import judge_claims
from analysis.findings.confirmed import Confirmation, Confirmed
from analysis.findings.labels_saved import LabelsNeeded, labels_needed
from analysis.findings.learning_curves import LearningMeasures, Pace, measure_curves
from analysis.findings.recommendation import Advice, advise
from analysis.statistics import formats
from analysis.statistics.paired_intervals import Interval
from experiment.errors import counted

MISSING = "-"


@dataclasses.dataclass(frozen=True)
class Findings:
    """The findings of a run: advice, labels and claims about chosen cells from fresh draws, all else from the
    search."""

    advice: Sequence[Advice]
    claims: Sequence[Claim]
    labels: Sequence[LabelsNeeded]
    measures: Mapping[SweepCell, LearningMeasures]


def find(
    grid: Grid, summaries: Summaries, confirmation: Confirmation, pace: Pace, *, complete: bool = True,
    floor: float = 0.0,
) -> Findings:  # fmt: skip
    """Computes all of it.

    Args:
      grid, summaries: of the search.
      confirmation: of what it chose.
      pace: of its curves.
      complete: see judge_claims.
      floor: see Advice.

    Raises:
      ThawError: as `Ledgers.baseline_rows` and `Grid.values`.
    """
    claims = judge_claims(grid, summaries, Grid(confirmation.ledgers), complete=complete)
    return Findings(advise(confirmation, floor), claims, labels_needed(confirmation), measure_curves(grid, pace))


def labels_table(labels: Sequence[LabelsNeeded], confirmation: Confirmation) -> dict[str, Any]:
    """Sizes, and for each transfer the field of each size: estimate and interval in words, whether it saves.

    `lacking` says whether some transfer was not confirmed at a size; its field is MISSING.

    Labels are saved if the interval lies above n and the lead over the best network from scratch is a gain, as in the
    other tables.
    """
    gains = {answer.question.chosen for answer in confirmation.answers if answer.scratch.verdict == "gain"}
    sizes = sorted({one.cell.n for one in labels})
    rows: dict[str, dict[int, LabelsNeeded]] = {}
    for one in labels:
        rows.setdefault(one.transfer, {})[one.cell.n] = one
    missing = {"text": MISSING, "bounds": "", "saves": False}
    fields = {
        transfer: [_label_field(found[n], (transfer, found[n].cell) in gains) if n in found else missing for n in sizes]
        for transfer, found in rows.items()
    }
    lacking = any(missing in row for row in fields.values())
    return {"sizes": sizes, "rows": fields, "largest": max(one.largest for one in labels), "lacking": lacking}


def _label_field(one: LabelsNeeded, gains: bool) -> dict[str, Any]:
    saves = gains and one.draws > 1 and (one.low is None or one.low > one.cell.n)
    text, bounds = needed_in_words(one.needed, (one.low, one.high), (one.smallest, one.largest), one.draws)
    return {"text": text, "bounds": bounds, "saves": saves}


def needed_in_words(
    needed: float | None, interval: Sequence[float | None], sizes: Sequence[int], draws: int
) -> tuple[str, str]:
    """`310` and `[≤50, >400]`, wherever the images that training from scratch needs are shown.

    Args:
      needed, interval: see LabelsNeeded.
      sizes: the smallest and the largest.
      draws: see LabelsNeeded.
    """
    smallest, largest = sizes
    low, high = interval

    def size(value: float | None) -> str:
        if value is None:
            return f">{largest:,}"
        if value <= smallest:
            return f"≤{smallest:,}"
        return f"{float(f'{value:.2g}'):,.0f}"

    if needed is None and low is None:
        return size(None), ""
    return size(needed), "one draw: no interval" if draws < 2 else f"[{size(low)}, {size(high)}]"


def measures_table(measures: Mapping[SweepCell, LearningMeasures], chosen: Sequence[SweepCell]) -> list[dict[str, str]]:
    """Fields of the learning-curve measures of the chosen cells; empty if the curves have no points during training."""
    found = [measures[place] for place in chosen]
    if all(one.first_epoch is None and one.slope is None for one in found):
        return []
    return [
        {
            "n": str(one.cell.n),
            "k": one.cell.layers,
            "tuned": "yes" if one.cell.fine_tune else "no",
            "draws": str(one.draws),
            "start": _points(one.start),
            "first_epoch": _points(one.first_epoch),
            "slope": _points(one.slope),
            "epochs": _epochs(one),
            "end": _points(one.end),
        }
        for one in found
    ]


def _points(interval: Interval | None) -> str:
    if interval is None:
        return MISSING
    if interval.low == interval.high:  # one draw, or draws that are all equal: their spread is unknown
        return formats.points(interval.estimate)
    return f"{formats.points(interval.estimate)} {formats.points_interval((interval.low, interval.high))}"


def _epochs(one: LearningMeasures) -> str:
    trained = f"of {one.trained_epochs:.0f}"
    if one.epochs is None:
        reached = f"reached in {one.reached} of {counted(one.draws, 'draw')}"
        return reached if one.reached else f"not in {one.trained_epochs:.0f}"
    if one.epochs.low == one.epochs.high:
        return f"{one.epochs.estimate:.1f} {trained}"
    return f"{one.epochs.estimate:.1f} [{one.epochs.low:.1f}, {one.epochs.high:.1f}] {trained}"


def advice_json(advice: Sequence[Advice]) -> list[dict[str, Any]]:
    """For summary.json: what to use at each n, fractions and points."""
    return [
        {
            "n": one.n,
            "sentence": one.sentence,
            "sweep": one.best.sweep,
            "freeze_count": one.best.cell.freeze_count,
            "fine_tune": one.best.cell.fine_tune,
            "held_from": one.best.cell.held_from,
            "draws": one.best.draws,
            "accuracy": one.best.accuracy.estimate,
            "accuracy_interval": [one.best.accuracy.low, one.best.accuracy.high],
            "from_scratch": one.answer.scratch.best.sweep,
            "over_scratch_points": _json_interval(one.answer.scratch.lead),
            "over_scratch_verdict": one.answer.scratch.verdict,
        }
        for one in advice
    ]


def confirmed_json(answers: Sequence[Confirmed]) -> list[dict[str, Any]]:
    """For summary.json: what val chose against its baseline and against the best network from scratch, on fresh draws.

    Accuracies are fractions; `gain_points` and `verdict` are over `best_from_scratch`.
    """
    return [
        {
            "n": answer.question.n,
            "transfer": answer.summary.sweep,
            "freeze_count": answer.summary.cell.freeze_count,
            "fine_tune": answer.summary.cell.fine_tune,
            "held_from": answer.summary.cell.held_from,
            "draws": answer.summary.draws,
            "accuracy": answer.summary.accuracy.estimate,
            "accuracy_interval": _bounds(answer.summary.accuracy),
            "baseline": answer.question.baseline[0],
            "baseline_accuracy": answer.summary.baseline.estimate,
            "baseline_interval": _bounds(answer.summary.baseline),
            "over_baseline_points": answer.summary.gain_points.estimate,
            "over_baseline_interval_points": _bounds(answer.summary.gain_points),
            "over_baseline_verdict": answer.summary.verdict,
            "best_from_scratch": answer.scratch.best.sweep,
            "best_from_scratch_accuracy": answer.scratch.best.accuracy.estimate,
            "best_from_scratch_interval": _bounds(answer.scratch.best.accuracy),
            "gain_points": answer.scratch.lead.estimate,
            "gain_interval_points": _bounds(answer.scratch.lead),
            "verdict": answer.scratch.verdict,
            "collapsed": dict(answer.collapsed),
        }
        for answer in answers
    ]


def labels_json(labels: Sequence[LabelsNeeded]) -> list[dict[str, Any]]:
    """For summary.json; a bound of null is beyond the largest size."""
    return [
        {
            "transfer": one.transfer,
            "n": one.cell.n,
            "freeze_count": one.cell.freeze_count,
            "fine_tune": one.cell.fine_tune,
            "held_from": one.cell.held_from,
            "labels_needed": one.needed,
            "interval": [one.low, one.high],
            "largest": one.largest,
            "draws": one.draws,
        }
        for one in labels
    ]


def _bounds(interval: Interval) -> list[float]:
    return [interval.low, interval.high]


def _json_interval(interval: Interval) -> dict[str, float]:
    return {"low": interval.low, "estimate": interval.estimate, "high": interval.high}
