"""Figure 2 of the 2022 report, measured: learning curves and their baselines. matplotlib without pyplot."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FixedLocator, NullLocator

from analysis.statistics.paired_intervals import Interval

COLUMNS = 3
HIGHEST_FLOOR = 35.0
"""Lowest accuracy that the axes have, in percent: less if a curve begins below, as with many classes."""
MOST_DOUBLINGS, MOST_TICKS = 20, 9
"""Epochs are marked at 1, 2, 4 and so on, every other one where there are more marks."""
TRANSFER, BASELINE = "#0072B2", "#555555"

MeanCurve = Sequence[tuple[float, Interval]]
"""(epoch, val accuracy as a fraction) averaged over draws."""


@dataclasses.dataclass(frozen=True)
class CurvePair:
    """One panel: a transfer's cell and its baseline at the same n.

    Attributes:
      title: of the panel.
      transfer, baseline: their curves.
      phase_2: epoch at which fine-tuning begins; None without fine-tuning.
    """

    title: str
    transfer: MeanCurve
    baseline: MeanCurve
    phase_2: float | None


def draw_curves(pairs: Sequence[CurvePair]) -> Figure:
    """One panel a pair: accuracy on val against epochs (straight up to 1, then logarithmic), bands of 95%.

    A baseline is trained on its own schedule, so its curve may end long after the transfer's.

    Returns:
      A figure 12.8 inches wide, without title.
    """
    columns = min(COLUMNS, len(pairs))
    rows = math.ceil(len(pairs) / columns)
    height = 3.4 * rows + 0.9
    layout = ConstrainedLayoutEngine(rect=(0, 0, 1, 1 - 0.45 / height), h_pad=0.08, w_pad=0.08)
    figure = Figure(figsize=(12.8, height), layout=layout)
    panels = list(figure.subplots(rows, columns, squeeze=False, sharey=True).flat)
    lowest = min(
        100 * interval.low for pair in pairs for curve in (pair.transfer, pair.baseline) for _, interval in curve
    )
    floor = max(-1.0, min(HIGHEST_FLOOR, lowest - 3))
    for axes, pair in zip(panels, pairs, strict=False):
        _draw_pair(axes, pair, floor)
    for axes in panels[len(pairs) :]:
        axes.set_visible(False)
    for axes in panels[::columns]:
        axes.set_ylabel("accuracy on val, %", fontsize=10)
    panels[0].legend(loc="upper left", fontsize=9, frameon=False)
    return figure


def _draw_pair(axes: Any, pair: CurvePair, floor: float) -> None:
    axes.set_title(pair.title, fontsize=10.5, loc="left")
    for curve, colour, marker, style, label in (
        (pair.transfer, TRANSFER, "o", "-", "transfer"),
        (pair.baseline, BASELINE, "x", "--", "baseline: random weights"),
    ):
        epochs = [epoch for epoch, _ in curve]
        low, high = ([100 * value for value in side] for side in zip(*((i.low, i.high) for _, i in curve), strict=True))
        axes.fill_between(epochs, low, high, color=colour, alpha=0.15, linewidth=0)
        means = [100 * interval.estimate for _, interval in curve]
        axes.plot(epochs, means, color=colour, marker=marker, linestyle=style, markersize=5, linewidth=2, label=label)
    last = max(pair.transfer[-1][0], pair.baseline[-1][0])
    ticks = [tick for tick in (0, *(2**power for power in range(MOST_DOUBLINGS))) if tick <= last * 1.05]
    ticks = [0, *ticks[1 :: 1 + len(ticks) // (MOST_TICKS + 1)]]
    axes.set_xscale("symlog", linthresh=1)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([str(tick) for tick in ticks], fontsize=9)
    axes.set_xlim(-0.08, last * 1.12)
    axes.set_ylim(floor, 101)
    if pair.phase_2 is not None:
        axes.axvline(pair.phase_2, color="#999999", linewidth=1, linestyle=":")
        axes.text(
            pair.phase_2, floor + 1, "fine-tuning ", fontsize=8.5, color="#606060", ha="right", rotation=90, va="bottom"
        )
    axes.set_xlabel("epochs", fontsize=9.5)
    axes.grid(axis="y", color="#e4e4e4")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
