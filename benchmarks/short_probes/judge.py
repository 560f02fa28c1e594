"""What short probes are worth beside today's rule and the size of the network. Imports analysis, no TensorFlow.

`python -m benchmarks.short_probes.judge short_probes.jsonl`: every rule is fitted to all targets but one and predicts
the gains of that one; `--kinds` leaves out all targets of one kind (CIFAR-10, signs, ants and bees) at a time.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.transfer_prediction.advice_rule import predictors_of, read_rule
from benchmarks.prediction.ridge_intervals import calibrate

LEVEL = 0.9
MOST = {"original": 8, "wide": 18, "narrow": 18}

Row = Mapping[str, Any]


def main(argv: Sequence[str]) -> int:
    """Prints a row for each rule."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--kinds", action="store_true", help="leave out a kind of targets, not a target")
    arguments = parser.parse_args(argv)
    cells = cells_of([json.loads(line) for line in arguments.rows.read_text(encoding="utf-8").splitlines()])
    groups = cells["kind" if arguments.kinds else "target"].to_numpy()
    print(f"{len(cells)} gains on {cells['target'].nunique()} targets, spread {cells['gain'].std():.1f} points")
    table = {name: judged(cells, np.array([of(row) for row in cells.to_dict("records")]), groups)
             for name, of in RULES.items()}  # fmt: skip
    table["shipped rule, as it is"] = shipped(cells)
    size, share = cells["weights"].rank().to_numpy(), cells["share"].to_numpy()
    table["the largest network, all frozen"] = regret(cells, size + share)
    table["the largest network, half frozen"] = regret(cells, size - share)
    print(pd.DataFrame(table).T.round(2).to_string())
    return 0


def cells_of(rows: Sequence[Row]) -> pd.DataFrame:
    """A record for each cell of a transfer: its gain in points, its probes, and those of training from scratch."""
    scratch = {(row["target"], row["draw"], row["n"]): row for row in rows if row["source"] == "scratch"}
    found = []
    for row in rows:
        base = scratch.get((row["target"], row["draw"], row["n"]))
        if base is None or row["source"] == "scratch":
            continue
        for count, cell in row["cells"].items():
            own = {f"scratch_{name}": value for name, value in base.items()}
            place = {"count": int(count), "share": int(count) / MOST[row["network"]]}
            accuracies = {"val": cell["val"], "test": cell["test"], "base": base["cells"]["0"]["test"]}
            gain = 100 * (cell["test"] - base["cells"]["0"]["test"])
            found.append({**row, **own, **place, **accuracies, "gain": gain})
    return pd.DataFrame(found)


def of_size(row: Row) -> list[float]:
    """The static baseline: the network's weights, the frozen share, n and the number of classes."""
    each = math.log(row["n"] / row["classes"])
    size = math.log(row["weights"])
    return [size, each, size * each, row["share"], row["share"] * each, 1 / row["classes"]]


def of_today(row: Row) -> list[float]:
    """The predictors of `thaw advise`."""
    probes = {0: -row["error_pixels"], row["count"]: -row["error_middle"], MOST[row["network"]]: -row["error_top"]}
    if row["share"] == 1:
        probes[row["count"]] = -row["error_top"]
    architecture = "original" if row["network"] == "original" else "mobilenet_v2"
    return predictors_of(architecture, row["n"], row["count"], False, probes, MOST[row["network"]])


def of_heads(row: Row) -> list[float]:
    """Solved heads at two sizes, on the source's features and on random ones, and the pixels' probe."""
    return [
        row["head_quarter"], row["head_half"], row["loss_half"], row["accuracy_top"], row["scratch_head_half"],
        row["scratch_accuracy_pixels"], math.log(row["n"] / row["classes"]), 1 / row["classes"], row["share"],
    ]  # fmt: skip


def of_short(row: Row) -> list[float]:
    """Heads, and thirty steps of training: above the middle cut of the source, and from scratch."""
    tuned = row["short_end"] - row["short_start"]
    return [*of_heads(row), row["short_end"], tuned, tuned * row["share"], row["scratch_short_end"]]


def of_all(row: Row) -> list[float]:
    """Short probes beside the network's size."""
    return [*of_short(row), math.log(row["weights"])]


def today_and_heads(row: Row) -> list[float]:
    """Today's predictors and heads."""
    return [*of_today(row), *of_heads(row)]


def today_and_short(row: Row) -> list[float]:
    """Today's predictors, heads and short trainings."""
    return [*of_today(row), *of_short(row)]


def today_and_scratch(row: Row) -> list[float]:
    """Today's predictors, and thirty steps from scratch."""
    return [*of_today(row), row["scratch_short_end"], row["scratch_head_half"]]


def of_nothing(row: Row) -> list[float]:
    """The mean gain of the other targets."""
    return [0.0 * row["n"]]


RULES: Mapping[str, Callable[[Row], list[float]]] = {
    "mean gain": of_nothing, "size of the network": of_size, "today's predictors, refitted": of_today,
    "solved heads": of_heads, "heads and short trainings": of_short, "these and the size": of_all,
    "today's and heads": today_and_heads, "today's, heads and short trainings": today_and_short,
    "today's and 30 steps from scratch": today_and_scratch,
}  # fmt: skip


def judged(cells: pd.DataFrame, x: np.ndarray, groups: np.ndarray) -> dict[str, float]:
    """Error, coverage and regret on groups left out; an interval's width is learned without the group as well."""
    y = cells["gain"].to_numpy()
    strata = (cells["n"] / cells["classes"]).round().astype(int).to_numpy()
    found = calibrate(x, y, groups, strata, LEVEL)
    return {
        "error": found.error, "held": found.coverage, "widened": found.widening,
        "width": float(np.mean(np.subtract(found.high, found.low))), **regret(cells, y - found.residuals),
    }  # fmt: skip


def shipped(cells: pd.DataFrame) -> dict[str, float]:
    """What calibration.yaml says, which has seen none of these trainings."""
    rule, y = read_rule(), cells["gain"].to_numpy()
    expected = rule.expected(np.array([of_today(row) for row in cells.to_dict("records")]))
    bounds = np.array([rule.bounds(n, k) for n, k in zip(cells["n"], cells["classes"], strict=True)])
    held = (bounds[:, 0] <= y - expected) & (y - expected <= bounds[:, 1])
    return {
        "error": float(np.sqrt(np.mean((y - expected) ** 2))), "held": float(held.mean()), "widened": 1.0,
        "width": float(np.mean(bounds[:, 1] - bounds[:, 0])), **regret(cells, expected),
    }  # fmt: skip


def regret(cells: pd.DataFrame, expected: np.ndarray) -> dict[str, float]:
    """Points of test accuracy that the first choice loses against the best on val, and the order of all cells."""
    table = cells.assign(expected=expected)
    groups = [group for _, group in table.groupby(["target", "draw", "n"])]
    losses = [
        100 * (group.loc[group["val"].idxmax(), "test"] - group.loc[group["expected"].idxmax(), "test"])
        for group in groups
    ]
    order = [group["expected"].corr(group["test"], method="kendall") for group in groups]
    return {"regret": float(np.mean(losses)), "worst": float(np.max(losses)), "tau": float(np.nanmean(order))}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
