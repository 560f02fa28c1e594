"""The page's section on what was known before training: predicted gains, estimators, a plot of each. No TensorFlow."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analysis.cells.paired_ledgers import Ledgers
from analysis.statistics import formats
from analysis.statistics.paired_intervals import Interval
from analysis.transfer_prediction.estimator_agreement import (
    QUESTIONS,
    RULES,
    Judged,
    Question,
    Worth,
    agreements,
    judged,
    values_by_estimator,
    worths,
    write_estimates,
    write_predicted_gains,
)
from analysis.transfer_prediction.predicted_gains import BeforeTraining
from components.transfer_report.figures.figures import CURVES_AT, Picture, save_picture
from components.transfer_report.figures.prediction_figure import Points, draw_estimates
from transferability.estimators import NAMES


@dataclasses.dataclass(frozen=True)
class BeforeTrainingShown:
    """The section.

    Attributes:
      firsts: at each n the largest predicted gain, with the gain that draw 0 showed if the cell was trained on it.
      found: the same for every predicted gain.
      calibration, level: as in BeforeTraining.
      worth: estimator's name -> question -> tau and regret in words.
      plots: the picture with a panel for each estimator; None if no estimator ordered two trained cells.
      n: the size that it is drawn at.
      draws: of the estimates.
      seconds: that all estimates and probes took.
    """

    firsts: Sequence[Judged]
    found: Sequence[Judged]
    calibration: str
    level: float
    worth: dict[str, dict[Question, tuple[str, str]]]
    plots: Picture | None
    n: int
    draws: int
    seconds: float

    @property
    def measured(self) -> int:
        """Predicted gains whose cell was trained on draw 0."""
        return sum(one.gain_points is not None for one in self.found)

    @property
    def held(self) -> int:
        """Predicted gains whose interval contained the gain."""
        return sum(one.held is True for one in self.found)

    def as_json(self) -> dict[str, Any]:
        """For summary.json."""
        return {
            "predicted_gains": len(self.found), "measured": self.measured, "held": self.held, "level": self.level,
            "draws": self.draws, "seconds": round(self.seconds, 1),
            "first": [
                {"n": one.n, **dataclasses.asdict(one.predicted), "measured_gain_points": one.gain_points}
                for one in self.firsts
            ],
        }  # fmt: skip


def write_before_training(
    out_dir: Path, before: BeforeTraining, ledgers: Ledgers, sizes: Sequence[int]
) -> BeforeTrainingShown:
    """Writes predicted_gains.csv, estimates.csv and the picture, and summarises them.

    Args:
      out_dir: of the report, with its folder `figures`.
      before: the TransferAdvisor's.
      ledgers: of transfers without controls, and baselines.
      sizes: n of the grid.
    """
    found = judged(before, ledgers)
    write_predicted_gains(out_dir / "predicted_gains.csv", found, ledgers.data)
    write_estimates(out_dir / "estimates.csv", before.estimates, ledgers.data)
    n = min(sizes, key=lambda size: abs(math.log(size / CURVES_AT)))
    measured = worths(agreements(before.estimates, ledgers))
    table = _table(measured)
    draws = len({one.draw for one in before.estimates})
    plots = _write_plots(out_dir / "figures", before, ledgers, measured, n) if table else None
    firsts = {one.n: one for one in reversed(found)}
    return BeforeTrainingShown(
        [firsts[size] for size in sorted(firsts)], found, before.calibration, before.level, table, plots, n, draws,
        before.seconds,
    )  # fmt: skip


def _write_plots(
    folder: Path, before: BeforeTraining, ledgers: Ledgers, measured: Sequence[Worth], n: int
) -> Picture:  # fmt: skip
    tau = {one.estimator: one.tau for one in measured if one.question == "both"}
    panels = {}
    for estimator, name in NAMES.items():
        points = _points(before, ledgers, estimator, n)
        if points:
            panels[name] = f"tau over all cells and sizes {_tau(tau.get(estimator))}", points
    draws = formats.draws([len({one.draw for one in before.estimates})])
    title = f"Estimates before training against accuracy at n = {n}, on {ledgers.data}, mean of {draws}"
    return save_picture(draw_estimates(panels), folder / "estimates.png", title, ledgers.data)


def _points(before: BeforeTraining, ledgers: Ledgers, estimator: str, n: int) -> Points:
    """Means over draws at one n, not fine-tuned where that was swept."""
    values = values_by_estimator(before.estimates)[estimator]
    tunings = {row.fine_tune for sweep in ledgers.transfers.values() for row in sweep.rows}
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for name, sweep in ledgers.transfers.items():
        for cell, rows in sweep.cells.items():
            if cell.held_from or (cell.n, cell.fine_tune) != (n, min(tunings)):
                continue
            pairs = [(values[place], row.test_accuracy) for row in rows
                     if (place := (name, n, cell.freeze_count, row.draw)) in values]  # fmt: skip
            if pairs:
                estimates, accuracies = zip(*pairs, strict=True)
                found[name].append((statistics.fmean(estimates), 100 * statistics.fmean(accuracies)))
    return found


def _table(measured: Sequence[Worth]) -> dict[str, dict[Question, tuple[str, str]]]:
    by_place = {(one.estimator, one.question): one for one in measured}
    table: dict[str, dict[Question, tuple[str, str]]] = {}
    for estimator, name in {**NAMES, **RULES}.items():
        fields: dict[Question, tuple[str, str]] = {}
        for question in QUESTIONS:
            one = by_place.get((estimator, question), Worth(estimator, question, None, None))
            fields[question] = (_tau(one.tau), _in_words(one.regret_points, 1))
        if any(field != ("-", "-") for field in fields.values()):
            table[name] = fields
    return table


def _tau(interval: Interval | None) -> str:
    """Tau lies between -1 and 1, so its interval is cut there."""
    if interval is None:
        return "-"
    return _in_words(dataclasses.replace(interval, low=max(-1.0, interval.low), high=min(1.0, interval.high)), 2)


def _in_words(interval: Interval | None, digits: int) -> str:
    if interval is None:
        return "-"
    # 0.0 is added so that what rounds to zero has no sign.
    low, estimate, high = (round(x, digits) + 0.0 for x in (interval.low, interval.estimate, interval.high))
    if interval.draws < 2 or interval.low == interval.high:
        return f"{estimate:.{digits}f}"
    return f"{estimate:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
