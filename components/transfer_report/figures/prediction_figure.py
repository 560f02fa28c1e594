"""Estimates before training against accuracy after it, a panel for each estimator. matplotlib without pyplot."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from components.transfer_report.figures.accuracy_curves import COLOURS, MARKERS

COLUMNS = 3
PANEL_INCHES = 3.0

Points = Mapping[str, Sequence[tuple[float, float]]]
"""By transfer: estimates, and accuracies in percent."""


def draw_estimates(panels: Mapping[str, tuple[str, Points]]) -> Figure:
    """A panel for each estimator, a mark for each freeze count, a colour for each transfer.

    Args:
      panels: by the estimator's name: the text below the name, and the points.

    Returns:
      A figure 12.8 inches wide, without title.
    """
    rows = math.ceil(len(panels) / COLUMNS)
    height = PANEL_INCHES * rows + 0.9
    figure = Figure(figsize=(12.8, height), layout=ConstrainedLayoutEngine(rect=(0, 0, 1, 1 - 0.45 / height)))
    grid = figure.subplots(rows, COLUMNS, squeeze=False, sharey=True)
    transfers = list(dict.fromkeys(name for _, points in panels.values() for name in points))
    drawn: dict[str, Any] = {}
    for axes, (estimator, (worth, points)) in zip(grid.flat, panels.items(), strict=False):
        axes.set_title(f"{estimator}\n{worth}", loc="left", fontsize=10)
        for name, pairs in points.items():
            place = transfers.index(name)
            x, y = zip(*pairs, strict=True)
            drawn[name] = axes.plot(
                x, y, linestyle="", marker=MARKERS[place % len(MARKERS)], markersize=5.5, alpha=0.8,
                color=COLOURS[place % len(COLOURS)], label=name,
            )[0]  # fmt: skip
        axes.grid(color="#e4e4e4")
        axes.set_axisbelow(True)
        axes.tick_params(labelsize=8.5)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.spines[["top", "right"]].set_visible(False)
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("accuracy on test, %", fontsize=10)
    for axes in list(grid.flat)[max(0, len(panels) - COLUMNS) : len(panels)]:
        axes.set_xlabel("estimate before training (higher is better)", fontsize=9.5)
    figure.legend(
        handles=[drawn[name] for name in transfers], loc="outside lower center", ncols=3, frameon=False, fontsize=9.5
    )  # fmt: skip
    return figure
