"""The section on controls: what they are, their learning curves, accuracy by freeze count. Imports no TensorFlow.

A control (Yosinski et al., NIPS 2014) shows what causes a gain. It is left out of all choices and judgements: winner,
claims, advice, labels saved. The verdicts on controls are corrected as a family of their own.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from analysis.cells.cell_summaries import CellSummary, Summaries, summarise
from analysis.cells.grid import Grid
from analysis.cells.paired_ledgers import Ledgers
from analysis.findings.learning_curves import Pace
from analysis.statistics import formats
from components.transfer_report.figures.controls_figure import draw_by_freeze_count
from components.transfer_report.figures.curves_figure import draw_curves
from components.transfer_report.figures.figures import CURVES_AT, Picture, curve_pairs, save_picture
from experiment.errors import ThawError

WHAT = {
    "self": "trained on every training image of the target's own classes, from which the draws are taken. It has seen "
    "the target's images and many more like them, so it is not a transfer and saves no labels. Source and target are "
    "the same domain, so what it loses by freezing is due to co-adaptation of layers",
    "random": "initial weights that were never trained. Frozen, they show what the architecture alone gives; with "
    "nothing frozen, how much another initialisation changes the result",
    "shuffled_labels": "trained on its domain's images with permuted labels. It has seen images and its weights have "
    "the scale of trained ones, but it has learned no class",
}


@dataclasses.dataclass(frozen=True)
class ControlsShown:
    """The page's section on controls.

    Attributes:
      n: the size that both pictures are drawn at.
      sections: id, what it is in words, and its cells, for each control.
      by_freeze_count: accuracy against frozen layers, controls beside transfers.
      curves: learning curves; None if the ledgers have no points between start and end.
    """

    n: int
    sections: Sequence[tuple[str, str, Sequence[CellSummary]]]
    by_freeze_count: Picture
    curves: Picture | None


def without_controls(ledgers: Ledgers, controls: Mapping[str, str]) -> tuple[Grid, Grid | None]:
    """The grid of all that may be chosen and judged, and that of the controls, if there are any.

    Raises:
      ThawError: all transfers are controls, or sweeps were tested on different images.
    """
    ordinary, shown = (
        {name: sweep for name, sweep in ledgers.transfers.items() if (name in controls) == wanted}
        for wanted in (False, True)
    )
    if not ordinary:
        raise ThawError(
            f"All ledgers are of controls ({', '.join(shown)}), which can't be chosen. Add a transfer from "
            "a source without control."
        )
    return Grid(dataclasses.replace(ledgers, transfers=ordinary)), (
        Grid(dataclasses.replace(ledgers, transfers=shown)) if shown else None
    )


def write_controls(
    folder: Path, grid: Grid, ordinary: Summaries, kinds: Mapping[str, str], pace: Pace
) -> ControlsShown:  # fmt: skip
    """Draws the controls' pictures; their verdicts are a family of their own.

    Args:
      folder: for the PNG files.
      grid: the controls' executions.
      ordinary: the transfers' cells, drawn beside them.
      kinds: of each control, by id.
      pace: turns steps into epochs.
    """
    cells = summarise(grid.ledgers)
    n = min(grid.sizes, key=lambda size: abs(math.log(size / CURVES_AT)))
    data = grid.ledgers.data
    lines = {**ordinary.transfers, **{f"control: {name}": group for name, group in cells.transfers.items()}}
    figure = draw_by_freeze_count(lines, cells.baselines, n)
    everything = [cell for group in cells.transfers.values() for cell in group]
    title = f"Controls and transfers by frozen layers at n = {n}, on {data}, {_draws(everything)}"
    by_freeze_count = save_picture(figure, folder / "controls.png", title, data)
    pairs, curves = curve_pairs(grid, pace, n), None
    if pairs:
        title = f"Learning curves of controls at n = {n}, on {data}, mean of {_draws(everything)}"
        curves = save_picture(draw_curves([*pairs.values()]), folder / "learning_curves_controls.png", title, data)
    sections = [(name, WHAT[kinds[name]], group) for name, group in cells.transfers.items()]
    return ControlsShown(n, sections, by_freeze_count, curves)


def _draws(cells: Sequence[CellSummary]) -> str:
    return formats.draws([cell.draws for cell in cells])
