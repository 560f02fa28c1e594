"""Two runs side by side, cell by cell, paired by draw. Imports the report's statistics; no TensorFlow."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from components.transfer_report.cells import FALSE_DISCOVERY_RATE
from components.transfer_report.statistics import Interval, Verdict, benjamini_hochberg, draws_interval, verdict
from pipeline.errors import ThawError

Place = tuple[str, int, int, bool]
"""Sweep, n, freeze_count, fine_tune."""

PAIRED_BY = ("seed", "target", "data", "augmentation")
"""Settings that decide which images a draw holds; only where they are equal are draws of two runs the same."""


@dataclasses.dataclass(frozen=True)
class Change:
    """One cell in both runs.

    Attributes:
      sweep, n, freeze_count, fine_tune: the cell.
      first, second: mean test accuracy over the draws that both have, fractions.
      points: the second less the first, in percentage points, paired by draw.
      verdict: of the second against the first, after Benjamini-Hochberg over all common cells.
    """

    sweep: str
    n: int
    freeze_count: int
    fine_tune: bool
    first: float
    second: float
    points: Interval
    verdict: Verdict


def compare_runs(first: Path, second: Path) -> list[Change]:
    """Compares every cell that two finished runs share, on the draws that both have.

    A difference is called only where Student's 95% interval over draws excludes 0 and Benjamini-Hochberg at 5% over the
    cells agrees. With one common draw nothing is called.

    Args:
      first, second: run folders.

    Raises:
      ThawError: a folder is no finished run; the runs' draws hold other images; no cell is common.
    """
    _check_comparable(first, second)
    accuracies = [_accuracies(run) for run in (first, second)]
    common = [place for place in accuracies[0] if set(accuracies[0][place]) & set(accuracies[1].get(place, {}))]
    if not common:
        raise ThawError(f"{first} and {second} have no cell and draw in common, so there is nothing to compare.")
    compared = [(place, *_paired(accuracies[0][place], accuracies[1][place])) for place in common]
    rejected = benjamini_hochberg([p_value for *_, p_value in compared], FALSE_DISCOVERY_RATE)
    return [
        Change(*place, before, after, points, _verdict(points, bool(yes)))
        for (place, before, after, points, _), yes in zip(compared, rejected, strict=True)
    ]


def settings_that_differ(first: Path, second: Path) -> dict[str, tuple[Any, Any]]:
    """Top-level settings of two runs that are not equal, by name; where results are kept does not count.

    Raises:
      ThawError: a folder is no finished run.
    """
    one, other = _settings(first), _settings(second)
    names = sorted({*one, *other} - {"workspace", "runs", "workers", "name"})
    return {name: (one.get(name), other.get(name)) for name in names if one.get(name) != other.get(name)}


def _check_comparable(first: Path, second: Path) -> None:
    differing = settings_that_differ(first, second)
    apart = [name for name in PAIRED_BY if name in differing]
    if apart:
        raise ThawError(
            f"{first} and {second} differ in {', '.join(apart)}, so their draws hold other images and can't be paired. "
            "Run one of them again with the other's settings."
        )


def _settings(run: Path) -> Mapping[str, Any]:
    path = run / "config.yaml"
    if not path.exists():
        raise ThawError(f"{run} is no finished run: it has no config.yaml. Give a folder below runs/, or `latest`.")
    settings: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    # Where the images lie decides nothing; that they are the same ones, `cells.csv` can't tell.
    settings.get("data", {}).pop("path", None)
    return settings


def _accuracies(run: Path) -> dict[Place, dict[int, float]]:
    """Test accuracy by cell and draw."""
    found: dict[Place, dict[int, float]] = {}
    with (run / "cells.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            place = row["transfer"], int(row["n"]), int(row["freeze_count"]), row["fine_tune"] == "true"
            found.setdefault(place, {})[int(row["draw"])] = float(row["test_accuracy"])
    return found


def _paired(first: Mapping[int, float], second: Mapping[int, float]) -> tuple[float, float, Interval, float]:
    """Mean of both over their common draws, the difference in points and its p-value."""
    draws = sorted(set(first) & set(second))
    before, after = [first[draw] for draw in draws], [second[draw] for draw in draws]
    points, p_value = draws_interval([100 * (b - a) for a, b in zip(before, after, strict=True)])
    return sum(before) / len(draws), sum(after) / len(draws), points, p_value


def _verdict(points: Interval, rejected: bool) -> Verdict:
    return "undecided" if points.draws < 2 else verdict(points, rejected)


def called(changes: Sequence[Change]) -> dict[str, int]:
    """How many cells are a gain, a loss, or undecided."""
    return {word: sum(change.verdict == word for change in changes) for word in ("gain", "loss", "undecided")}
