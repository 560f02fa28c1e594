"""Does a transfer start higher, learn faster, end higher (Figure 2 of the report)? Imports no TensorFlow.

Each measure compares a cell with its baseline of the same draw (Taylor and Stone, Transfer Learning for
Reinforcement Learning Domains, JMLR 10, 2009, section 2, where they are called jumpstart, time to threshold,
total reward and asymptotic performance):

* higher start: accuracy before any step on the target (a solved head is fitted by then), and after the first epoch;
* higher slope: the area between the two curves over the first epochs, divided by their number, so in points;
  and the epochs after which the transfer reaches the baseline's final accuracy;
* higher asymptote: accuracy at the end.

Curves hold accuracy on val, the same images in every curve, so the intervals are Student's over draws: they cover other
draws on these images. Curves are interpolated linearly between their points.
"""

from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.integrate import trapezoid

from analysis.cells.grid import Grid, SweepCell
from analysis.statistics.paired_intervals import Interval, draws_interval
from ledger.cell_selection import Cell
from ledger.rows import Row

FIRST_EPOCHS = 4.0
"""Epochs over which the area between two curves is computed."""

MEASURES = ("start", "first_epoch", "slope", "epochs", "end")


@dataclasses.dataclass(frozen=True)
class Pace:
    """Records in an epoch and in a step, from which a curve's steps become epochs.

    Attributes:
      records_per_image: an image and its augmented copies.
      batch_size: records per step.
    """

    records_per_image: int
    batch_size: int

    def epochs(self, step: float, n: int) -> float:
        """Epochs after that many steps on n images."""
        return step * self.batch_size / (n * self.records_per_image)


@dataclasses.dataclass(frozen=True)
class LearningMeasures:
    """One cell's curve against its baseline's; differences in percentage points of val accuracy.

    Attributes:
      transfer, cell: which.
      start: before any training step.
      first_epoch: after the first epoch; None if no point of the curves lies there.
      slope: mean height of the transfer's curve above the baseline's over the first FIRST_EPOCHS epochs (fewer if
        training was shorter); None if the curves have no point within them.
      epochs: epochs until the transfer has the baseline's final accuracy; None unless every draw got there.
      reached: draws that got there.
      trained_epochs: epochs that both were trained for.
      end: after training.
    """

    transfer: str
    cell: Cell
    start: Interval
    first_epoch: Interval | None
    slope: Interval | None
    epochs: Interval | None
    reached: int
    trained_epochs: float
    end: Interval

    @property
    def draws(self) -> int:
        return self.end.draws


def measure_curves(grid: Grid, pace: Pace) -> dict[SweepCell, LearningMeasures]:
    """Measures of every cell of every transfer.

    Raises:
      ThawError: as `Ledgers.baseline_rows`.
    """
    found: dict[SweepCell, LearningMeasures] = {}
    for architecture in grid.ledgers.baselines:
        sweeps = [s for s in grid.ledgers.transfers.values() if s.header.baseline == architecture]
        raw: dict[SweepCell, dict[str, list[float | None]]] = {}
        for sweep in sweeps:
            for cell, rows in sweep.cells.items():
                pairs = zip(rows, grid.ledgers.baseline_rows(sweep, rows), strict=True)
                each = [compare(row, baseline, pace) for row, baseline in pairs]
                raw[sweep.header.sweep, cell] = {name: [one[name] for one in each] for name in MEASURES}
        intervals = {name: _intervals({place: values[name] for place, values in raw.items()}) for name in MEASURES}
        intervals["epochs"] = {place: _not_below_0(one) for place, one in intervals["epochs"].items()}
        for place, values in raw.items():
            name, cell = place
            rows = grid.sweeps[name].cells[cell]
            start, end = intervals["start"][place], intervals["end"][place]
            assert start is not None and end is not None  # every curve has both points
            found[place] = LearningMeasures(
                transfer=name,
                cell=cell,
                reached=sum(value is not None for value in values["epochs"]),
                trained_epochs=pace.epochs(rows[0].curve[-1][0], cell.n),
                start=start,
                first_epoch=intervals["first_epoch"][place],
                slope=intervals["slope"][place],
                epochs=intervals["epochs"][place],
                end=end,
            )
    return found


def compare(row: Row, baseline: Row, pace: Pace) -> dict[str, float | None]:
    """The measures of one execution against its baseline, by the names in MEASURES; None without points for it."""
    steps, accuracy = _curve(row)
    baseline_steps, baseline_accuracy = _curve(baseline)
    one_epoch = 1 / pace.epochs(1, row.n)  # steps
    last = min(steps[-1], baseline_steps[-1], FIRST_EPOCHS * one_epoch)
    both = np.union1d(steps, baseline_steps)
    inner = np.concatenate([both[both < last], [last]])
    height = np.interp(inner, steps, accuracy) - np.interp(inner, baseline_steps, baseline_accuracy)
    told = all(np.any((one > 0) & (one <= last)) for one in (steps, baseline_steps))
    first = _after_first_epoch(steps, accuracy, one_epoch)
    baseline_first = _after_first_epoch(baseline_steps, baseline_accuracy, one_epoch)
    crossing = _first_crossing(steps, accuracy, baseline_accuracy[-1])
    return {
        "start": 100 * float(accuracy[0] - baseline_accuracy[0]),
        "first_epoch": None if first is None or baseline_first is None else 100 * (first - baseline_first),
        "slope": 100 * float(trapezoid(height, inner)) / float(last) if told else None,
        "epochs": None if crossing is None else pace.epochs(crossing, row.n),
        "end": 100 * float(accuracy[-1] - baseline_accuracy[-1]),
    }


def has_inner_points(row: Row) -> bool:
    """True if a curve has more points than its start, its end and the beginning of fine-tuning."""
    return len(row.curve) > (3 if row.fine_tune else 2)


def mean_curve(rows: Sequence[Row], pace: Pace) -> list[tuple[float, Interval]]:
    """(epoch, val accuracy as a fraction) averaged over draws, at the steps that every draw's curve has."""
    curves = [dict(row.curve) for row in rows]
    steps = sorted(set.intersection(*(set(curve) for curve in curves)))
    return [(pace.epochs(step, rows[0].n), draws_interval([curve[step] for curve in curves])[0]) for step in steps]


def write_measures(path: Path, measures: Iterable[LearningMeasures], data: str) -> None:
    """Writes one row per cell: each measure with its bounds, and the name of the data.

    Both are empty if undefined; bounds also for one draw or equal draws, whose spread is unknown.
    """
    columns = [f"{name}{part}" for name in MEASURES for part in ("", "_low", "_high")]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["transfer", "n", "freeze_count", "fine_tune", "held_from", "draws", *columns, "reached",
                         "trained_epochs", "data"])  # fmt: skip
        for one in measures:
            row: list[object] = [one.transfer, one.cell.n, one.cell.freeze_count, str(one.cell.fine_tune).lower()]
            row += [one.cell.held_from, one.draws]
            for name in MEASURES:
                interval: Interval | None = getattr(one, name)
                row += ["", "", ""] if interval is None else [interval.estimate, *interval.bounds]
            writer.writerow([*row, one.reached, one.trained_epochs, data])


def _intervals(values: Mapping[SweepCell, Sequence[float | None]]) -> dict[SweepCell, Interval | None]:
    whole = {
        place: [float(one) for one in each if one is not None]
        for place, each in values.items()
        if all(one is not None for one in each)
    }
    return {place: draws_interval(whole[place])[0] if place in whole else None for place in values}


def _not_below_0(interval: Interval | None) -> Interval | None:
    return None if interval is None else dataclasses.replace(interval, low=max(0.0, interval.low))


def _curve(row: Row) -> tuple[np.ndarray, np.ndarray]:
    """float64 [points] each: steps and val accuracies."""
    steps, accuracies = zip(*row.curve, strict=True)
    return np.asarray(steps, np.float64), np.asarray(accuracies, np.float64)


def _after_first_epoch(steps: np.ndarray, accuracy: np.ndarray, one_epoch: float) -> float | None:
    """Accuracy at the point nearest to the end of the first epoch, unless that is half an epoch away or more."""
    nearest = int(np.argmin(np.abs(steps - one_epoch)))
    return None if abs(steps[nearest] - one_epoch) >= one_epoch / 2 else float(accuracy[nearest])


def _first_crossing(steps: np.ndarray, accuracy: np.ndarray, level: float) -> float | None:
    """The step at which the curve, linear between its points, first reaches the level; None if it never does."""
    above = np.flatnonzero(accuracy >= level)
    if not above.size:
        return None
    right = int(above[0])
    if right == 0:
        return float(steps[0])
    share = (level - accuracy[right - 1]) / (accuracy[right] - accuracy[right - 1])
    crossing = float(steps[right - 1] + share * (steps[right] - steps[right - 1]))
    return crossing if math.isfinite(crossing) else float(steps[right])
