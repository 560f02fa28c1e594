"""Curves of accuracy beyond the sizes that were run, with their bands. Imports matplotlib without pyplot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FixedLocator, NullLocator

from components.transfer_report.figures.accuracy_curves import COLOURS, MARKERS

TICKS = (1, 2, 5)


def draw_labels(labels: Mapping[str, Any]) -> Figure:
    """Measured points, curves and bands against n (logarithmic), the user's n and the wished accuracy marked.

    The band is drawn only of the winner and of the curve from scratch, so that they can be distinguished.

    Args:
      labels: as summary.json has them; one curve or more has something to say.

    Returns:
      A figure of 12.8 x 6.4 inches, without title.
    """
    figure = Figure(figsize=(12.8, 6.4), layout=ConstrainedLayoutEngine(rect=(0, 0, 1, 0.945)))
    axes = figure.subplots()
    last = len(labels["curves"]) - 1
    for place, one in enumerate(labels["curves"]):
        style = ("#555555", "x", "--") if place == last else (COLOURS[place % 7], MARKERS[place % 7], "-")
        _draw_curve(axes, one, style, banded=place == last or one["name"] == labels["winner"])
    axes.axvline(labels["n"], color="#b00020", linewidth=1.4, label=f"your n = {labels['n']:,}")
    axes.axhline(100 * labels["wished_accuracy"], color="#1b7a3d", linewidth=1.2, linestyle=":",
                 label=f"wanted: {100 * labels['wished_accuracy']:g}%")  # fmt: skip
    _set_axes(axes, labels)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=10, alignment="left",
                title="marks: measured; lines: expected;\nbands: 90% interval")  # fmt: skip
    return figure


def _draw_curve(axes: Any, one: Mapping[str, Any], style: tuple[str, str, str], *, banded: bool) -> None:
    colour, marker, line = style
    sizes = [point["n"] for point in one["points"]]
    accuracies = [100 * point["accuracy"] for point in one["points"]]
    name = one["name"] + (" (no forecast)" if one["silent"] else "")
    axes.plot(sizes, accuracies, linestyle="", marker=marker, color=colour, markersize=7,
              label=name if one["silent"] else None)  # fmt: skip
    if one["silent"]:
        return
    bounds = {key: [100 * value for value in one[key]] for key in ("low", "expected", "high")}
    axes.plot(one["sizes"], bounds["expected"], color=colour, linestyle=line, linewidth=2, label=name,
              marker=marker, markersize=7, markevery=[])  # fmt: skip
    if banded:
        axes.fill_between(one["sizes"], bounds["low"], bounds["high"], color=colour, alpha=0.16, linewidth=0)


def _set_axes(axes: Any, labels: Mapping[str, Any]) -> None:
    ends = [n for one in labels["curves"] for n in (*one.get("sizes", ()), *(point["n"] for point in one["points"]))]
    low, high = min(ends), max(ends)
    ticks = [digit * 10**power for power in range(7) for digit in TICKS if low / 1.1 <= digit * 10**power <= high * 1.1]
    axes.set_xscale("log")
    axes.set_xlim(low / 1.15, high * 1.15)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([f"{n:,}" for n in ticks])
    axes.set_xlabel("n, labelled target images (logarithmic)", fontsize=11)
    axes.set_ylabel("accuracy on test, %", fontsize=11)
    axes.grid(axis="y", color="#e4e4e4")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
