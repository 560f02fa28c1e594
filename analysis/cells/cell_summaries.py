"""What every cell shows: accuracy, gain over its baseline, verdict. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Container, Mapping, Sequence

import numpy as np
from scipy.stats import false_discovery_control

from analysis.cells.paired_ledgers import Ledgers, Sweep
from analysis.statistics.classification_metrics import f1_pseudo_values
from analysis.statistics.metric_intervals import LEVEL, metric_spread
from analysis.statistics.paired_intervals import (
    Interval,
    Verdict,
    mean_interval,
    paired_gain_interval,
    verdict,
)
from analysis.statistics.uncertainty import uncertainty_of
from ledger.cell_selection import Cell

FALSE_DISCOVERY_RATE = 0.05
"""At most this share of the verdicts `gain` and `loss` of one report is expected to be false."""

Key = tuple[str, Cell]
"""A sweep's name and a cell of it."""


@dataclasses.dataclass(frozen=True)
class MeasuredCell:
    """One cell of any sweep, including baselines.

    Attributes:
      sweep, source, architecture, baseline_architecture, max_freeze_count: as in the ledger's header.
      val_accuracy: mean over draws, a fraction; the choice reads only this.
      accuracy: on test, a fraction, with its draws.
    """

    sweep: str
    source: str
    architecture: str
    baseline_architecture: str
    max_freeze_count: int
    cell: Cell
    val_accuracy: float
    accuracy: Interval

    @property
    def draws(self) -> int:
        """Draws behind every figure of this cell."""
        return self.accuracy.draws


@dataclasses.dataclass(frozen=True)
class CellSummary(MeasuredCell):
    """One cell of a transfer against the baseline of the same n, fine_tune and draws.

    Attributes:
      baseline: the baseline's accuracy on test over the same draws, a fraction.
      gain_points: accuracy minus baseline in percentage points, paired by draw and image.
      improvement_percent: the original report's 100 x (accuracy / baseline - 1); None if the baseline is 0.
      p_value: two-sided, consistent with `gain_points`.
      verdict: after Benjamini-Hochberg over every cell of every transfer.
    """

    baseline: Interval
    gain_points: Interval
    improvement_percent: float | None
    p_value: float
    verdict: Verdict


@dataclasses.dataclass(frozen=True)
class Summaries:
    """Every cell of a run: transfers by id, baselines by architecture; cells ordered by n, k, fine_tune."""

    transfers: Mapping[str, Sequence[CellSummary]]
    baselines: Mapping[str, Sequence[MeasuredCell]]


@dataclasses.dataclass(frozen=True)
class ClassF1:
    """F1 of one class on test, fractions, mean over the same draws for candidate and baseline.

    F1 = 2 TP / (2 TP + FP + FN) (van Rijsbergen, Information Retrieval, 1979). It also counts false positives. By
    recall alone, no good model could compete with a baseline that predicts `truck` for every image.

    Attributes:
      name: of the class.
      images: number of its test images.
      candidate, baseline: F1.
      half_width_points: of the interval of the loss. The intervals of all classes are valid together at 95%
        (Bonferroni): of forty classes with four test images each, some lose twenty points by chance.
    """

    name: str
    images: int
    candidate: float
    baseline: float
    half_width_points: float

    @property
    def loss_points(self) -> float:
        """Points of F1 (of 100) lost against the baseline; negative if the class gains."""
        return 100 * (self.baseline - self.candidate)

    @property
    def loses(self) -> bool:
        """Whether the interval of the loss is above 0."""
        return self.loss_points > self.half_width_points


def summarise(ledgers: Ledgers) -> Summaries:
    """Computes every cell's intervals and verdict.

    Raises:
      ThawError: as `Ledgers.baseline_rows`.
    """
    transfers: dict[str, Sequence[CellSummary]] = {}
    baselines: dict[str, Sequence[MeasuredCell]] = {}
    for architecture, reference in ledgers.baselines.items():
        sweeps = [s for s in ledgers.transfers.values() if s.header.baseline == architecture]
        keys = {(s.header.sweep, cell): s for s in (reference, *sweeps) for cell in s.cells}
        correct = {(name, cell): s.correct(s.cells[cell]) for (name, cell), s in keys.items()}
        measured = {key: _measured(s, key[1], correct[key]) for key, s in keys.items()}
        compared = _compare(ledgers, sweeps, measured)
        baselines[architecture] = [measured[reference.header.sweep, cell] for cell in reference.cells]
        for sweep in sweeps:
            transfers[sweep.header.sweep] = [compared[sweep.header.sweep, cell] for cell in sweep.cells]
    return Summaries(_decide({name: transfers[name] for name in ledgers.transfers}), baselines)


def class_f1s(
    ledgers: Ledgers, transfer: str, cell: Cell, draws: Container[int] | None = None
) -> tuple[ClassF1, ...]:  # fmt: skip
    """F1 of each class of the target that has test images, for a cell and its paired baseline.

    Args:
      ledgers: of both.
      transfer, cell: which.
      draws: the draws to use; None: all of the cell.

    Raises:
      ThawError: as `Ledgers.baseline_rows`.
    """
    sweep = ledgers.transfers[transfer]
    rows = [row for row in sweep.cells[cell] if draws is None or row.draw in draws]
    names, counts = sweep.header.classes, np.bincount(sweep.labels, minlength=len(sweep.header.classes))
    candidate, baseline = (
        f1_pseudo_values(sweep.called(side), sweep.labels, len(names))
        for side in (rows, ledgers.baseline_rows(sweep, rows))
    )
    lost = uncertainty_of(metric_spread(baseline.minus(candidate), sweep.groups))
    half_widths = lost.half_width((1 - LEVEL) / np.count_nonzero(counts))  # [classes]
    ours, theirs = (measured.values.mean(axis=(1, 2)) for measured in (candidate, baseline))  # [classes]
    return tuple(
        ClassF1(name, int(count), float(f1), float(other), 100 * float(half_width))
        for name, count, f1, other, half_width in zip(names, counts, ours, theirs, half_widths, strict=True)
        if count
    )


def balanced_accuracy(sweep: Sweep, cell: Cell, draws: Container[int] | None = None) -> float:
    """The mean of each class's share of right answers, over draws and the classes that have test images.

    Brodersen et al., The balanced accuracy and its posterior distribution (ICPR 2010), equation 1, for any number of
    classes, as scikit-learn's balanced_accuracy_score.

    Args:
      sweep, cell: which.
      draws: that count; None: all of the cell.
    """
    rows = [row for row in sweep.cells[cell] if draws is None or row.draw in draws]
    right = sweep.correct(rows).mean(axis=0)  # [test images]
    return float(np.mean([right[sweep.labels == label].mean() for label in np.unique(sweep.labels)]))


def _measured(sweep: Sweep, cell: Cell, correct: np.ndarray) -> MeasuredCell:
    return MeasuredCell(
        sweep=sweep.header.sweep,
        source=sweep.header.source,
        architecture=sweep.header.architecture,
        baseline_architecture=sweep.header.baseline,
        max_freeze_count=sweep.header.max_freeze_count,
        cell=cell,
        val_accuracy=statistics.fmean(row.val_accuracy for row in sweep.cells[cell]),
        accuracy=mean_interval(correct, groups=sweep.groups),
    )


def _compare(ledgers: Ledgers, sweeps: Sequence[Sweep], measured: Mapping[Key, MeasuredCell]) -> dict[Key, CellSummary]:
    """Every cell of one architecture's transfers against its baseline; verdicts are still to be decided."""
    compared = {}
    for sweep in sweeps:
        reference = ledgers.baseline_of(sweep)
        for cell, rows in sweep.cells.items():
            key = sweep.header.sweep, cell
            paired = reference.correct(ledgers.baseline_rows(sweep, rows))
            compared[key] = _compared(measured[key], sweep.correct(rows), paired, sweep.groups)
    return compared


def _compared(
    measured: MeasuredCell, correct: np.ndarray, baseline_correct: np.ndarray, groups: np.ndarray | None
) -> CellSummary:
    gain, p_value = paired_gain_interval(correct, baseline_correct, groups=groups)
    baseline = mean_interval(baseline_correct, groups=groups)
    ratio = measured.accuracy.estimate / baseline.estimate if baseline.estimate else None
    return CellSummary(
        **vars(measured),
        baseline=baseline,
        gain_points=gain,
        improvement_percent=None if ratio is None else 100 * (ratio - 1),
        p_value=p_value,
        verdict="undecided",
    )


def _decide(transfers: Mapping[str, Sequence[CellSummary]]) -> dict[str, Sequence[CellSummary]]:
    """Verdicts from all p-values of the report together."""
    flat = [summary for group in transfers.values() for summary in group]
    rejected = iter(false_discovery_control([summary.p_value for summary in flat]) <= FALSE_DISCOVERY_RATE)
    return {
        name: [dataclasses.replace(s, verdict=verdict(s.gain_points, bool(next(rejected)))) for s in group]
        for name, group in transfers.items()
    }
