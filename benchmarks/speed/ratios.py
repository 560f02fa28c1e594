"""How many times as fast the whole grid is, from the lines that were timed, with intervals. Imports grid alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.inputs import grid
from benchmarks.inputs.grid import Line, Steps, Timing

UNTRAINED: Line = (0, True)
"""Thaw's own schedule trains nothing there, so these cells are left out of both sides of every ratio."""
STOCK, PRECISIONS = ("stock_float32", "stock_bfloat16"), ("float32", "bfloat16")
COMPARED = (
    STOCK,
    *((f"{name}_float32", f"{name}_bfloat16") for name in ("thaw", "own")),
    *((stock, f"{name}_{precision}") for name in ("thaw", "own") for stock in STOCK for precision in PRECISIONS),
)


def ratios(timings: Sequence[Timing], shared: float, own_steps: Steps) -> dict[str, Any]:
    """The grid's ratios by `first / second`, without and with cells that Thaw's own schedule does not train.

    Args:
      timings: all so far; a draw counts if its line has both sizes.
      shared: each of Thaw's executions' share of the seconds of common work.
      own_steps: of Thaw's own schedule.
    """
    lines = _lines(timings)
    counts = {k for k, fine_tune in lines if not fine_tune}
    weights = grid.line_weights(counts) if counts else {}
    lines = {line: draws for line, draws in lines.items() if line in weights}
    seconds = {
        line: [{way: _whole(one, way, shared, own_steps) for way in one[0].seconds} for one in draws]
        for line, draws in lines.items()
    }
    found: dict[str, Any] = {
        "timed_lines": {f"k={k}{' fine-tuned' * tuned}": len(draws) for (k, tuned), draws in sorted(lines.items())},
        "not_timed": [k for k in grid.TIMED_COUNTS if k not in counts],
        "grid_ratios": {}, "grid_ratios_with_untrained_cells": {},
        "accuracy_difference_points": _accuracies(timings),
    }  # fmt: skip
    for name, left_out in (("grid_ratios", {UNTRAINED}), ("grid_ratios_with_untrained_cells", set[Line]())):
        for first, second in COMPARED:
            values = {
                line: [(one[first], one[second]) for one in draws]
                for line, draws in seconds.items()
                if line not in left_out
            }
            if values:
                found[name][f"{first} / {second}"] = grid.ratio_of_sums(values, weights)
    return found


def _lines(timings: Iterable[Timing]) -> dict[Line, list[list[Timing]]]:
    """By line, the timings of each draw that has all sizes."""
    found: dict[Line, dict[int, list[Timing]]] = {}
    for one in timings:
        found.setdefault((one.k, one.fine_tune), {}).setdefault(one.draw, []).append(one)
    whole = {
        line: [part for part in draws.values() if len(part) == len(grid.TIMED_SIZES)] for line, draws in found.items()
    }
    return {line: draws for line, draws in whole.items() if draws}


def _whole(timings: Sequence[Timing], way: str, shared: float, own_steps: Steps) -> float:
    """Seconds of a line's cells of all sizes."""
    steps: Steps = own_steps if way.startswith("own") else lambda n, k, fine_tune: grid.steps_of(n, fine_tune)
    line = timings[0].k, timings[0].fine_tune
    if way.startswith("own") and line == UNTRAINED:
        return sum(one.seconds[way] for one in timings) / len(timings) * len(grid.SIZES)
    borne = 0.0 if way.startswith("stock") else shared * len(grid.SIZES)
    return sum(grid.line_seconds(timings, way, steps).values()) + borne


def _accuracies(timings: Sequence[Timing]) -> dict[str, dict[str, float]]:
    """Mean difference of each way to stock float32 with its 95% interval; cells of a draw share images."""
    found = {}
    for way in timings[0].accuracies if len(timings) > 1 else ():
        points = [100 * (one.accuracies[way] - one.accuracies["stock_float32"]) for one in timings]
        mean, low, high = grid.paired_difference(points)
        found[way] = {"mean": mean, "low": low, "high": high, "pairs": len(points)}
    return found
