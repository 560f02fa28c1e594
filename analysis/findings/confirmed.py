"""Answers from fresh draws only: the chosen cell against its baseline and the best network from scratch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from analysis.cells.cell_summaries import CellSummary, MeasuredCell
from analysis.cells.grid import Grid, SweepCell
from analysis.cells.paired_ledgers import Ledgers
from analysis.confirmation.collapse import collapse_rate_interval
from analysis.confirmation.confirmed_intervals import Arm, Comparison, arm_accuracy, compare
from analysis.confirmation.verdicts import ConfirmedSize, FreshDraws, confirm
from analysis.findings.fresh_trainings import arm_of, is_underfit, train_accuracy_of
from analysis.findings.from_scratch import FromScratch
from analysis.findings.questions import Question
from analysis.statistics.paired_intervals import Interval
from experiment.config import Confirmation as ConfirmationSettings
from experiment.errors import ThawError, listed
from ledger.cell_selection import rounded_off


@dataclasses.dataclass(frozen=True)
class Confirmed:
    """One question's answer.

    Attributes:
      question: what was asked.
      summary: the chosen cell against its baseline; the search chose it by its `val_accuracy`.
      scratch: the chosen cell against the best network from scratch.
      collapsed: of the fresh draws, how many ended no better than chance, by `chosen`, `baseline` and, if it is
        another cell, `scratch`. Accuracies and differences are those of the others; verdicts allow for all.
      trained: the fresh draws that did not collapse, by `chosen`, `baseline` and `scratch`.
      train_accuracy: see train_accuracy_of, by the same names; a fraction.
      classes: of the target.
    """

    question: Question
    summary: CellSummary
    scratch: FromScratch
    collapsed: Mapping[str, int]
    trained: Mapping[str, frozenset[int]]
    train_accuracy: Mapping[str, float]
    classes: int

    @property
    def draws(self) -> int:
        """Fresh draws, collapsed ones included."""
        return self.summary.draws

    def shown_draws(self, *names: str) -> frozenset[int] | None:
        """Draws in which none of these cells collapsed, which every figure uses. None (all draws) if there is no such
        draw.

        Args:
          names: of `collapsed`.
        """
        return frozenset.intersection(*(self.trained[name] for name in names)) or None

    @property
    def collapses(self) -> list[str]:
        """Sentences on the cells that collapsed: how often, with the exact interval, and which draws remain."""
        found = []
        for name, place in self.question.different_cells:
            if count := self.collapsed[name]:
                low, high = (100 * bound for bound in collapse_rate_interval(count, self.draws))
                figures = "figures are of the other draws" if count < self.draws else "no other draws are left"
                found.append(f"n = {self.question.n:,}: {place[0]} ended no better than chance in {count} of "
                             f"{self.draws} draws (95% interval of the rate: {low:.0f} to {high:.0f}%); "
                             f"{figures}.")  # fmt: skip
        return found

    @property
    def underfit(self) -> list[str]:
        """Sentences on networks from scratch that do not fit their own training images."""
        return [
            f"n = {self.question.n:,}: {place[0]} is right on {100 * self.train_accuracy[name]:.0f}% of its own "
            "training images, so it was not trained to the end. With more steps (schedule.max_steps) it may be better, "
            "and then the gain over it is smaller."
            for name, place in self.question.different_cells
            if name != "chosen" and is_underfit(self.train_accuracy[name], self.classes)
        ]


@dataclasses.dataclass(frozen=True)
class Confirmation:
    """All answers.

    Attributes:
      ledgers: the fresh rows.
      answers: in the order of n.
      looks: numbers of draws after which the answers are evaluated.
    """

    ledgers: Ledgers
    answers: tuple[Confirmed, ...]
    looks: tuple[int, ...]

    @property
    def best(self) -> list[Confirmed]:
        """At each n the answer on the transfer that is best on the search's val."""
        found: dict[int, Confirmed] = {}
        for answer in self.answers:
            held, val = found.get(answer.question.n), rounded_off(answer.question.val_accuracy)
            if held is None or val > rounded_off(held.question.val_accuracy):
                found[answer.question.n] = answer
        return list(found.values())

    @property
    def open_sizes(self) -> set[int]:
        """Sizes that need more draws: the best transfer is undecided, or trainings collapsed by the first look."""
        return {
            answer.question.n
            for answer in self.best
            if "undecided" in (answer.summary.verdict, answer.scratch.verdict)
            or (any(answer.collapsed.values()) and answer.draws <= self.looks[0])
        }


def looks_of(settings: ConfirmationSettings) -> tuple[int, ...]:
    """Draws at each look: `draws`, twice as many, and so on, up to `most_draws`."""
    looks = [settings.draws]
    while looks[-1] < settings.most_draws:
        looks.append(min(2 * looks[-1], settings.most_draws))
    return tuple(looks)


def confirmed(questions: Sequence[Question], ledgers: Ledgers, looks: Sequence[int]) -> Confirmation:
    """Evaluates the fresh rows; verdicts are corrected together and for every planned look (analysis.confirmation).

    Args:
      questions: what was asked.
      ledgers: the fresh rows; each question's cells have one draw or more in common.
      looks: see Confirmation.

    Raises:
      ThawError: a question's cells share no draw.
    """
    grid = Grid(ledgers)
    arms = [_arms(grid, question) for question in questions]
    fresh = [
        FreshDraws(question.n, look_of(one["chosen"].draws, looks), one["chosen"], one["baseline"],
                   None if question.scratch == question.baseline else one["scratch"])
        for question, one in zip(questions, arms, strict=True)
    ]  # fmt: skip
    found = zip(questions, arms, confirm(fresh, len(looks)), strict=True)
    return Confirmation(ledgers, tuple(_confirmed(grid, *one, looks) for one in found), tuple(looks))


def look_of(draws: int, looks: Sequence[int]) -> int:
    """The look to which a number of draws belongs, from 1; draws that ended between two looks belong to the later
    one."""
    return 1 + sum(draws > look for look in looks[:-1])


def _arms(grid: Grid, question: Question) -> dict[str, Arm]:
    """By `chosen`, `baseline` and `scratch`, on the draws that they have in common."""
    draws = grid.common_draws(question.cells)
    if not draws:
        raise ThawError(f"No fresh draw at n = {question.n} is complete for all of these cells: "
                        f"{listed(sorted({name for name, _ in question.cells}))}. Run again.")  # fmt: skip
    return {name: arm_of(grid, place, draws) for name, place in question.by_name.items()}


def _confirmed(
    grid: Grid, question: Question, arms: Mapping[str, Arm], size: ConfirmedSize, looks: Sequence[int]
) -> Confirmed:
    look = len(looks), look_of(size.draws, looks)
    gain = compare(arms["chosen"], arms["baseline"], *look)
    lead = compare(arms["chosen"], arms["scratch"], *look)
    accuracy = {name: _accuracy(arm, *look) for name, arm in arms.items()}
    baseline = accuracy["baseline"]
    ratio = accuracy["chosen"].estimate / baseline.estimate if baseline.estimate else None
    summary = CellSummary(
        **vars(_measured(grid, question.chosen, accuracy["chosen"], question.val_accuracy)),
        baseline=baseline,
        gain_points=_points(gain, arms["chosen"], arms["baseline"]),
        improvement_percent=None if ratio is None else 100 * (ratio - 1),
        p_value=gain.p_value,
        verdict=size.verdict,
    )
    scratch = _measured(grid, question.scratch, accuracy["scratch"], question.scratch_val_accuracy)
    draws = grid.common_draws(question.cells)
    return Confirmed(
        question,
        summary,
        FromScratch(scratch, _points(lead, arms["chosen"], arms["scratch"]), size.lead_verdict),
        collapsed={name: int(arms[name].collapsed.sum()) for name, _ in question.different_cells},
        trained={
            name: frozenset(draw for draw, collapsed in zip(draws, arm.collapsed, strict=True) if not collapsed)
            for name, arm in arms.items()
        },
        train_accuracy={
            name: train_accuracy_of(grid, place, draws, arms[name]) for name, place in question.by_name.items()
        },
        classes=len(grid.sweeps[question.chosen[0]].header.classes),
    )


def _accuracy(arm: Arm, looks: int, look: int) -> Interval:
    """Accuracy of the trainings that did not collapse; with too few for an interval, the interval is the whole
    range."""
    estimate, interval = arm_accuracy(arm, looks, look)
    mean = float(arm.correct.mean()) if estimate is None else estimate
    return Interval(0.0, mean, 1.0, arm.draws) if interval is None else dataclasses.replace(interval, draws=arm.draws)


def _points(found: Comparison, one: Arm, other: Arm) -> Interval:
    """Difference over draws in which neither collapsed; with too few, the mean of all draws and the whole range."""
    if found.interval is None:
        mean = 100 * float(one.correct.mean() - other.correct.mean())
        return Interval(-100.0, mean if found.points is None else found.points, 100.0, one.draws)
    return dataclasses.replace(found.interval, draws=one.draws)


def _measured(grid: Grid, place: SweepCell, accuracy: Interval, val_accuracy: float) -> MeasuredCell:
    header = grid.sweeps[place[0]].header
    return MeasuredCell(
        sweep=header.sweep, source=header.source, architecture=header.architecture,
        baseline_architecture=header.baseline, max_freeze_count=header.max_freeze_count, cell=place[1],
        val_accuracy=val_accuracy, accuracy=accuracy,
    )  # fmt: skip
