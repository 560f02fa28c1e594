"""The benchmark's picture: how many times faster, by freeze count and size. Imports matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure


def draw(result: dict[str, Any], path: Path) -> None:
    """Draws the ratio of every timed cell over k, one line per size, on a logarithmic axis."""
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for panel, fine_tune in zip(panels, (False, True), strict=True):
        cells = [cell for cell in result["cells"] if cell["fine_tune"] == fine_tune]
        for n, marker in zip(sorted({cell["n"] for cell in cells}), "o^sDv", strict=False):
            mine = sorted((cell["k"], cell["ratio"]) for cell in cells if cell["n"] == n)
            panel.plot(*zip(*mine, strict=True), marker=marker, label=f"n = {n}")
        panel.axhline(1, color="grey", linewidth=0.8)
        panel.set(yscale="log", xlabel="freeze count k", title="fine-tuned" if fine_tune else "phase 1 alone")
        panel.grid(axis="y", alpha=0.3)
    panels[0].set_ylabel("stock seconds / Thaw's seconds")
    panels[0].legend(frameon=False)
    whole = result["grid_ratios"].get("stock_float32 / thaw_float32")
    grid = f"; whole grid {whole['ratio']:.1f}x" if whole else ""
    figure.suptitle(f"One core, float32, same epochs and batches{grid} ({result['data']})")
    figure.savefig(path, dpi=150)
