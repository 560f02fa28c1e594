"""Every cell of a run against its baseline, sliced, with intervals. Imports paired_ledgers; no TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from analysis.cells.paired_ledgers import Ledgers, Sweep
from analysis.statistics.classification_metrics import Metric, PseudoValues, metrics_of, pseudo_values
from analysis.statistics.metric_intervals import Intervals, intervals_of, metric_spread
from analysis.statistics.uncertainty import Spread
from experiment.errors import ThawError
from ledger.cell_selection import Cell
from ledger.ledger import content_key
from ledger.rows import Header, Row

SliceKey = tuple[tuple[str, str], ...]
"""TFMA's name of a slice: pairs of feature and value; empty for all images."""
UNBOUNDED = ("calibration",)


@dataclasses.dataclass(frozen=True)
class SlicedImages:
    """The target's test images and what they are sliced by, ordered by id as in every ledger.

    Attributes:
      ids: str [images].
      labels: int [images].
      features: str [images] by the name of a feature to slice by.
    """

    ids: np.ndarray
    labels: np.ndarray
    features: dict[str, np.ndarray]

    def slices(self) -> dict[SliceKey, np.ndarray]:
        """bool [images] by slice: all images, then each value of each feature."""
        found: dict[SliceKey, np.ndarray] = {(): np.ones(len(self.ids), bool)}
        for name, values in self.features.items():
            found |= {((name, str(value)),): values == value for value in np.unique(values)}
        return found

    def check(self, header: Header) -> None:
        """Checks that a ledger was written for these images in this order.

        Raises:
          ThawError: it was written for others.
        """
        same_ids = header.test_ids_hash == content_key(ids=self.ids.tolist())
        if not same_ids or list(header.test_labels) != self.labels.tolist():
            raise ThawError(
                f"The ledger of {header.sweep} was written for other test images ({len(header.test_labels)}) than the "
                f"{len(self.ids)} of the target's test split: ids, labels or order differ. Run the same configuration "
                "again; if that does not help, delete the ledger to compute the sweep again."
            )


@dataclasses.dataclass(frozen=True)
class CellEvaluation:
    """A cell of a transfer, its baseline over the same draws, and the paired difference of both.

    Attributes:
      sweep: the transfer's id.
      cell, baseline_cell: of the transfer and of its baseline.
      baseline_sweep: the baseline's name.
      draws: how many.
      candidate, baseline, gain: arrays [slices, metrics]; gain is candidate minus baseline in the metric's unit.
    """

    sweep: str
    cell: Cell
    baseline_sweep: str
    baseline_cell: Cell
    draws: int
    candidate: Intervals
    baseline: Intervals
    gain: Intervals


Measured = list[PseudoValues]
"""One entry per slice."""


def evaluate_cells(ledgers: Ledgers, images: SlicedImages) -> Iterator[CellEvaluation]:
    """Evaluates every cell of every transfer, one architecture and n at a time.

    Values are means over draws; accuracies and their gains are those of the report (cell_summaries.py). A baseline's
    figures are those of the draws that it shares with the cell.

    Raises:
      ThawError: a ledger was written for other test images, or a baseline lacks a draw.
    """
    for sweep in (*ledgers.baselines.values(), *ledgers.transfers.values()):
        images.check(sweep.header)
    masks = list(images.slices().values())
    for architecture, reference in ledgers.baselines.items():
        sweeps = [sweep for sweep in ledgers.transfers.values() if sweep.header.baseline == architecture]
        for n in dict.fromkeys(cell.n for sweep in sweeps for cell in sweep.cells):
            yield from _evaluate_like_cells(ledgers, reference, sweeps, n, masks)


def _evaluate_like_cells(
    ledgers: Ledgers, reference: Sweep, sweeps: Sequence[Sweep], n: int, masks: Sequence[np.ndarray]
) -> Iterator[CellEvaluation]:
    pairs: dict[Cell, list[tuple[Sweep, Cell, list[int]]]] = {cell: [] for cell in reference.cells if cell.n == n}
    for sweep in sweeps:
        for cell in (cell for cell in sweep.cells if cell.n == n):
            counterparts = ledgers.baseline_rows(sweep, sweep.cells[cell])
            baseline_cell = Cell.of_row(counterparts[0])
            draws = [row.draw for row in reference.cells[baseline_cell]]
            pairs[baseline_cell].append((sweep, cell, [draws.index(row.draw) for row in counterparts]))
    metrics = metrics_of(len(reference.header.classes))
    groups = [None if reference.groups is None else reference.groups[mask] for mask in masks]
    # One baseline's pseudo-values are kept at a time: there may be many classes and images.
    for baseline_cell, candidates in pairs.items():
        measured = _measured(reference.cells[baseline_cell], reference.labels, masks)
        for sweep, cell, places in candidates:
            counterpart = [part.of_draws(places) for part in measured]
            own = _measured(sweep.cells[cell], sweep.labels, masks)
            gain = [mine.minus(other) for mine, other in zip(own, counterpart, strict=True)]
            yield CellEvaluation(
                sweep=sweep.header.sweep,
                cell=cell,
                baseline_sweep=reference.header.sweep,
                baseline_cell=baseline_cell,
                draws=len(sweep.cells[cell]),
                candidate=_in_range(intervals_of(_spread(own, groups)), metrics),
                baseline=_in_range(intervals_of(_spread(counterpart, groups)), metrics),
                gain=intervals_of(_spread(gain, groups)),
            )


def _measured(rows: Sequence[Row], labels: np.ndarray, masks: Sequence[np.ndarray]) -> Measured:
    probabilities = np.stack([row.test_probabilities for row in rows])  # [draws, images, classes]
    return [pseudo_values(probabilities[:, mask], labels[mask]) for mask in masks]


def _spread(measured: Measured, groups: Sequence[np.ndarray | None]) -> Spread:
    """Spread with arrays [slices, metrics]; `groups` has those of each slice's images."""
    return Spread.stack([metric_spread(part, some) for part, some in zip(measured, groups, strict=True)])


def _in_range(intervals: Intervals, metrics: Sequence[Metric]) -> Intervals:
    """A copy with bounds clipped to the metric's range; rounding may leave 1 slightly above 1."""
    top = np.array([np.inf if metric.name in UNBOUNDED else 1.0 for metric in metrics])
    low, high = np.maximum(intervals.low, 0), np.minimum(intervals.high, top)
    return Intervals(np.minimum(low, intervals.estimate), intervals.estimate, np.maximum(high, intervals.estimate))
