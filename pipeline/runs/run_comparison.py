"""Two runs compared by answers and cells, paired by draw. Imports the report's statistics; no TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from scipy.stats import false_discovery_control

from analysis.cells.cell_summaries import FALSE_DISCOVERY_RATE
from analysis.statistics.paired_intervals import Interval, Verdict, draws_interval, verdict
from experiment.errors import ThawError
from ledger.cell_selection import Cell
from pipeline.runs.run_files import (
    comparable,
    read_cells,
    read_fresh_draws,
    read_origin,
    read_settings,
    settings_of,
)
from pipeline.runs.run_formats import fraction, truth

SweptCell = tuple[str, Cell]
"""A sweep's name and a cell of it."""

Accuracies = Mapping[SweptCell, Mapping[int, float]]
"""Test accuracies by cell and draw."""

PAIRED_BY = ("seed", "target", "data", "augmentation")
"""Settings that decide the images of a draw; two runs have the same draws only if these are equal."""

IMAGES = {
    "test_ids_hash": "the ids of the test images", "test_labels_hash": "the labels of the test images",
    "content_hash": "images, labels or ids of the target",
}  # fmt: skip
"""Keys of the summary's entry `target`, with their names in messages."""


@dataclasses.dataclass(frozen=True)
class Change:
    """Two cells, one of each run, with the same images.

    Attributes:
      first_cell, second_cell: of RUN_A and RUN_B; the same cell, or the cells that they chose for the same n.
      fresh: whether the draws are fresh ones, on which no cell was chosen.
      first, second: mean test accuracy over the draws that both have, fractions.
      points: the second minus the first, in percentage points, paired by draw.
      verdict: of the second against the first, after Benjamini-Hochberg over its family of comparisons.
    """

    first_cell: SweptCell
    second_cell: SweptCell
    fresh: bool
    first: float
    second: float
    points: Interval
    verdict: Verdict


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two runs side by side.

    Attributes:
      answers: each run's best transfer on val, for each n that both confirmed on fresh draws. A report may advise a
        network from scratch instead.
      cells: every cell that both trained; on fresh draws if both have some, else on the search's.
    """

    answers: tuple[Change, ...]
    cells: tuple[Change, ...]

    def as_json(self) -> dict[str, Any]:
        """JSON values; bounds are null if there is no interval."""
        content = dataclasses.asdict(self)
        for name, changes in (("answers", self.answers), ("cells", self.cells)):
            for values, one in zip(content[name], changes, strict=True):
                values["points"]["low"], values["points"]["high"] = one.points.bounds
        return content


def compare_runs(first: Path, second: Path) -> Comparison:
    """Compares the cells that two finished runs chose, and every cell that they share, on their common draws.

    A difference is a gain or a loss only if Student's 95% interval over draws excludes 0 and Benjamini-Hochberg at 5%
    agrees, with the answers and the cells as separate families. With one common draw, or if a fresh draw of a chosen
    cell collapsed, it is undecided.

    Args:
      first, second: run folders.

    Raises:
      ThawError: a folder is not a finished run; the runs' draws contain different images, or their data differ in
        images or labels; they have no common cell.
    """
    _check_comparable(first, second)
    _check_same_images(first, second)
    searched = [_accuracies(read_cells(run)) for run in (first, second)]
    fresh = [_accuracies(read_fresh_draws(run)) for run in (first, second)]
    answers = _answers(first, second, *fresh)
    in_both = {place: True for place in fresh[0] if _common(place, *fresh)}
    in_both |= {place: False for place in searched[0] if place not in in_both and _common(place, *searched)}
    if not in_both and not answers:
        raise ThawError(
            f"{first} and {second} have no cell and draw in common, so there is nothing to compare. "
            "Compare runs of the same transfers, sizes and draws."
        )
    cells = [_paired(place, place, *(fresh if is_fresh else searched), fresh=is_fresh)
             for place, is_fresh in in_both.items()]  # fmt: skip
    return Comparison(_judged(answers), _judged(cells))


def settings_that_differ(first: Path, second: Path) -> dict[str, tuple[Any, Any]]:
    """Top-level settings of two runs that are not equal, by name; paths and settings that change no result do not
    count.

    Raises:
      ThawError: a folder is not a finished run.
    """
    one, other = _settings(first), _settings(second)
    names = sorted({*one, *other} - {"name"})
    return {name: (one.get(name), other.get(name)) for name in names if one.get(name) != other.get(name)}


def stacks_that_differ(first: Path, second: Path) -> dict[str, tuple[Any, Any]]:
    """Parts of two runs' stacks that are not equal, by name (experiment.stack.Stack).

    Raises:
      ThawError: a summary is missing or damaged.
    """
    one, other = (read_origin(run)["stack"] for run in (first, second))
    return {name: (one.get(name), other.get(name)) for name in one if one.get(name) != other.get(name)}


def _check_comparable(first: Path, second: Path) -> None:
    differing = settings_that_differ(first, second)
    apart = [name for name in PAIRED_BY if name in differing]
    if apart:
        raise ThawError(
            f"{first} and {second} differ in {', '.join(apart)}, so their draws contain different images and can't be "
            "paired. Run one of them again with the other's settings."
        )


def _check_same_images(first: Path, second: Path) -> None:
    """Equal settings may belong to different images: a folder's content changes, and Thaw can generate images."""
    names = [read_origin(run)["data"] for run in (first, second)]
    if names[0] != names[1]:
        raise ThawError(f"{first} ran on {names[0]} and {second} on {names[1]}, so they have no draw in common and "
                        "can't be paired. Run one of them again on the other's images.")  # fmt: skip
    targets = [read_origin(run)["target"] for run in (first, second)]
    differing = [words for name, words in IMAGES.items() if targets[0].get(name) != targets[1].get(name)]
    if differing:
        raise ThawError(
            f"{first} and {second} name the same data, but differ in {', '.join(differing)}: a record was changed, "
            "added or removed between them, so they can't be paired. Run one of them again on the same images."
        )


def _settings(run: Path) -> Mapping[str, Any]:
    settings = comparable(settings_of(read_settings(run)))
    settings.get("data", {}).pop("path", None)  # the files' contents count
    for backbone in settings["backbones"].values():
        backbone.pop("model", None)
    return settings


def _accuracies(rows: Sequence[Mapping[str, str]]) -> dict[SweptCell, dict[int, float]]:
    """Test accuracy by cell and draw."""
    found: dict[SweptCell, dict[int, float]] = {}
    for row in rows:
        cell = Cell(int(row["n"]), int(row["freeze_count"]), truth(row["fine_tune"]), int(row["held_from"]))
        place = row["transfer"], cell
        found.setdefault(place, {})[int(row["draw"])] = fraction(row["test_accuracy"])
    return found


def _common(place: SweptCell, first: Accuracies, second: Accuracies) -> set[int]:
    return set(first.get(place, {})) & set(second.get(place, {}))


def _answers(
    first: Path, second: Path, first_fresh: Accuracies, second_fresh: Accuracies
) -> list[tuple[Change, float]]:  # fmt: skip
    """What each run chose for each n that both confirmed, with its p-value."""
    chosen, other = _chosen(first), _chosen(second)
    found = []
    for n in sorted(set(chosen) & set(other)):
        (one, one_collapsed), (two, two_collapsed) = chosen[n], other[n]
        if set(first_fresh.get(one, {})) & set(second_fresh.get(two, {})):
            change, p_value = _paired(one, two, first_fresh, second_fresh, fresh=True)
            # Student's t is not valid for a mixture of two kinds of outcome.
            found.append((change, 1.0 if one_collapsed or two_collapsed else p_value))
    return found


def _chosen(run: Path) -> dict[int, tuple[SweptCell, int]]:
    """The cell that the run chose for each n, and how many of its fresh draws collapsed."""
    found = {}
    for row in read_origin(run).get("confirmed", []):
        cell = Cell(row["n"], row["freeze_count"], row["fine_tune"], row.get("held_from", 0))
        found[row["n"]] = (row["transfer"], cell), row.get("collapsed", {}).get("chosen", 0)
    return found


def _paired(
    first_cell: SweptCell, second_cell: SweptCell, first: Accuracies, second: Accuracies, *, fresh: bool
) -> tuple[Change, float]:
    """Both means over the common draws, the difference in points with a preliminary verdict, and its p-value."""
    one, other = first[first_cell], second[second_cell]
    draws = sorted(set(one) & set(other))
    before, after = [one[draw] for draw in draws], [other[draw] for draw in draws]
    points, p_value = draws_interval([100 * (b - a) for a, b in zip(before, after, strict=True)])
    means = sum(before) / len(draws), sum(after) / len(draws)
    return Change(first_cell, second_cell, fresh, *means, points, "undecided"), p_value


def _judged(compared: Sequence[tuple[Change, float]]) -> tuple[Change, ...]:
    """The comparisons with verdicts of Benjamini-Hochberg over all of them."""
    if not compared:
        return ()
    rejected = false_discovery_control([p_value for _, p_value in compared]) <= FALSE_DISCOVERY_RATE
    return tuple(
        dataclasses.replace(change, verdict=verdict(change.points, bool(yes)))
        for (change, _), yes in zip(compared, rejected, strict=True)
    )


def called(compared: Comparison) -> Iterator[str]:
    """How many differences are a gain, a loss, or undecided: a line for the cells, one for the answers."""
    for name, changes in (("Cells", compared.cells), ("Best transfers", compared.answers)):
        counts = {word: sum(change.verdict == word for change in changes) for word in get_args(Verdict)}
        if changes:
            yield f"{name}: {', '.join(f'{count} {word}' for word, count in counts.items())}."
