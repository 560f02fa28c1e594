"""One transfer's heat map: accuracy left, gain right, fine-tuning off above and on below. No pyplot."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from analysis.cells.cell_summaries import CellSummary
from analysis.statistics import formats
from experiment.backbones import unit_of
from ledger.cell_selection import Cell

WIDTH_INCHES = 12.8
NOT_RUN = "#d0d0d0"
# Architectures of the original report whose axis counts from 1 what is counted from 0 here.
SHIFTED_AXIS = ("original", "remastered")


@dataclasses.dataclass(frozen=True)
class Scales:
    """Colour limits shared by a report's pictures: accuracy (low, high) in percent, gain +- in points."""

    accuracy: tuple[float, float]
    gain: float


@dataclasses.dataclass(frozen=True)
class _Grid:
    """Sizes left to right and freeze counts upwards in a panel; fine_tune values from panel to panel."""

    sizes: tuple[int, ...]
    counts: tuple[int, ...]
    tunings: tuple[bool, ...]
    cells: dict[Cell, CellSummary]
    chosen: Collection[Cell]

    @property
    def font_size(self) -> float:
        """Font size of a cell's value, in points; nine columns leave little room."""
        return 10.5 if len(self.sizes) <= 4 else 9.5 if len(self.sizes) <= 6 else 8.5


def draw_heat_map(cells: Sequence[CellSummary], chosen: Collection[Cell], scales: Scales) -> Figure:
    """Draws one transfer's cells except those with held layers; cells not run are grey, undecided gains are hatched.

    Args:
      cells: all of one transfer.
      chosen: cells to frame, the best on val at each n.
      scales: colour limits.

    Returns:
      A figure 12.8 inches wide, without title.
    """
    found = {summary.cell: summary for summary in cells if not summary.cell.held_from}
    grid = _Grid(
        sizes=tuple(sorted({c.n for c in found})),
        counts=tuple(sorted({c.freeze_count for c in found})),
        tunings=tuple(sorted({c.fine_tune for c in found})),
        cells=found,
        chosen=chosen,
    )
    colours = (
        ScalarMappable(Normalize(*scales.accuracy), matplotlib.colormaps["cividis"]),
        ScalarMappable(Normalize(-scales.gain, scales.gain), matplotlib.colormaps["RdBu"]),
    )
    figure, panels = _lay_out(grid, cells[0].architecture, colours)
    for row, fine_tune in enumerate(grid.tunings):
        for column, mappable in enumerate(colours):
            _draw_panel(panels[row, column], grid, fine_tune, mappable, is_gain=bool(column))
    return figure


def _lay_out(
    grid: _Grid, architecture: str, colours: tuple[ScalarMappable, ScalarMappable]
) -> tuple[Figure, np.ndarray]:
    """The figure with empty panels [fine_tune values, 2], their axes, colour bars and legend."""
    row_inches = max(1.9, (0.30 if len(grid.counts) > 9 else 0.36) * len(grid.counts) + 0.55)
    height = row_inches * len(grid.tunings) + 1.6
    layout = ConstrainedLayoutEngine(rect=(0, 0.3 / height, 1, 1 - 0.75 / height), h_pad=0.06, w_pad=0.06)
    figure = Figure(figsize=(WIDTH_INCHES, height), layout=layout)
    panels = figure.subplots(len(grid.tunings), 2, squeeze=False)
    quantities = ("accuracy on test, %", "gain over the baseline, points")
    for row, fine_tune in enumerate(grid.tunings):
        for axes, quantity in zip(panels[row], quantities, strict=True):
            _label_panel(axes, grid, architecture, last=row == len(grid.tunings) - 1)
            tuning = "fine-tuned" if fine_tune else "not fine-tuned"
            axes.set_title(f"{tuning}: {quantity}", fontsize=10.5, loc="left")
    for column, mappable in enumerate(colours):
        bar = figure.colorbar(mappable, ax=panels[:, column], location="bottom", aspect=60, pad=0.01)
        bar.ax.tick_params(labelsize=8)
    figure.text(
        0.01, 0.07 / height,
        "Small: 95% interval.  Hatched: undecided at a false discovery rate of 5%.  "
        "Framed: best on val at that n.  Grey: not run.",
        fontsize=9, va="bottom",
    )  # fmt: skip
    # The layout is fixed before the cells are drawn: they lie inside the panels, and measuring a thousand
    # labels twice would take most of the time.
    layout.execute(figure)
    figure.set_layout_engine("none")
    return figure, panels


def _draw_panel(axes: Axes, grid: _Grid, fine_tune: bool, mappable: ScalarMappable, is_gain: bool) -> None:
    for x, n in enumerate(grid.sizes):
        for y, count in enumerate(grid.counts):
            cell = Cell(n, count, fine_tune)
            if cell not in grid.cells:
                size = grid.font_size - 2.5
                axes.text(x, y, "not run", ha="center", va="center", fontsize=size, color="#606060")
            else:
                _draw_cell(axes, (x, y), grid.cells[cell], mappable, is_gain, grid.font_size)
    for cell in grid.chosen:
        if cell.fine_tune == fine_tune and cell in grid.cells:
            corner = grid.sizes.index(cell.n) - 0.5, grid.counts.index(cell.freeze_count) - 0.5
            for colour, width in (("white", 4.0), ("black", 2.0)):
                frame = Rectangle(corner, 1, 1, fill=False, edgecolor=colour, linewidth=width, clip_on=False)
                axes.add_patch(frame).set_zorder(4)


def _draw_cell(
    axes: Axes,
    centre: tuple[int, int],
    summary: CellSummary,
    mappable: ScalarMappable,
    is_gain: bool,
    font_size: float,
) -> None:
    x, y = centre
    interval = summary.gain_points if is_gain else summary.accuracy
    unit = 1 if is_gain else 100
    low, estimate, high = (unit * value for value in (interval.low, interval.estimate, interval.high))
    face = mappable.to_rgba(estimate)
    corner = (x - 0.5, y - 0.5)
    patch = axes.add_patch(Rectangle(corner, 1, 1, facecolor=face, edgecolor="white", linewidth=0.8))
    patch.set_gid(hover_text(summary))
    # Relative luminance decides between black and white text (ITU-R BT.709 weights).
    ink = "black" if np.dot(face[:3], (0.2126, 0.7152, 0.0722)) > 0.45 else "white"
    hatched = is_gain and summary.verdict == "undecided"
    if hatched:
        lines = Rectangle(corner, 1, 1, fill=False, hatch="////", edgecolor=ink, alpha=0.3, linewidth=0)
        axes.add_patch(lines)
    value = formats.points(estimate) if is_gain else f"{estimate:.1f}"
    bounds = f"{formats.points(low)} {formats.points(high)}" if is_gain else f"{low:.1f}-{high:.1f}"
    for text, offset, align, size, weight in (
        (value, 0.02, "bottom", font_size, "bold"),
        (bounds, -0.06, "top", font_size - 2.3, "normal"),
    ):
        label = axes.text(x, y + offset, text, ha="center", va=align, size=size, weight=weight, color=ink)
        if hatched:
            label.set_path_effects([withStroke(linewidth=2, foreground=face)])


def hover_text(summary: CellSummary) -> str:
    """Everything that is known of a cell, in a few lines."""
    cell = summary.cell
    accuracy, baseline, gain = summary.accuracy, summary.baseline, summary.gain_points
    return "\n".join(
        [
            f"n = {cell.n}, k = {cell.freeze_count}, {'fine-tuned' if cell.fine_tune else 'not fine-tuned'}",
            f"accuracy {formats.percent(accuracy.estimate)} {formats.percent_interval((accuracy.low, accuracy.high))}",
            f"baseline {formats.percent(baseline.estimate)} {formats.percent_interval((baseline.low, baseline.high))}",
            f"gain {formats.points(gain.estimate)} points {formats.points_interval((gain.low, gain.high))}: "
            f"{summary.verdict}, {formats.draws([summary.draws])}",
        ]
    )


def _label_panel(axes: Axes, grid: _Grid, architecture: str, last: bool) -> None:
    axes.set_xlim(-0.5, len(grid.sizes) - 0.5)
    axes.set_ylim(-0.5, len(grid.counts) - 0.5)
    axes.set_facecolor(NOT_RUN)
    axes.set_xticks(range(len(grid.sizes)), [str(n) for n in grid.sizes], fontsize=9)
    axes.set_yticks(range(len(grid.counts)), [str(count) for count in grid.counts], fontsize=8.5)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    if last:
        axes.set_xlabel("n, labelled target images", fontsize=9.5)
    axes.set_ylabel(f"frozen {unit_of(architecture)}s k", fontsize=9.5)
    if architecture in SHIFTED_AXIS:
        right = axes.secondary_yaxis("right")
        # The report's 0 and 1 are the same model, nothing frozen.
        shifted = ["0, 1" if count == 0 else str(count + 1) for count in grid.counts]
        right.set_yticks(range(len(grid.counts)), shifted, fontsize=8, color="#606060")
        right.set_ylabel("the report's axis", fontsize=8.5, color="#606060")
        right.tick_params(length=0)
        right.spines["right"].set_visible(False)
