"""A run of `quick` against the published grid of the preset `report`, line by line. Imports no TensorFlow.

`python -m benchmarks.prediction.published_comparison RUN` prints which requirements are met and which are missed; it
exits with status 1 if anything is missed. At each n the run's chosen transfer must have a confirmed accuracy within its
interval of the published grid's best at that n, and at most 3 points below; the best network from scratch must be
within 2 points of the published one; and no verdict, claims included, may be one that the published grid contradicts.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from analysis.statistics.formats import percent, percent_interval, points, points_interval
from benchmarks.prediction.published_grid import PUBLISHED, Grid, Published, read_published
from experiment.backbones import FAMILIES, MOBILENET_V2
from experiment.errors import ThawError
from pipeline.runs.run_files import CONFIG_FILE, damaged, read_summary

MOST_BELOW_BEST, MOST_BELOW_SCRATCH = 3.0, 2.0  # points of accuracy
LEAST_SIDE_PX = 96
MOST_SECONDS, MOST_SECONDS_FAST = 900, 600
OPPOSITE = {"supported": "contradicted", "contradicted": "supported"}


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished run: its summary.json, claims.json and config.yaml."""

    summary: Mapping[str, Any]
    claims: Mapping[str, str]
    config: Mapping[str, Any]

    @property
    def confirmed(self) -> dict[int, Mapping[str, Any]]:
        """Rows of fresh draws, by n."""
        return {row["n"]: row for row in self.summary["confirmed"]}

    def verdicts(self) -> Iterator[tuple[int, str, str, str]]:
        """Every verdict on a transfer: n, transfer, the network from scratch that it is compared with, verdict."""
        architectures = {
            f"{one['source']}__{one['architecture']}": one["architecture"] for one in self.config["transfers"]
        }
        baselines = self.config.get("baselines") or {}
        for row in (*self.summary["confirmed"], *self.summary["closing_table"]):
            architecture = architectures[row["transfer"]]
            yield row["n"], row["transfer"], f"baseline__{baselines.get(architecture, architecture)}", row["verdict"]
        for row in self.summary["closing_table"]:
            lead = row["from_scratch"]
            yield row["n"], row["transfer"], lead["sweep"], lead["verdict"]
        for row in self.summary["advice"]:
            if row.get("from_scratch") and row.get("over_scratch_verdict"):
                yield row["n"], row["sweep"], row["from_scratch"], row["over_scratch_verdict"]


@dataclasses.dataclass(frozen=True)
class Line:
    """One requirement.

    Attributes:
      asked: the requirement in words.
      figures: the findings, each with whether it meets the requirement.
    """

    asked: str
    figures: Sequence[tuple[bool, str]]

    @property
    def is_met(self) -> bool:
        return all(met for met, _ in self.figures)

    def __str__(self) -> str:
        found = "\n".join(f"          {'' if met else '!! '}{text}" for met, text in self.figures)
        return f"{'met' if self.is_met else 'MISSED':8s}{self.asked}\n{found}"


def main(argv: Sequence[str]) -> int:
    """Prints every line; returns 1 if one is missed or the run can't be compared."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a run's folder, such as runs/latest")
    parser.add_argument("--published", type=Path, default=PUBLISHED, help="folder of ledger.csv.gz and claims.json")
    parser.add_argument("--fast", action="store_true", help=f"ask for {MOST_SECONDS_FAST} s instead of {MOST_SECONDS}")
    arguments = parser.parse_args(argv)
    try:
        published = read_published(arguments.published)
        found = compared(read_run(arguments.run, published), published, fast=arguments.fast)
    except ThawError as error:
        print(f"thaw: {error}", file=sys.stderr)
        return 1
    print(*found, sep="\n")
    return 0 if all(line.is_met for line in found) else 1


def read_run(folder: Path, published: Published) -> Run:
    """A finished run of the published target.

    Raises:
      ThawError: a file is missing or damaged, or the run has other images, classes, sizes or transfers.
    """
    summary, about = read_summary(folder), published.about
    if summary["synthetic"] or any(summary[name] != about[name] for name in ("data", "target_classes")):
        kind = "SYNTHETIC " if summary["synthetic"] else ""
        raise ThawError(f"{folder} is a run of {summary['experiment']} on {kind}images of {summary['data']}, "
                        f"{' and '.join(summary['target_classes'])}; the published grid is of {about['data']}, "
                        f"{' and '.join(about['target_classes'])}. Give a run of experiment/presets/quick.yaml on "
                        "those images.")  # fmt: skip
    try:
        claims = json.loads((folder / "claims.json").read_text(encoding="utf-8"))["claims"]
        config = yaml.safe_load((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        run = Run(summary, {one["id"]: one["verdict"] for one in claims}, config)
        asked = {(n, f"{one['source']}__{one['architecture']}") for n in config["sizes"] for one in config["transfers"]}
    except (OSError, ValueError, KeyError, yaml.YAMLError) as error:
        raise damaged(folder, error) from error
    known = {(n, way[0]) for n, grid in published.transfers.items() for way in grid.ways}
    if unknown := sorted(asked - known):
        raise ThawError(f"{folder} has {', '.join(f'{name} at n = {n}' for n, name in unknown)}, which the published "
                        "grid has not. Give a run of experiment/presets/quick.yaml.")  # fmt: skip
    return run


def compared(run: Run, published: Published, *, fast: bool = False) -> list[Line]:
    """Every line, met or missed.

    Args:
      run, published: both on the same target.
      fast: whether the run must end within MOST_SECONDS_FAST.
    """
    sizes = sorted(run.config["sizes"])
    return [
        Line(f"the chosen transfer: at most {MOST_BELOW_BEST:g} points, and not its whole interval, below the best",
             [_against_best(run, published, n) for n in sizes]),
        Line(f"the best network from scratch: at most {MOST_BELOW_SCRATCH:g} points below the best",
             [_against_scratch(run, published, n) for n in sizes]),
        Line("no verdict that the published grid contradicts", _contradictions(run, published)),
        Line(f"MobileNetV2 sees {LEAST_SIDE_PX} px or more", [_side(run.config)]),
        Line(f"at most {MOST_SECONDS_FAST if fast else MOST_SECONDS} s with nothing cached",
             [_seconds(run.summary, MOST_SECONDS_FAST if fast else MOST_SECONDS)]),
    ]  # fmt: skip


def _against_best(run: Run, published: Published, n: int) -> tuple[bool, str]:
    grid = published.transfers[n]
    best = published.accuracy(n, grid.best)
    row = run.confirmed.get(n)
    of_grid = f"published {best:.1f}% ({_in_words(grid)})"
    if row is None or row["accuracy"] is None or row["accuracy_interval"] is None:
        return False, f"n = {n}: nothing confirmed, {of_grid}"
    accuracy, high = 100 * row["accuracy"], 100 * row["accuracy_interval"][1]
    found = f"{percent(row['accuracy'])} {percent_interval(row['accuracy_interval'])}"
    return accuracy >= best - MOST_BELOW_BEST and high >= best, (
        f"n = {n}: {row['transfer']} {found}, {of_grid}: {points(accuracy - best)}"
    )


def _against_scratch(run: Run, published: Published, n: int) -> tuple[bool, str]:
    grid = published.baselines[n]
    best = published.accuracy(n, grid.best)
    row = run.confirmed.get(n)
    of_grid = f"published {best:.1f}% ({grid.best[0]})"
    if row is None or row["best_from_scratch_accuracy"] is None:
        return False, f"n = {n}: nothing confirmed, {of_grid}"
    accuracy = 100 * row["best_from_scratch_accuracy"]
    return accuracy >= best - MOST_BELOW_SCRATCH, (
        f"n = {n}: {row['best_from_scratch']} {accuracy:.1f}%, {of_grid}: {points(accuracy - best)}"
    )


def _contradictions(run: Run, published: Published) -> list[tuple[bool, str]]:
    """Each contradiction, or one sentence of how many verdicts have none."""
    found, checked = [], dict.fromkeys(run.verdicts())
    for n, transfer, scratch, verdict in checked:
        gain = published.gain(n, transfer, scratch)
        if (verdict == "gain" and gain.high < 0) or (verdict == "loss" and gain.low > 0):
            found.append((False, f"n = {n}: {verdict} of {transfer} over {scratch}, published {points(gain.estimate)} "
                                 f"{points_interval((gain.low, gain.high))}"))  # fmt: skip
    for claim, verdict in run.claims.items():
        if OPPOSITE.get(verdict) == published.claims.get(claim, ""):
            found.append((False, f"{claim}: {verdict}, published {published.claims[claim]}"))
    return found or [(True, f"{len(checked)} verdicts and {len(run.claims)} claims, none contradicted")]


def _side(config: Mapping[str, Any]) -> tuple[bool, str]:
    # Runs from before backbones had names of the user's have MobileNetV2 in a section of its own.
    old = {"mobilenet_v2": {"family": MOBILENET_V2, **config["mobilenet_v2"]}} if "mobilenet_v2" in config else {}
    backbones = {**old, **(config.get("backbones") or {})}
    sides = {
        name: one.get("image_size_px") or FAMILIES[MOBILENET_V2].image_size_px
        for name, one in backbones.items() if one.get("family") == MOBILENET_V2
    }  # fmt: skip
    seen = ", ".join(f"{name} {side} px" for name, side in sides.items()) or f"the run has no {MOBILENET_V2}"
    return bool(sides) and min(sides.values()) >= LEAST_SIDE_PX, seen


def _seconds(summary: Mapping[str, Any], most: float) -> tuple[bool, str]:
    cached = summary["cached_nodes"]
    if cached:
        return (
            False,
            f"nodes from the cache, without which a run takes longer: {', '.join(cached)}; run in a new workspace",
        )
    if "seconds_total" not in summary:
        nodes = sum(summary["seconds_per_node"].values())
        return False, f"seconds_total is missing, as in runs from before it was written; the nodes took {nodes:.0f} s"
    return summary["seconds_total"] <= most, f"{summary['seconds_total']:.0f} s"


def _in_words(grid: Grid) -> str:
    transfer, count, tuned = grid.best
    return f"{transfer}, {count} frozen{', fine-tuned' if tuned else ''}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
