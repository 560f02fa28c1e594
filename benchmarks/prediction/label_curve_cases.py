"""Learning curves of a published ledger and of finished runs, cut where the future begins. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.label_curves.measured_curve import MeasuredCurve, SizePoint
from pipeline.runs.run_files import FRESH_FILE, damaged, read_origin, read_unaltered

Future = Mapping[int, float]
"""Mean accuracy on test by n, fractions."""


@dataclasses.dataclass(frozen=True)
class Case:
    """A curve up to a size, and what came later.

    Attributes:
      group: transfer or network from scratch; what is learned from others leaves all of it out.
      way: freeze count and fine-tuning, `chosen on val` where a cell is chosen at each n.
      known: up to the size.
      future: beyond it.
    """

    group: str
    way: str
    known: MeasuredCurve
    future: Future

    @property
    def most(self) -> int:
        """The largest size that is known."""
        return self.known.points[-1].n

    @property
    def measured(self) -> tuple[np.ndarray, np.ndarray]:
        """Sizes and mean accuracies of all that was measured, float64 each; accuracies never fall."""
        means = {point.n: point.mean for point in self.known.points} | dict(self.future)
        sizes = np.array(sorted(means), np.float64)
        return sizes, np.maximum.accumulate([means[int(n)] for n in sizes])


def read_ledger_rows(path: Path) -> pd.DataFrame:
    """The published ledger, each execution once: with nothing frozen, fine-tuning is the same training.

    Raises:
      ThawError: the file is missing or can't be read.
    """
    try:
        rows = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise damaged(path, error) from error
    return rows[~(rows["fine_tune"] & (rows["freeze_count"] == 0))]


def curves_by_group(rows: pd.DataFrame, classes: int = 2) -> dict[str, dict[str, MeasuredCurve]]:
    """Every cell's whole curve, by transfer or network from scratch, and by way."""
    found: dict[str, dict[str, MeasuredCurve]] = {}
    most_frozen = rows.groupby("transfer")["freeze_count"].max()
    for (name, frozen, tuned), of_way in rows.groupby(["transfer", "freeze_count", "fine_tune"]):
        way = f"k={frozen}{', fine-tuned' if tuned else ''}"
        share = 0.0 if tuned or not most_frozen[name] else frozen / most_frozen[name]
        found.setdefault(name, {})[way] = _curve(str(name), of_way, share, classes)
    return found


def chosen_by_group(rows: pd.DataFrame, classes: int = 2) -> dict[str, MeasuredCurve]:
    """By transfer, the curve of what val chooses at each n: as of Thaw's own, nothing is held frozen permanently."""
    found = {}
    for name, of_group in rows.groupby("transfer"):
        val = of_group.groupby(["n", "freeze_count", "fine_tune"])["val_accuracy"].mean()
        chosen = {n: of_size.idxmax() for n, of_size in val.groupby("n")}
        picked = pd.concat(
            of_group[(of_group["n"] == n) & (of_group["freeze_count"] == k) & (of_group["fine_tune"] == tuned)]
            for n, k, tuned in chosen.values()
        )
        found[str(name)] = _curve(str(name), picked, 0.0, classes)
    return found


def cases_of(curves: Mapping[str, Mapping[str, MeasuredCurve]], most: int, ahead: Sequence[int]) -> list[Case]:
    """Curves up to n = most, with their future at some sizes."""
    return [cut(group, way, curve, most, ahead) for group, ways in curves.items() for way, curve in ways.items()]


def cut(group: str, way: str, curve: MeasuredCurve, most: int, ahead: Sequence[int]) -> Case:
    """One curve up to n = most, with its future at some sizes."""
    known = dataclasses.replace(curve, points=tuple(point for point in curve.points if point.n <= most))
    return Case(group, way, known, {point.n: point.mean for point in curve.points if point.n in ahead})


def run_cases(folder: Path) -> list[Case]:
    """Fresh draws of a finished run, its largest size being the future.

    Raises:
      ThawError: a file of the run is missing, altered or can't be read.
    """
    try:
        rows = pd.read_csv(io.BytesIO(read_unaltered(folder, FRESH_FILE)))
        about = read_origin(folder)
        rows["val_accuracy"] = rows["val_accuracy"].astype(float)
    except (ValueError, KeyError) as error:
        raise damaged(folder, error) from error
    sizes = sorted({int(n) for n in rows["n"]})
    curves = chosen_by_group(rows[rows["held_from"] == 0], len(about["target_classes"]))
    whole = [(name, curve) for name, curve in curves.items() if [point.n for point in curve.points] == sizes]
    return [cut(name, f"{about['data']}, fresh draws", curve, sizes[-2], sizes[-1:]) for name, curve in whole]


def _curve(name: str, rows: pd.DataFrame, frozen: float, classes: int) -> MeasuredCurve:
    points = tuple(SizePoint(int(n), tuple(of_size["test_accuracy"])) for n, of_size in rows.groupby("n"))
    return MeasuredCurve(name, classes, points, frozen, name.startswith("baseline__"), test_classes=classes)
