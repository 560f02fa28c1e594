"""Which transfer wins (val alone), and whether test lets it be pushed. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from analysis.cells.cell_summaries import CellSummary, ClassF1
from analysis.findings.from_scratch import FromScratch
from analysis.statistics import formats
from analysis.statistics.paired_intervals import Interval
from experiment.backbones import from_scratch_in_words, network_in_words
from experiment.config import Blessing
from ledger.cell_selection import rounded_off

EVERYTHING = (-100.0, 100.0)
"""The interval of an unknown gain."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """TFMA's verdict on a transfer's candidate; `tfma_reasons` says why not."""

    tfma_blessed: bool
    tfma_reasons: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A transfer's cell, chosen by val accuracy at the deployed size, with all that is known of it."""

    transfer: str
    summary: CellSummary
    classes: tuple[ClassF1, ...]
    evaluation: Evaluation
    scratch: FromScratch


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Blessed, or the reasons why not, in words for the user; no reasons if blessed."""

    candidate: Candidate
    reasons: tuple[str, ...]

    @property
    def blessed(self) -> bool:
        return not self.reasons


@dataclasses.dataclass(frozen=True)
class Decision:
    """Outcomes in the order of the candidates, and the one whose val accuracy is highest."""

    outcomes: tuple[Outcome, ...]
    winner: Outcome

    @property
    def pushed(self) -> bool:
        """True if the winner is blessed; another transfer's blessing is not a reason to push the winner."""
        return self.winner.blessed


def decide(candidates: Sequence[Candidate], settings: Blessing) -> Decision:
    """Chooses the winner by val accuracy, then checks it on test.

    The first of equals wins.

    Raises:
      ValueError: there is no candidate.
    """
    if not candidates:
        raise ValueError("No candidate to decide on.")
    winner = max(candidates, key=lambda candidate: rounded_off(candidate.summary.val_accuracy))
    outcomes = tuple(Outcome(candidate, _objections(candidate, settings)) for candidate in candidates)
    return Decision(outcomes, next(outcome for outcome in outcomes if outcome.candidate is winner))


def _objections(candidate: Candidate, settings: Blessing) -> tuple[str, ...]:
    """Every reason not to push a candidate."""
    return (
        *_gain_objections(candidate.summary, settings.min_gain_points),
        *_scratch_objections(candidate, settings.min_gain_points),
        *_accuracy_objections(candidate.summary, settings.min_accuracy),
        *_class_objections(candidate.classes, settings.max_class_loss_points),
        *_tfma_objections(candidate.evaluation),
    )


def _gain_objections(summary: CellSummary, margin: float) -> list[str]:
    """Why the gain does not justify a push: the verdict of the tables, and the margin beyond it."""
    gain = summary.gain_points
    if gain.images_only:
        return [
            f"the difference of {formats.points(gain.estimate)} points rests on one draw, which can't distinguish a "
            "gain from chance; set draws to 2 or more"
        ]
    if summary.verdict == "gain" and _is_above(gain, margin):
        return []
    shown = f"{formats.points(gain.estimate)} points {formats.points_interval((gain.low, gain.high))}"
    baseline = from_scratch_in_words(summary.architecture, summary.baseline_architecture)
    if summary.verdict == "gain":
        return [f"the gain of {shown} may be too small: its lower bound is not above {margin:g}"]
    if summary.verdict == "loss":
        return [f"it is worse than {baseline}: {shown}"]
    if gain.low <= 0 <= gain.high:
        return [f"the gain of {shown} over {baseline} is undecided: its interval includes 0"]
    return [f"the gain of {shown} over {baseline} is undecided: with this many comparisons on fresh draws, an "
            f"interval like this can lie {'above' if gain.low > 0 else 'below'} 0 by chance (Holm)"]  # fmt: skip


def _is_above(gain: Interval, margin: float) -> bool:
    """Whether a gain with the verdict `gain` is above the margin.

    If trainings from scratch collapsed, there may be no interval: then an exact test decided the gain, which supports
    no margin but 0.
    """
    return gain.low > margin or ((gain.low, gain.high) == EVERYTHING and margin == 0)


def _scratch_objections(candidate: Candidate, margin: float) -> list[str]:
    """Why another network from scratch is preferred; the gain is measured by the transfer's own baseline."""
    best, lead = candidate.scratch.best, candidate.scratch.lead
    if best.architecture == candidate.summary.baseline_architecture and lead == candidate.summary.gain_points:
        return []
    if lead.images_only or (candidate.scratch.verdict == "gain" and _is_above(lead, margin)):
        return []
    shown = f"{formats.points(lead.estimate)} points {formats.points_interval((lead.low, lead.high))}"
    which = f"{network_in_words(best.architecture)} from scratch, the best of the baselines on val"
    reached = f"{which}, reaches {formats.percent(best.accuracy.estimate)}; the transfer's lead is {shown}"
    if candidate.scratch.verdict == "loss":
        return [f"a network without transfer is better: {reached}"]
    if candidate.scratch.verdict == "gain":
        return [f"the lead over the best network without transfer may be too small: {reached}, its lower bound not "
                f"above {margin:g}"]  # fmt: skip
    if lead.low <= 0 <= lead.high:
        return [f"a network without transfer may be as good: {reached}, its lower bound not above {margin:g}"]
    than, side = ("be better", "below") if lead.high < 0 else ("be as good", "above")
    return [f"a network without transfer may {than}: {reached}, undecided: with this many comparisons on fresh draws, "
            f"an interval like this can lie {side} 0 by chance (Holm)"]  # fmt: skip


def _accuracy_objections(summary: CellSummary, floor: float) -> list[str]:
    if rounded_off(summary.accuracy.estimate) >= floor:
        return []
    reached, least = formats.apart(100 * summary.accuracy.estimate, 100 * floor)
    return [f"its accuracy of {reached}% is below the floor of {least}%"]


def _class_objections(classes: Sequence[ClassF1], most: float) -> list[str]:
    return [
        f"the class {c.name} loses {formats.apart(c.loss_points, most)[0]} points of F1 against the baseline "
        f"({formats.percent(c.baseline)} to {formats.percent(c.candidate)}); at most {most:g} are allowed"
        for c in classes
        if rounded_off(c.loss_points) > most and c.loses
    ]


def _tfma_objections(evaluation: Evaluation) -> list[str]:
    if evaluation.tfma_blessed:
        return []
    return [f"Evaluator (TFMA): {reason}" for reason in evaluation.tfma_reasons] or [
        "Evaluator (TFMA) did not bless it and gave no reason"
    ]
