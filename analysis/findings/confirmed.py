"""Answers from fresh draws alone: what the search chose, against its baseline and the best network from scratch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from analysis.cells.cell_summaries import CellSummary, MeasuredCell
from analysis.cells.grid import Grid, SweepCell
from analysis.cells.paired_ledgers import Ledgers
from analysis.findings.from_scratch import FromScratch
from analysis.findings.questions import Question
from analysis.statistics.paired_intervals import Interval, mean_interval, paired_gain_interval, verdict
from experiment.config import Confirmation as ConfirmationSettings


@dataclasses.dataclass(frozen=True)
class Confirmed:
    """One question's answer.

    Attributes:
      question: what was asked.
      summary: the chosen cell against its baseline; its `val_accuracy` is what the search chose it by.
      scratch: the chosen cell against the best network from scratch.
      collapsed: of the fresh draws, how many ended no better than chance, by `chosen`, `baseline` and `scratch`.
    """

    question: Question
    summary: CellSummary
    scratch: FromScratch
    collapsed: Mapping[str, int]


@dataclasses.dataclass(frozen=True)
class Confirmation:
    """All answers.

    Attributes:
      ledgers: the fresh rows.
      answers: in the order of n.
      looks: numbers of draws after which the answers were, or would have been, looked at.
    """

    ledgers: Ledgers
    answers: tuple[Confirmed, ...]
    looks: tuple[int, ...]

    @property
    def best(self) -> list[Confirmed]:
        """At each n the answer on the transfer that is best on the search's val."""
        found: dict[int, Confirmed] = {}
        for answer in self.answers:
            held = found.get(answer.question.n)
            if held is None or answer.question.val_accuracy > held.question.val_accuracy:
                found[answer.question.n] = answer
        return list(found.values())

    @property
    def open_sizes(self) -> set[int]:
        """Sizes at which the best transfer's lead over the best network from scratch is undecided."""
        return {answer.question.n for answer in self.best if answer.scratch.verdict == "undecided"}


def looks_of(settings: ConfirmationSettings) -> tuple[int, ...]:
    """Draws at each look: `draws`, twice as many, and so on, up to `most_draws`."""
    looks = [settings.draws]
    while looks[-1] < settings.most_draws:
        looks.append(min(2 * looks[-1], settings.most_draws))
    return tuple(looks)


def confirmed(questions: Sequence[Question], ledgers: Ledgers, looks: Sequence[int]) -> Confirmation:
    """Evaluates the fresh rows.

    Args:
      questions: what was asked.
      ledgers: the fresh rows; each question's cells have one draw or more in common.
      looks: see Confirmation.

    Raises:
      ThawError: a question's cells share no draw.
    """
    grid = Grid(ledgers)
    return Confirmation(ledgers, tuple(_confirmed(grid, question, looks) for question in questions), tuple(looks))


def _confirmed(grid: Grid, question: Question, looks: Sequence[int]) -> Confirmed:
    draws = grid.common_draws(question.cells)
    correct = {place: np.stack([grid.correct(place)[draw] for draw in draws]) for place in question.cells}
    chosen, baseline, scratch = (correct[place] for place in (question.chosen, question.baseline, question.scratch))
    gain, p_value = paired_gain_interval(chosen, baseline)
    lead, _ = paired_gain_interval(chosen, scratch)
    of_baseline = mean_interval(baseline)
    ratio = float(chosen.mean() / baseline.mean()) if baseline.any() else None
    summary = CellSummary(
        **vars(_measured(grid, question.chosen, mean_interval(chosen), question.val_accuracy)),
        baseline=of_baseline,
        gain_points=gain,
        improvement_percent=None if ratio is None else 100 * (ratio - 1),
        p_value=p_value,
        verdict=verdict(gain, rejected=True),
    )
    measured = _measured(grid, question.scratch, mean_interval(scratch), grid.val(question.scratch))
    return Confirmed(question, summary, FromScratch(measured, lead, verdict(lead, rejected=True)), {})


def _measured(grid: Grid, place: SweepCell, accuracy: Interval, val_accuracy: float) -> MeasuredCell:
    header = grid.sweeps[place[0]].header
    return MeasuredCell(
        sweep=header.sweep, source=header.source, architecture=header.architecture,
        baseline_architecture=header.baseline, max_freeze_count=header.max_freeze_count, cell=place[1],
        val_accuracy=val_accuracy, accuracy=accuracy,
    )  # fmt: skip
