"""The figures as PNG files, with what appears on hovering. Imports matplotlib without pyplot."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from analysis.cells.cell_summaries import CellSummary, MeasuredCell, Summaries
from analysis.cells.grid import Grid
from analysis.cells.paired_ledgers import Sweep
from analysis.findings.learning_curves import Pace, has_inner_points, mean_curve
from analysis.findings.recommendation import way_in_words
from analysis.statistics import formats
from components.transfer_report.figures.accuracy_curves import draw_overview
from components.transfer_report.figures.curves_figure import CurvePair, draw_curves
from components.transfer_report.figures.fonts import use_fonts_with_all_letters
from components.transfer_report.figures.heat_map import Scales, draw_heat_map
from components.transfer_report.figures.labels_figure import draw_labels
from components.transfer_report.figures.mistakes import (
    MOST_SHOWN,
    TargetImages,
    mistakes,
    mistakes_sheet,
    near_duplicates_sheet,
)
from experiment.backbones import is_backbone, unit_of
from ledger.cell_selection import Cell
from ledger.rows import Row

DOTS_PER_INCH = 110
"""Figures are 12.8 inches wide: 1408 px, laid out to be read at 1280."""

SYNTHETIC = "SYNTHETIC"

CURVES_AT = 100
"""Learning curves are drawn at the size nearest to this one."""


@dataclasses.dataclass(frozen=True)
class Picture:
    """A PNG file and the rectangles on it that have hover texts.

    Attributes:
      path: of the file.
      size_px: width, height.
      hover: (left, top, width, height, text), in pixels from the top left corner.
    """

    path: Path
    size_px: tuple[int, int]
    hover: tuple[tuple[float, float, float, float, str], ...]


@dataclasses.dataclass(frozen=True)
class Pictures:
    """All pictures of a report.

    Attributes:
      overview: every transfer and baseline by n.
      heat_maps: by transfer id; Figures 4 to 7 of the report.
      freezing: by id of a transfer of a backbone; Figure 8.
      curves: learning curves, Figure 2 measured; None if no cell has one to draw at that size.
      curves_n: the size they are drawn at.
      without_curve: transfers with cells of that size that the curves leave out: see curve_pairs.
      mistakes: what a model classifies wrongly; None if it makes no mistake, or there are no test images.
      near_duplicates: pictures that were kept in one split; None if there are none.
      labels: curves beyond the sizes that were run; None if none has an estimate.
    """

    overview: Picture
    heat_maps: dict[str, Picture]
    freezing: dict[str, Picture]
    curves: Picture | None
    curves_n: int
    without_curve: tuple[str, ...]
    mistakes: Picture | None = None
    near_duplicates: Picture | None = None
    labels: Picture | None = None


def is_synthetic(data: str) -> bool:
    """True where Thaw generated the images."""
    return data.startswith(SYNTHETIC)


def write_figures(folder: Path, summaries: Summaries, grid: Grid, pace: Pace) -> Pictures:
    """Writes every picture of a report as PNG; SYNTHETIC data are marked in each.

    Args:
      folder: made when absent.
      summaries: every cell.
      grid: the same cells' executions; its choices are framed in the heat maps and drawn in the overview.
      pace: turns steps into epochs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data, scales = grid.ledgers.data, shared_scales(summaries)
    heat_maps, freezing = {}, {}
    for transfer, cells in summaries.transfers.items():
        figure = draw_heat_map(cells, frozenset(grid.chosen.transfers[transfer].values()), scales)
        title = f"{transfer} on {data}, {_draws(cells)}"
        heat_maps[transfer] = save_picture(figure, folder / f"{transfer}.png", title, data)
        baseline = cells[0].baseline_architecture
        if is_backbone(cells[0].architecture) and (lines := freezing_lines(cells)):
            scratch = [one for one in summaries.baselines[baseline] if not one.cell.fine_tune]
            figure = draw_overview(lines, {baseline: scratch} if scratch else {}, "how much is frozen")
            title = f"{transfer} with and without freezing, on {data}, {_draws([*cells, *scratch])}"
            # Not freezing_<transfer>: a source may be called so. No name of a source or network has two underscores.
            freezing[transfer] = save_picture(figure, folder / f"{transfer}__freezing.png", title, data)
    n = min(grid.sizes, key=lambda size: abs(math.log(size / CURVES_AT)))
    overview = _write_overview(folder, summaries, grid)
    pairs = curve_pairs(grid, pace, n)
    without = tuple(name for name, cells in grid.chosen.transfers.items() if n in cells and name not in pairs)
    return Pictures(overview, heat_maps, freezing, _write_curves(folder, grid, pairs, n), n, without)


def write_mistakes(folder: Path, images: TargetImages, sweep: Sweep, row: Row) -> Picture | None:
    """Writes the most confident mistakes of an execution as a picture; None if it makes none."""
    wrong = len(mistakes(sweep, row))
    if not wrong:
        return None
    shown = f"the {MOST_SHOWN} most confident of {wrong}" if wrong > MOST_SHOWN else f"{wrong}"
    title = f"Misclassified: {shown} of {len(sweep.labels)} test images of {sweep.header.data}"
    return save_picture(mistakes_sheet(images, sweep, row), folder / "mistakes.png", title, sweep.header.data)


def write_near_duplicates(
    folder: Path, images: TargetImages, sets: Sequence[Sequence[str]], all_sets: int, data: str
) -> Picture | None:  # fmt: skip
    """Writes the pictures of near-duplicate sets side by side; None if none of them is available."""
    figure = near_duplicates_sheet(images, sets)
    if figure is None:
        return None
    shown = f"the first {len(sets)} of {all_sets:,} sets" if all_sets > len(sets) else f"{all_sets} in all"
    return save_picture(figure, folder / "near_duplicates.png", f"Sets of near-duplicates, {shown}, of {data}", data)


def write_labels(folder: Path, labels: Mapping[str, Any], data: str) -> Picture | None:
    """Writes the curves beyond the sizes that were run, as summary.json has them; None where there is no estimate."""
    if all(one["silent"] for one in labels["curves"]):
        return None
    title = f"Expected accuracy with more images, on {data}"
    return save_picture(draw_labels(labels), folder / "labels.png", title, data)


def freezing_lines(cells: Sequence[CellSummary]) -> dict[str, list[MeasuredCell]]:
    """A transfer's cells with everything frozen, nothing frozen, and everything frozen before fine-tuning, if swept."""
    most, unit = cells[0].max_freeze_count, unit_of(cells[0].architecture) + "s"
    ways = {
        f"all {unit} frozen": (most, False),
        "nothing frozen": (0, False),
        f"all {unit} frozen, then fine-tuned": (most, True),
    }
    lines: dict[str, list[MeasuredCell]] = {}
    for name, way in ways.items():
        found: list[MeasuredCell] = [one for one in cells if one.cell == Cell(one.cell.n, *way)]
        if found:
            lines[name] = found
    return lines


def shared_scales(summaries: Summaries) -> Scales:
    """Limits in percent and points, in steps of 5, that hold every cell of every transfer."""
    cells = [cell for group in summaries.transfers.values() for cell in group]
    accuracies = [100 * cell.accuracy.estimate for cell in cells]
    gains = [abs(cell.gain_points.estimate) for cell in cells]
    low, high = 5 * math.floor(min(accuracies) / 5), 5 * math.ceil(max(accuracies) / 5)
    return Scales(accuracy=(low, max(high, low + 5)), gain=max(5, 5 * math.ceil(max(gains) / 5)))


def curve_pairs(grid: Grid, pace: Pace, n: int) -> dict[str, CurvePair]:
    """Each transfer's best cell on val at n, and its baseline, if both curves have points during training.

    A solved head without tuning takes no steps, and a training of few steps has no points in between.
    """
    pairs = {}
    for transfer, chosen in grid.chosen.transfers.items():
        if n not in chosen:
            continue
        cell = chosen[n]
        rows = grid.sweeps[transfer].cells[cell]
        baseline_rows = grid.ledgers.baseline_rows(grid.sweeps[transfer], rows)
        if not all(has_inner_points(row) for row in (*rows, *baseline_rows)):
            continue
        twin = grid.sweeps[transfer].cells.get(Cell(n, cell.freeze_count, False), ())
        phase_2 = pace.epochs(twin[0].curve[-1][0], n) if cell.fine_tune and twin else None
        header = grid.sweeps[transfer].header
        title = f"{transfer}:\n{way_in_words(cell, header.architecture, header.max_freeze_count)}"
        pairs[transfer] = CurvePair(title, mean_curve(rows, pace), mean_curve(baseline_rows, pace), phase_2)
    return pairs


def _write_overview(folder: Path, summaries: Summaries, grid: Grid) -> Picture:
    series = {name: _picked(cells, grid.chosen.transfers[name]) for name, cells in summaries.transfers.items()}
    baselines = {name: _picked(cells, grid.chosen.baselines[name]) for name, cells in summaries.baselines.items()}
    shown = [cell for group in (*series.values(), *baselines.values()) for cell in group]
    title = f"Test accuracy by number of target images, on {grid.ledgers.data}, {_draws(shown)}"
    figure = draw_overview(series, baselines, "at each n, the best cell on val")
    return save_picture(figure, folder / "overview.png", title, grid.ledgers.data)


def _write_curves(folder: Path, grid: Grid, pairs: Mapping[str, CurvePair], n: int) -> Picture | None:
    if not pairs:
        return None
    counts = [len(grid.sweeps[name].cells[grid.chosen.transfers[name][n]]) for name in pairs]
    title = f"Learning curves at n = {n}, on {grid.ledgers.data}, mean of {formats.draws(counts)}"
    return save_picture(draw_curves([*pairs.values()]), folder / "learning_curves.png", title, grid.ledgers.data)


def _picked(cells: Sequence[MeasuredCell], chosen: Mapping[int, Cell]) -> list[MeasuredCell]:
    wanted = set(chosen.values())
    return [cell for cell in cells if cell.cell in wanted]


def _draws(cells: Sequence[MeasuredCell]) -> str:
    return formats.draws([cell.draws for cell in cells])


def save_picture(figure: Figure, path: Path, title: str, data: str) -> Picture:
    """Writes a figure as PNG with its title, and a mark where Thaw generated the images of `data` itself."""
    top = 1 - 0.12 / figure.get_figheight()
    figure.text(0.01, top, title, fontsize=13, fontweight="bold", ha="left", va="top", parse_math=False)
    if is_synthetic(data):
        figure.text(
            0.985, top, f"{SYNTHETIC} IMAGES", ha="right", va="top", fontsize=13, fontweight="bold",
            color="white", bbox={"facecolor": "#b00020", "edgecolor": "none", "pad": 4},
        )  # fmt: skip
    use_fonts_with_all_letters(figure)
    figure.set_dpi(DOTS_PER_INCH)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())  # [height, width, 4]
    # Written without the alpha channel, which would only make the file larger.
    Image.fromarray(pixels).convert("RGB").save(path)
    height, width = pixels.shape[:2]
    hover = []
    for patch in (patch for axes in figure.axes for patch in axes.patches):
        if isinstance(patch, Rectangle) and patch.get_gid():
            box = patch.get_window_extent()
            hover.append((box.x0, height - box.y1, box.width, box.height, str(patch.get_gid())))
    return Picture(path, (width, height), tuple(hover))
