"""Pairs of trainings in the record of fresh draws: two recipes, or two precisions. Reads the record; trains nothing.

`python -m benchmarks.published_pairs solved` compares transfers from a solved head with the 2022 report's recipe (a
random head), `python -m benchmarks.published_pairs bfloat16` that type with float32: the same cell on the same draw.
It prints tables in Markdown. The rows are those of benchmarks.published_draws, with and without its options.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

from analysis.confirmation.collapse import is_collapsed
from analysis.statistics import formats
from benchmarks.inputs import grid
from benchmarks.inputs.fresh_rows import FreshRow, Place, is_plain, read_rows
from benchmarks.published_draws import RECORD
from ledger.cell_selection import Cell
from ledger.rows import TRAIN_IMAGES

What = Literal["solved", "bfloat16"]
VAL_IMAGES, CHANCE = 2000, 0.5
HEAD = ("cells", "pairs", "cells and draws", "before", "after", "difference, points", "collapsed before, after")


@dataclasses.dataclass(frozen=True)
class Pair:
    """One cell on one draw: `before` by the report's recipe in float32, `after` with one thing changed."""

    before: FreshRow
    after: FreshRow

    @property
    def points(self) -> float:
        """Points by which `after` is more accurate on test."""
        return 100 * float(self.after.correct.mean() - self.before.correct.mean())


def main(argv: Sequence[str]) -> int:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=get_args(What))
    parser.add_argument("--record", type=Path, default=RECORD)
    arguments = parser.parse_args(argv)
    pairs = pairs_of(read_rows(arguments.record), arguments.what)
    if not pairs:
        raise SystemExit(f"{arguments.record} has no pairs; run `python -m benchmarks.published_draws` in both ways.")
    print(table(pairs))
    return 0


def pairs_of(rows: Mapping[Place, FreshRow], what: What) -> list[Pair]:
    """The cells and draws that were trained in both ways."""
    change = {"solved": True} if what == "solved" else {"precision": "bfloat16"}
    plain = {place: row for place, row in rows.items() if is_plain(place)}
    other = {place: dataclasses.replace(place, **change) for place in plain}
    return [Pair(plain[place], rows[changed]) for place, changed in other.items() if changed in rows]


def table(pairs: Sequence[Pair]) -> str:
    """Mean accuracies and their difference with its 95% interval: all, by sweep, by n, and by sweep and n.

    A fine-tuned cell continues its counterpart's training, so both count as one. The number of draws differs between n;
    the row `all` is the mean over all cells and draws. Intervals are Student's t over them, for other draws on these
    test images.
    """
    groups: dict[str, list[Pair]] = {"all": list(pairs)}
    names = ["`{0.sweep}`", "n = {0.cell.n:,}", "`{0.sweep}`, n = {0.cell.n:,}"]
    if len({pair.before.place.sweep for pair in pairs}) == 1:  # the last would repeat the second
        names.pop()
    for name in names:
        for pair in sorted(pairs, key=lambda one: (one.before.place.sweep, one.before.place.cell.n)):
            groups.setdefault(name.format(pair.before.place), []).append(pair)
    rows = [HEAD, ("---",) * len(HEAD), *(_row(name, group) for name, group in groups.items())]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(name: str, pairs: Sequence[Pair]) -> tuple[str, ...]:
    places = [dataclasses.replace(one.before.place, cell=_without_tuning(one)) for one in pairs]
    units = grid.means_by_group(zip(places, (one.points for one in pairs), strict=True))
    interval = ""
    if len(units) > 1:
        _, low, high = grid.paired_difference(units)
        interval = " " + formats.points_interval((low, high))
    arms = [one.before for one in pairs], [one.after for one in pairs]
    means = [formats.percent(sum(float(row.correct.mean()) for row in arm) / len(arm)) for arm in arms]
    collapsed = ", ".join(str(sum(map(_is_collapsed, arm))) for arm in arms)
    mean = formats.points(sum(units) / len(units))
    return (name, str(len(pairs)), str(len(units)), *means, mean + interval, collapsed)


def _without_tuning(pair: Pair) -> Cell:
    return dataclasses.replace(pair.before.place.cell, fine_tune=False)


def _is_collapsed(row: FreshRow) -> bool:
    train = min(row.place.cell.n, TRAIN_IMAGES)
    return is_collapsed(
        val_correct=round(row.val_accuracy * VAL_IMAGES), val_images=VAL_IMAGES, val_chance=CHANCE,
        train_correct=round(row.train_accuracy * train), train_images=train,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
