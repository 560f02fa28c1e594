"""The figures as PNG files: one heat map a transfer and an overview. Imports matplotlib without pyplot."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from components.transfer_report import formats
from components.transfer_report.cells import CellSummary, MeasuredCell, Summaries
from components.transfer_report.heat_map import Scales, draw_heat_map
from components.transfer_report.overview import draw_overview
from trainer_module.selection import Cell

DOTS_PER_INCH = 110
"""Figures are 12.8 inches wide: 1408 px, laid out to be read at 1280."""

SYNTHETIC = "SYNTHETIC"


@dataclasses.dataclass(frozen=True)
class Chosen:
    """The cell with the best val accuracy at each n: transfers by id, baselines by architecture."""

    transfers: Mapping[str, Mapping[int, Cell]]
    baselines: Mapping[str, Mapping[int, Cell]]


def is_synthetic(data: str) -> bool:
    """True where Thaw drew the images itself."""
    return data.startswith(SYNTHETIC)


def write_figures(folder: Path, summaries: Summaries, chosen: Chosen, data: str) -> dict[str, Path]:
    """Writes `<transfer>.png` for each transfer and `overview.png`.

    Args:
      folder: made when absent.
      summaries: every cell.
      chosen: framed in the heat maps, drawn in the overview.
      data: name of the data, for the titles; SYNTHETIC data are marked in every picture.

    Returns:
      Path by transfer id, and of the overview by `overview`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scales = shared_scales(summaries)
    paths = {}
    for transfer, cells in summaries.transfers.items():
        figure = draw_heat_map(cells, frozenset(chosen.transfers[transfer].values()), scales)
        path = folder / f"{transfer}.png"
        paths[transfer] = _save(figure, path, f"{transfer} on {data}", _draws(cells), data)
    series = {name: _picked(cells, chosen.transfers[name]) for name, cells in summaries.transfers.items()}
    baselines = {name: _picked(cells, chosen.baselines[name]) for name, cells in summaries.baselines.items()}
    title = f"Test accuracy by number of target images, on {data}"
    shown = [cell for group in (*series.values(), *baselines.values()) for cell in group]
    figure = draw_overview(series, baselines)
    paths["overview"] = _save(figure, folder / "overview.png", title, _draws(shown), data)
    return paths


def shared_scales(summaries: Summaries) -> Scales:
    """Limits in percent and points, in steps of 5, that hold every cell of every transfer."""
    cells = [cell for group in summaries.transfers.values() for cell in group]
    accuracies = [100 * cell.accuracy.estimate for cell in cells]
    gains = [abs(cell.gain_points.estimate) for cell in cells]
    low, high = 5 * math.floor(min(accuracies) / 5), 5 * math.ceil(max(accuracies) / 5)
    return Scales(accuracy=(low, max(high, low + 5)), gain=max(5, 5 * math.ceil(max(gains) / 5)))


def _picked(cells: Sequence[MeasuredCell], chosen: Mapping[int, Cell]) -> list[MeasuredCell]:
    wanted = set(chosen.values())
    return [cell for cell in cells if cell.cell in wanted]


def _draws(cells: Sequence[MeasuredCell | CellSummary]) -> str:
    return formats.draws([cell.draws for cell in cells])


def _save(figure: Figure, path: Path, title: str, draws: str, data: str) -> Path:
    top = 1 - 0.12 / figure.get_figheight()
    figure.text(0.01, top, f"{title}, {draws}", fontsize=13, fontweight="bold", ha="left", va="top")
    if is_synthetic(data):
        figure.text(
            0.985, top, f"{SYNTHETIC} IMAGES", ha="right", va="top", fontsize=13, fontweight="bold",
            color="white", bbox={"facecolor": "#b00020", "edgecolor": "none", "pad": 4},
        )  # fmt: skip
    figure.set_dpi(DOTS_PER_INCH)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    # Written without the alpha channel, which would only make the page larger.
    Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").save(path)
    return path
