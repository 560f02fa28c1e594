"""Two runs compared cell by cell, paired by draw. Imports the report's statistics; no TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scipy.stats import false_discovery_control

from analysis.cells.cell_summaries import FALSE_DISCOVERY_RATE
from analysis.statistics.paired_intervals import Interval, Verdict, draws_interval, verdict
from experiment.errors import ThawError
from ledger.cell_selection import Cell
from pipeline.runs.run_files import comparable, read_cells, read_origin, read_settings, settings_of
from pipeline.runs.run_formats import fraction, truth

SweptCell = tuple[str, Cell]
"""A sweep's name and a cell of it."""

PAIRED_BY = ("seed", "target", "data", "augmentation")
"""Settings that decide which images a draw holds; only where they are equal are draws of two runs the same."""

IMAGES = {
    "test_ids_hash": "the ids of the test images", "test_labels_hash": "the labels of the test images",
    "content_hash": "images, labels or ids of the target",
}  # fmt: skip
"""What the summary's entry `target` says, and how it is called in a message."""


@dataclasses.dataclass(frozen=True)
class Change:
    """One cell in both runs.

    Attributes:
      sweep, cell: whose, and which.
      first, second: mean test accuracy over the draws that both have, fractions.
      points: the second minus the first, in percentage points, paired by draw.
      verdict: of the second against the first, after Benjamini-Hochberg over all common cells.
    """

    sweep: str
    cell: Cell
    first: float
    second: float
    points: Interval
    verdict: Verdict


def compare_runs(first: Path, second: Path) -> list[Change]:
    """Compares every cell that two finished runs share, on the draws that both have.

    A difference is a gain or a loss only where Student's 95% interval over draws excludes 0 and Benjamini-Hochberg at
    5% over the cells agrees. With one common draw every difference is undecided.

    Args:
      first, second: run folders.

    Raises:
      ThawError: a folder is not a finished run; the runs' draws hold other images, or their data are not the same
        images with the same labels; no cell is common.
    """
    _check_comparable(first, second)
    _check_same_images(first, second)
    accuracies = [_accuracies(run) for run in (first, second)]
    common = [place for place in accuracies[0] if set(accuracies[0][place]) & set(accuracies[1].get(place, {}))]
    if not common:
        raise ThawError(
            f"{first} and {second} have no cell and draw in common, so there is nothing to compare. "
            "Compare runs of the same transfers, sizes and draws."
        )
    compared = [(place, *_paired(accuracies[0][place], accuracies[1][place])) for place in common]
    rejected = false_discovery_control([p_value for *_, p_value in compared]) <= FALSE_DISCOVERY_RATE
    return [
        Change(*place, before, after, points, verdict(points, bool(yes)))
        for (place, before, after, points, _), yes in zip(compared, rejected, strict=True)
    ]


def settings_that_differ(first: Path, second: Path) -> dict[str, tuple[Any, Any]]:
    """Top-level settings of two runs that are not equal, by name; places and what changes no result do not count.

    Raises:
      ThawError: a folder is not a finished run.
    """
    one, other = _settings(first), _settings(second)
    names = sorted({*one, *other} - {"name"})
    return {name: (one.get(name), other.get(name)) for name in names if one.get(name) != other.get(name)}


def stacks_that_differ(first: Path, second: Path) -> dict[str, tuple[Any, Any]]:
    """Parts of what trained two runs that are not equal, by name (experiment.stack.Stack).

    Raises:
      ThawError: a summary is missing or damaged.
    """
    one, other = (read_origin(run)["stack"] for run in (first, second))
    return {name: (one.get(name), other.get(name)) for name in one if one.get(name) != other.get(name)}


def differences_in_words(
    settings: Mapping[str, tuple[Any, Any]], stacks: Mapping[str, tuple[Any, Any]]
) -> Iterator[str]:  # fmt: skip
    """A line for each setting that differs, and one for the stack."""
    for name, (before, after) in settings.items():
        yield f"{name}: {before} -> {after}"
    if stacks:
        parts = "; ".join(f"{name} {before} -> {after}" for name, (before, after) in stacks.items())
        yield f"Trained by another stack, which alone may change every figure: {parts}"


def _check_comparable(first: Path, second: Path) -> None:
    differing = settings_that_differ(first, second)
    apart = [name for name in PAIRED_BY if name in differing]
    if apart:
        raise ThawError(
            f"{first} and {second} differ in {', '.join(apart)}, so their draws hold other images and can't be paired. "
            "Run one of them again with the other's settings."
        )


def _check_same_images(first: Path, second: Path) -> None:
    """Equal settings may be those of other images: a folder's content changes, and Thaw can generate images."""
    names = [read_origin(run)["data"] for run in (first, second)]
    if names[0] != names[1]:
        raise ThawError(f"{first} ran on {names[0]} and {second} on {names[1]}, so no draw of them is the same and "
                        "they can't be paired. Run one of them again on the other's images.")  # fmt: skip
    targets = [read_origin(run)["target"] for run in (first, second)]
    differing = [words for name, words in IMAGES.items() if targets[0].get(name) != targets[1].get(name)]
    if differing:
        raise ThawError(
            f"{first} and {second} name the same data, but differ in {', '.join(differing)}: a record was changed, "
            "added or removed between them, so they can't be paired. Run one of them again on the same images."
        )


def _settings(run: Path) -> Mapping[str, Any]:
    settings = comparable(settings_of(read_settings(run)))
    settings.get("data", {}).pop("path", None)  # what is in the files counts
    for backbone in settings["backbones"].values():
        backbone.pop("model", None)
    return settings


def _accuracies(run: Path) -> dict[SweptCell, dict[int, float]]:
    """Test accuracy by cell and draw."""
    found: dict[SweptCell, dict[int, float]] = {}
    for row in read_cells(run):
        cell = Cell(int(row["n"]), int(row["freeze_count"]), truth(row["fine_tune"]), int(row["held_from"]))
        place = row["transfer"], cell
        found.setdefault(place, {})[int(row["draw"])] = fraction(row["test_accuracy"])
    return found


def _paired(first: Mapping[int, float], second: Mapping[int, float]) -> tuple[float, float, Interval, float]:
    """Mean of both over their common draws, the difference in points and its p-value."""
    draws = sorted(set(first) & set(second))
    before, after = [first[draw] for draw in draws], [second[draw] for draw in draws]
    points, p_value = draws_interval([100 * (b - a) for a, b in zip(before, after, strict=True)])
    return sum(before) / len(draws), sum(after) / len(draws), points, p_value


def called(changes: Sequence[Change]) -> dict[str, int]:
    """How many cells are a gain, a loss, or undecided."""
    return {word: sum(change.verdict == word for change in changes) for word in ("gain", "loss", "undecided")}
