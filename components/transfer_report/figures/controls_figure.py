"""Accuracy against the number of frozen layers, as Figure 2 of Yosinski et al. (2014). matplotlib without pyplot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from analysis.cells.cell_summaries import CellSummary, MeasuredCell
from components.transfer_report.figures.accuracy_curves import COLOURS, MARKERS


def draw_by_freeze_count(
    lines: Mapping[str, Sequence[CellSummary]], baselines: Mapping[str, Sequence[MeasuredCell]], n: int
) -> Figure:
    """A row for each architecture that a control has, a panel for each way of tuning; controls are dashed.

    Args:
      lines: cells of transfers and of controls, whose names begin with `control: `.
      baselines: by architecture.
      n: labelled images.

    Returns:
      A figure 12.8 inches wide, without title.
    """
    at_n = {name: [one for one in cells if one.cell.n == n and not one.cell.held_from] for name, cells in lines.items()}
    rows = sorted({cells[0].architecture for name, cells in at_n.items() if cells and _is_control(name)})
    tunings = sorted({one.cell.fine_tune for cells in at_n.values() for one in cells})
    height = 3.9 * len(rows) + 0.5
    layout = ConstrainedLayoutEngine(rect=(0, 0, 1, 1 - 0.45 / height))
    figure = Figure(figsize=(12.8, height), layout=layout)
    panels = figure.subplots(len(rows), len(tunings), squeeze=False, sharey=True)
    for row, architecture in enumerate(rows):
        shown = {name: cells for name, cells in at_n.items() if cells and cells[0].architecture == architecture}
        for axes, fine_tune in zip(panels[row], tunings, strict=True):
            axes.set_title(
                f"{architecture}, {'fine-tuned' if fine_tune else 'not fine-tuned'}", loc="left", fontsize=11
            )
            axes.set_xlabel("frozen layers k", fontsize=10)
            for place, (name, cells) in enumerate(shown.items()):
                _draw_line(axes, name, [one for one in cells if one.cell.fine_tune == fine_tune], place)
            held_against = next(iter(shown.values()))[0].baseline_architecture
            for one in baselines.get(held_against, ()):
                if (one.cell.n, one.cell.fine_tune) == (n, fine_tune):
                    level = 100 * one.accuracy.estimate
                    axes.axhline(level, color="#555555", linewidth=1.2, linestyle=":", label="baseline: random weights")
            axes.grid(axis="y", color="#e4e4e4")
            axes.spines[["top", "right"]].set_visible(False)
        panels[row, 0].set_ylabel("accuracy on test, % (bars: 95% interval)", fontsize=10)
        panels[row, -1].legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=9)
    return figure


def _is_control(name: str) -> bool:
    return name.startswith("control: ")


def _draw_line(axes: Any, name: str, cells: Sequence[CellSummary], place: int) -> None:
    ordered = sorted(cells, key=lambda one: one.cell.freeze_count)
    estimates = [100 * one.accuracy.estimate for one in ordered]
    below = [100 * (one.accuracy.estimate - one.accuracy.low) for one in ordered]
    above = [100 * (one.accuracy.high - one.accuracy.estimate) for one in ordered]
    counts = [one.cell.freeze_count for one in ordered]
    axes.errorbar(
        counts, estimates, yerr=(below, above), label=name, color=COLOURS[place % len(COLOURS)], capsize=2.5,
        marker=MARKERS[place % len(MARKERS)], linestyle="--" if _is_control(name) else "-", elinewidth=1,
    )  # fmt: skip
