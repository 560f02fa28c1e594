"""How many labels it will take: curves of transfers and from scratch, beyond the sizes of a run. No TensorFlow.

At each n a curve has the cell that val chose there: its fresh draws if there are any, else the search's. With more
images another cell may be chosen, so a curve counts as one without permanently frozen layers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from analysis.cells.grid import Grid, SweepCell
from analysis.findings.confirmed import Confirmation
from analysis.findings.fresh_trainings import arm_of, is_underfit, train_accuracy_of
from analysis.findings.from_scratch import best_from_scratch
from analysis.label_curves.curve_prior import CurvePrior, read_prior
from analysis.label_curves.fitted_curve import (
    HORIZON,
    LEVEL,
    Band,
    Images,
    band_of,
    images_for,
    images_until_met,
    sample_curves,
    sizes_of,
)
from analysis.label_curves.measured_curve import MeasuredCurve, SizePoint, objection

WISHED_ACCURACY = 0.95
"""The wished accuracy by default."""
TIMES = (2, 5, 20)
FROM_SCRATCH = "from scratch"
"""The name of the curve of the best network from scratch on val at each n."""


@dataclasses.dataclass(frozen=True)
class CurveAhead:
    """One curve beyond its sizes.

    Attributes:
      curve: as measured.
      band: None if there is no forecast.
      silent: why no forecast is given.
    """

    curve: MeasuredCurve
    band: Band | None
    silent: str | None


@dataclasses.dataclass(frozen=True)
class LabelsAhead:
    """All curves of a run.

    Attributes:
      n: the size to deploy: the user's images.
      curves: of the transfers, and last that from scratch.
      winner: name of the transfer that is best on val.
      met: images until the winner's lead is at most a point; None if one of the two curves has no forecast, or ends at
        n.
    """

    n: int
    curves: tuple[CurveAhead, ...]
    winner: str
    met: Images | None

    def named(self, name: str) -> CurveAhead:
        """A transfer's curve, or that FROM_SCRATCH."""
        return next(one for one in self.curves if one.curve.name == name)


def labels_ahead(grid: Grid, confirmation: Confirmation, n: int, winner: str) -> LabelsAhead:
    """Fits the curve of each transfer and that from scratch.

    Args:
      grid: of the search, without controls.
      confirmation: fresh draws of what it chose.
      n: the size to deploy.
      winner: a transfer of the grid.

    Raises:
      ThawError: as `Grid`.
    """
    fresh, prior = Grid(confirmation.ledgers), read_prior()
    test_images = next(iter(grid.sweeps.values())).effective_images
    transfers = {
        name: {size: (name, cell) for size, cell in cells.items()} for name, cells in grid.chosen.transfers.items()
    }
    sizes = sorted({size for cells in grid.chosen.baselines.values() for size in cells})
    scratch = {size: best_from_scratch(grid, size) for size in sizes}
    measured = [_measured(name, places, grid, fresh) for name, places in (transfers | {FROM_SCRATCH: scratch}).items()]
    curves = tuple(_ahead(curve, prior, test_images) for curve in measured)
    found = LabelsAhead(n, curves, winner, None)
    both = found.named(winner), found.named(FROM_SCRATCH)
    if any(one.band is None or HORIZON * one.curve.points[-1].n <= n for one in both):
        return found
    return dataclasses.replace(found, met=_met(n, [one.curve for one in both], prior))


def labels_ahead_json(found: LabelsAhead, wished: float = WISHED_ACCURACY) -> dict[str, Any]:
    """For summary.json: accuracies as fractions; null: beyond the curve's last size."""
    return {
        "n": found.n,
        "level": LEVEL,
        "wished_accuracy": wished,
        "winner": found.winner,
        "curves": [_curve_json(one, found.n, wished) for one in found.curves],
        "met": None if found.met is None else dataclasses.asdict(found.met) | {"largest": _met_largest(found)},
    }


def wishing(curve: Mapping[str, Any], wished: float) -> dict[str, float | None] | None:
    """Images that another accuracy takes, from a curve of `labels_ahead_json`; None if there is no forecast."""
    if curve["silent"]:
        return None
    band = Band(*(np.array(curve[name]) for name in ("sizes", "low", "expected", "high")))
    return dataclasses.asdict(images_for(band, wished))


def _measured(name: str, places: Mapping[int, SweepCell], grid: Grid, fresh: Grid) -> MeasuredCurve:
    points, collapsed, underfit = [], [], []
    header = grid.sweeps[next(iter(places.values()))[0]].header
    for n, place in places.items():
        is_fresh = place[0] in fresh.sweeps and place[1] in fresh.sweeps[place[0]].cells
        of = fresh if is_fresh else grid
        draws = of.common_draws([place])
        arm = arm_of(of, place, draws)
        if name == FROM_SCRATCH and is_underfit(train_accuracy_of(of, place, draws, arm), len(header.classes)):
            underfit.append(n)
        accuracies = arm.correct[~arm.collapsed].mean(axis=1)
        if len(accuracies):
            points.append(SizePoint(n, tuple(float(one) for one in accuracies), is_fresh))
        else:
            collapsed.append(n)
    return MeasuredCurve(
        name, len(header.classes), tuple(points), frozen=0.0, from_scratch=name == FROM_SCRATCH,
        collapsed=tuple(collapsed), test_classes=len(set(header.test_labels)), underfit=tuple(underfit),
    )  # fmt: skip


def _ahead(curve: MeasuredCurve, prior: CurvePrior, test_images: float) -> CurveAhead:
    silent = objection(curve, prior.noise)
    if silent is not None:
        return CurveAhead(curve, None, silent)
    sizes = sizes_of(curve.points[0].n, curve.points[-1].n)
    return CurveAhead(curve, band_of(sizes, sample_curves(curve, prior, sizes, test_images)), None)


def _met(n: int, both: Sequence[MeasuredCurve], prior: CurvePrior) -> Images:
    """Both have the same test images, whose choice hardly changes the lead."""
    sizes = sizes_of(n, min(curve.points[-1].n for curve in both))
    ahead, behind = (sample_curves(curve, prior, sizes, seed=10 * place) for place, curve in enumerate(both))
    return images_until_met(sizes, ahead, behind)


def _met_largest(found: LabelsAhead) -> float:
    bands = (found.named(name).band for name in (found.winner, FROM_SCRATCH))
    return min(float(band.sizes[-1]) for band in bands if band is not None)


def _curve_json(one: CurveAhead, n: int, wished: float) -> dict[str, Any]:
    content: dict[str, Any] = {
        "name": one.curve.name,
        "points": [
            {"n": point.n, "accuracy": point.mean, "draws": len(point.accuracies), "fresh": point.fresh}
            for point in one.curve.points
        ],
        "collapsed": list(one.curve.collapsed),
        "silent": one.silent,
    }
    if one.band is None:
        return content
    band = {name: getattr(one.band, name).round(6).tolist() for name in ("sizes", "low", "expected", "high")}
    ahead = [_ahead_json(one.band, times, times * n) for times in TIMES]
    # From the written figures, so that `thaw labels` gives the same number for the same accuracy.
    return content | band | {"ahead": ahead, "images": wishing(content | band, wished)}


def _ahead_json(band: Band, times: int, n: int) -> dict[str, Any]:
    reached = band.sizes[0] <= n <= band.sizes[-1] * (1 + 1e-9)
    low, expected, high = band.at(n) if reached else (None, None, None)
    return {"times": times, "n": n, "low": low, "expected": expected, "high": high}
