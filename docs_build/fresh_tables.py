"""Tables of fresh draws for the page of results, with those of an earlier grid. Imports nothing that trains."""

from __future__ import annotations

import csv
import dataclasses
import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from analysis.statistics import formats
from experiment.schedules import layers_in_table
from ledger.cell_selection import Cell, cell_merit, rounded_off
from pipeline.runs.run_files import damaged
from pipeline.runs.run_formats import truth

FROM_SCRATCH = "the best network from scratch"


@dataclasses.dataclass(frozen=True)
class Choice:
    """The choice of a grid's val at one n.

    Attributes:
      name: of its sweep.
      val_accuracy, test_accuracy: fractions, means over the draws that chose; the second is biased upwards by that.
    """

    name: str
    val_accuracy: float
    test_accuracy: float


Merit = tuple[float, int, bool, bool, int]
"""Of cell_merit: the rule of a run's own choice."""
EarlierGrid = Mapping[tuple[str, int], Choice]
"""By transfer, or FROM_SCRATCH, and n."""


def read_earlier(ledger: Path) -> EarlierGrid:
    """The choices of an earlier ledger.csv.gz.

    Raises:
      ThawError: it is missing or can't be read.
    """
    cells: dict[tuple[str, str, Cell], list[tuple[float, float]]] = {}
    try:
        with gzip.open(ledger, "rt", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                group = row["transfer"] if row["source"] else FROM_SCRATCH
                held_from = int(row.get("held_from") or 0)  # missing in ledgers from before held layers
                cell = Cell(int(row["n"]), int(row["freeze_count"]), truth(row["fine_tune"]), held_from)
                accuracies = float(row["val_accuracy"]), float(row["test_accuracy"])
                cells.setdefault((group, row["transfer"], cell), []).append(accuracies)
    except (OSError, EOFError, ValueError, KeyError) as error:
        raise damaged(ledger, error) from error
    found: dict[tuple[str, int], tuple[Merit, Choice]] = {}
    for (group, name, cell), rows in cells.items():
        val, test = (fmean(values) for values in zip(*rows, strict=True))
        merit = cell_merit(cell, val)
        if (group, cell.n) not in found or merit > found[group, cell.n][0]:
            found[group, cell.n] = merit, Choice(name, val, test)
    return {place: choice for place, (_, choice) in found.items()}


def tables_of_transfers(answers: Sequence[Mapping[str, Any]], earlier: EarlierGrid) -> str:
    """A table for each transfer, a row for each n.

    Args:
      answers: `confirmed_transfers` of summary.json.
      earlier: adds a column; may be empty.
    """
    column = ("earlier",) if earlier else ()
    head = ("n", "k", "fine-tuned", "draws", "accuracy", *column, "baseline", "gain, points", "verdict",
            "over the best from scratch, points", "verdict", "collapsed")  # fmt: skip
    parts = []
    for transfer in sorted({one["transfer"] for one in answers}):
        rows = sorted((one for one in answers if one["transfer"] == transfer), key=lambda one: one["n"])
        parts.append(f"### `{transfer}`\n\n" + _table(head, [_fields(one, earlier) for one in rows]))
    return "\n\n".join(parts)


def table_of_changes(best: Sequence[Mapping[str, Any]], earlier: EarlierGrid) -> str:
    """At each n the earlier grid's choice and the confirmed one.

    Args:
      best: `confirmed` of summary.json.
      earlier: not empty.
    """
    head = ("n", "chosen before", "accuracy before", "chosen now", "accuracy now", "change, points",
            "from scratch before", "from scratch now", "change, points")  # fmt: skip
    rows = []
    for one in best:
        n = one["n"]
        transfers = [choice for (group, size), choice in earlier.items() if size == n and group != FROM_SCRATCH]
        if not transfers or (FROM_SCRATCH, n) not in earlier:
            continue
        before = max(transfers, key=lambda choice: rounded_off(choice.val_accuracy))
        scratch = earlier[FROM_SCRATCH, n]
        now = one["accuracy"], one["best_from_scratch_accuracy"]
        rows.append((
            f"{n:,}", f"`{before.name}`", formats.percent(before.test_accuracy), f"`{one['transfer']}`",
            f"{formats.percent(now[0])} {formats.percent_interval(one['accuracy_interval'])}",
            formats.points(100 * (now[0] - before.test_accuracy)),
            f"{formats.percent(scratch.test_accuracy)}, `{scratch.name}`",
            f"{formats.percent(now[1])} {formats.percent_interval(one['best_from_scratch_interval'])}, "
            f"`{one['best_from_scratch']}`",
            formats.points(100 * (now[1] - scratch.test_accuracy)),
        ))  # fmt: skip
    return _table(head, rows)


def _fields(one: Mapping[str, Any], earlier: EarlierGrid) -> tuple[str, ...]:
    before = earlier.get((one["transfer"], one["n"]))
    return (
        f"{one['n']:,}", layers_in_table(one["freeze_count"], one["held_from"]), "yes" if one["fine_tune"] else "no",
        str(one["draws"]), f"{formats.percent(one['accuracy'])} {formats.percent_interval(one['accuracy_interval'])}",
        *([formats.percent(before.test_accuracy) if before else ""] if earlier else []),
        f"{formats.percent(one['baseline_accuracy'])} {formats.percent_interval(one['baseline_interval'])}",
        f"{formats.points(one['over_baseline_points'])} "
        f"{formats.points_interval(one['over_baseline_interval_points'])}",
        one["over_baseline_verdict"],
        f"{formats.points(one['gain_points'])} {formats.points_interval(one['gain_interval_points'])}, "
        f"`{one['best_from_scratch']}`",
        one["verdict"], str(sum(one["collapsed"].values())),
    )  # fmt: skip


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [" | ".join(head), "|".join("---" for _ in head), *(" | ".join(row) for row in rows)]
    return "\n".join([f"| {lines[0]} |", f"|{lines[1]}|", *(f"| {line} |" for line in lines[2:])])
