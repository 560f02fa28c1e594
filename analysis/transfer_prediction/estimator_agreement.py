"""Compares predictions before training with measurements, and rates the estimators. Imports no TensorFlow.

Tau and regret are those of transferability.agreement, within one draw, n and way of tuning; averaged over sizes and
ways within a draw first, so that an interval over draws is Student's.
"""

from __future__ import annotations

import csv
import dataclasses
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from analysis.cells.paired_ledgers import Ledgers
from analysis.statistics.paired_intervals import Interval, draws_interval
from analysis.transfer_prediction.predicted_gains import BeforeTraining, Estimated, PredictedGain
from ledger.cell_selection import Cell
from ledger.rows import Row
from transferability.agreement import kendall_tau, regret
from transferability.estimators import NAMES

RULES = {"freeze least": "freeze least: no estimate", "freeze most": "freeze most", "at random": "at random"}
"""Rules that look at no image, as a baseline for estimators."""

CellDraw = tuple[str, int, int, int]
"""Transfer, n, freeze_count, draw."""
Question = Literal["source", "layers", "both"]
QUESTIONS: dict[Question, str] = {
    "source": "which source, at one freeze count of one architecture",
    "layers": "which freeze count, within one transfer",
    "both": "which of all cells",
}


@dataclasses.dataclass(frozen=True)
class Judged:
    """A predicted gain with the gain that draw 0, on whose images it was predicted, then showed; points.

    `gain_points` is None if the search did not train the cell on draw 0.
    """

    n: int
    predicted: PredictedGain
    gain_points: float | None

    @property
    def held(self) -> bool | None:
        """Whether the gain lies in the predicted interval; None if it was not measured."""
        if self.gain_points is None:
            return None
        return self.predicted.low <= self.gain_points <= self.predicted.high


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How well an estimator ordered the candidates of one draw, n, way of tuning and question."""

    question: Question
    estimator: str
    draw: int
    n: int
    fine_tune: bool
    candidates: int
    tau: float
    regret_points: float


@dataclasses.dataclass(frozen=True)
class Worth:
    """An estimator's mean tau and regret for a question; None if it never had two candidates to order."""

    estimator: str
    question: Question
    tau: Interval | None
    regret_points: Interval | None


def judged(before: BeforeTraining, ledgers: Ledgers) -> list[Judged]:
    """Every predicted gain of these transfers, by n and then by falling expected gain.

    They include cells that a search did not train: without them the largest prediction may be missing.
    """
    gains: dict[tuple[str, Cell], float] = {}
    for name, sweep in ledgers.transfers.items():
        rows = [row for row in sweep.rows if row.draw == 0 and not row.held_from]
        for row, baseline in zip(rows, ledgers.baseline_rows(sweep, rows), strict=True):
            gains[name, Cell.of_row(row)] = 100 * (row.test_accuracy - baseline.test_accuracy)
    return [
        Judged(n, one, gains.get((one.transfer, Cell(n, one.freeze_count, one.fine_tune))))
        for n, predicted_gains in sorted(before.predicted_gains.items())
        for one in predicted_gains
        if one.transfer in ledgers.transfers
    ]


def agreements(estimates: Sequence[Estimated], ledgers: Ledgers) -> Iterator[Agreement]:
    """Tau and regret of every estimator and rule, for every question, draw, n and way of tuning."""
    by_estimator = values_by_estimator(estimates)
    for question in QUESTIONS:
        for (draw, n, tuned, _), rows in _groups(question, ledgers).items():
            for estimator, values in by_estimator.items():
                places = [((name, n, row.freeze_count, draw), row) for name, row in rows]
                known = [(values[place], row) for place, row in places if place in values]
                if len(known) < 2:
                    continue
                predicted, val, test = np.array([(v, 100 * r.val_accuracy, 100 * r.test_accuracy) for v, r in known]).T
                yield Agreement(
                    question, estimator, draw, n, tuned, len(known), kendall_tau(predicted, test),
                    regret(predicted, val, test),
                )  # fmt: skip


def worths(found: Iterable[Agreement]) -> list[Worth]:
    """Means over sizes and ways within each draw, with intervals over draws; by question, estimators in page order."""
    groups: dict[tuple[Question, str], dict[int, list[Agreement]]] = defaultdict(lambda: defaultdict(list))
    for one in found:
        groups[one.question, one.estimator][one.draw].append(one)
    return [
        Worth(
            estimator, question,
            _over_draws([one.tau for one in group] for group in groups[question, estimator].values()),
            _over_draws([one.regret_points for one in group] for group in groups[question, estimator].values()),
        )
        for question in QUESTIONS for estimator in (*NAMES, *RULES) if (question, estimator) in groups
    ]  # fmt: skip


def write_estimates(path: Path, estimates: Sequence[Estimated], data: str) -> None:
    """estimates.csv: a row for each estimator, place and draw, and the data's name."""
    names = [field.name for field in dataclasses.fields(Estimated)]
    _write(path, [{**dataclasses.asdict(one), "data": data} for one in estimates], [*names, "data"])


def write_predicted_gains(path: Path, found: Sequence[Judged], data: str) -> None:
    """predicted_gains.csv: a row for each, with the gain that draw 0 then showed, if any, and the data's name."""
    names = [field.name for field in dataclasses.fields(PredictedGain)]
    rows = [
        {"n": one.n, **dataclasses.asdict(one.predicted), "measured_gain_points": one.gain_points, "data": data}
        for one in found
    ]
    _write(path, rows, ["n", *names, "measured_gain_points", "data"])


def _write(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _field(value) for name, value in row.items()} for row in rows)


def _field(value: Any) -> Any:
    """As in the other tables: true and false; empty if there is no value."""
    return str(value).lower() if isinstance(value, bool) else value


def values_by_estimator(estimates: Sequence[Estimated]) -> dict[str, dict[CellDraw, float]]:
    """The estimates of every estimator and rule; LEEP, which has no freeze count, is repeated at each."""
    found: dict[str, dict[CellDraw, float]] = defaultdict(dict)
    leep = {(one.transfer, one.n, one.draw): one.value for one in estimates if one.estimator == "leep"}
    for one in estimates:
        place = one.transfer, one.n, one.freeze_count, one.draw
        if one.estimator != "leep":
            found[one.estimator][place] = one.value
        if one.estimator == "logme":
            if (one.transfer, one.n, one.draw) in leep:
                found["leep"][place] = leep[one.transfer, one.n, one.draw]
            for rule, value in zip(RULES, (-one.freeze_count, one.freeze_count, 0), strict=True):
                found[rule][place] = float(value)
    return found


def _groups(
    question: Question, ledgers: Ledgers
) -> dict[tuple[int, int, bool, tuple[Any, ...]], list[tuple[str, Row]]]:  # fmt: skip
    """Executions that are candidates of one choice, by draw, n, way of tuning and the other fixed values."""
    groups: dict[tuple[int, int, bool, tuple[Any, ...]], list[tuple[str, Row]]] = defaultdict(list)
    for name, sweep in ledgers.transfers.items():
        for row in (row for row in sweep.rows if not row.held_from):  # estimators know only cut points
            fixed = {"source": (sweep.header.architecture, row.freeze_count), "layers": (name,), "both": ()}[question]
            groups[row.draw, row.n, row.fine_tune, fixed].append((name, row))
    return groups


def _over_draws(groups: Iterable[Sequence[float]]) -> Interval | None:
    means = [statistics.fmean(finite) for group in groups if (finite := [x for x in group if np.isfinite(x)])]
    return draws_interval(means)[0] if means else None
