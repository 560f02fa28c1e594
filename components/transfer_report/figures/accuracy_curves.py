"""Accuracy against n as lines: the overview of all transfers, and Figure 8. matplotlib without pyplot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FixedLocator, NullLocator

from analysis.cells.cell_summaries import MeasuredCell

# Okabe and Ito's palette, which colour-blind readers can tell apart; yellow is too pale for lines.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = "osD^vPX"
BASELINE_GREYS = ("#555555", "#888888", "#aaaaaa")
BASELINE_MARKERS = "x+1"
STEP = 1.025
"""Neighbouring series are set apart by this factor of n, so that their intervals don't hide each other."""


def draw_overview(
    series: Mapping[str, Sequence[MeasuredCell]],
    baselines: Mapping[str, Sequence[MeasuredCell]],
    legend_title: str,
) -> Figure:
    """Accuracy on test with its interval against n (logarithmic).

    Args:
      series: by name, one cell for each n.
      baselines: by architecture, likewise; drawn dashed and grey.
      legend_title: what the series are.

    Returns:
      A figure of 12.8 x 6.4 inches, without title.
    """
    figure = Figure(figsize=(12.8, 6.4), layout=ConstrainedLayoutEngine(rect=(0, 0, 1, 0.945)))
    axes = figure.subplots()
    middle = (len(series) + len(baselines) - 1) / 2
    for i, (name, cells) in enumerate(series.items()):
        _draw_series(axes, name, cells, STEP ** (i - middle), color=COLOURS[i % len(COLOURS)],
                     marker=MARKERS[i % len(MARKERS)], linewidth=2, markersize=6)  # fmt: skip
    for i, (name, cells) in enumerate(baselines.items()):
        _draw_series(axes, f"baseline, {name}: random weights", cells, STEP ** (i + len(series) - middle),
                     color=BASELINE_GREYS[i % 3], marker=BASELINE_MARKERS[i % 3], linewidth=1.6,
                     linestyle="--", markersize=7)  # fmt: skip
    sizes = sorted({cell.cell.n for cells in (*series.values(), *baselines.values()) for cell in cells})
    axes.set_xscale("log")
    margin = 1.25 * STEP**middle  # with many series, the first and the last lie far from n
    axes.set_xlim(sizes[0] / margin, sizes[-1] * margin)
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([str(n) for n in sizes])
    axes.set_xlabel("n, labelled target images (logarithmic)", fontsize=11)
    axes.set_ylabel("accuracy on test, % (bars: 95% interval)", fontsize=11)
    axes.grid(axis="y", color="#e4e4e4")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=10, alignment="left",
                title=legend_title)  # fmt: skip
    return figure


def _draw_series(axes: Any, name: str, cells: Sequence[MeasuredCell], shift: float, **style: Any) -> None:
    ordered = sorted(cells, key=lambda cell: cell.cell.n)
    estimates = [100 * cell.accuracy.estimate for cell in ordered]
    below = [100 * (cell.accuracy.estimate - cell.accuracy.low) for cell in ordered]
    above = [100 * (cell.accuracy.high - cell.accuracy.estimate) for cell in ordered]
    positions = [cell.cell.n * shift for cell in ordered]
    axes.errorbar(positions, estimates, yerr=(below, above), label=name, elinewidth=1, capsize=2.5, **style)
