"""The record of benchmarks.precision: pairs of trainings in both types, and their summary. Imports no engine."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from benchmarks.inputs import grid
from benchmarks.inputs.csv_record import append_rows


@dataclasses.dataclass(frozen=True)
class Place:
    """A cell of a transfer, or of a baseline, on one draw."""

    role: str
    architecture: str
    n: int
    k: int
    fine_tune: bool
    draw: int


@dataclasses.dataclass(frozen=True)
class Pair:
    """One place trained in both precisions: accuracies on test are fractions, seconds those of one core."""

    place: Place
    float32: float
    bfloat16: float
    float32_s: float
    bfloat16_s: float
    float32_collapsed: bool
    bfloat16_collapsed: bool

    def as_row(self, code: str) -> dict[str, object]:
        """A row of the record."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)[1:]}
        return {**dataclasses.asdict(self.place), **values, "code": code}


COLUMNS = [field.name for part in (Place, Pair) for field in dataclasses.fields(part) if field.name != "place"]


def read_pairs(record: Path, code: str) -> dict[Place, Pair]:
    """The pairs of a record that this code trained, by place."""
    if not record.exists():
        return {}
    found = {}
    for row in csv.DictReader(record.read_text(encoding="utf-8").splitlines()):
        if row["code"] != code:
            continue
        place = Place(row["role"], row["architecture"], int(row["n"]), int(row["k"]), row["fine_tune"] == "True",
                      int(row["draw"]))  # fmt: skip
        found[place] = Pair(
            place, float(row["float32"]), float(row["bfloat16"]), float(row["float32_s"]), float(row["bfloat16_s"]),
            row["float32_collapsed"] == "True", row["bfloat16_collapsed"] == "True",
        )  # fmt: skip
    return found


def append(record: Path, pair: Pair, code: str) -> None:
    """Adds a row to the record."""
    append_rows(record, [*COLUMNS, "code"], [pair.as_row(code)])


def summarise(pairs: Sequence[Pair]) -> dict[str, dict[str, float]]:
    """Mean difference (bfloat16 minus float32, points) with its 95% interval: all, by n, and by kind of cell."""
    groups: dict[str, list[Pair]] = {"all": list(pairs)}
    for pair in pairs:
        place = pair.place
        groups.setdefault(f"n={place.n}", []).append(pair)
        groups.setdefault(f"{place.role} {place.architecture}", []).append(pair)
        groups.setdefault("fine-tuned" if place.fine_tune else "phase 1", []).append(pair)
    return {name: _summary(group) for name, group in sorted(groups.items()) if len(units(group)) > 1}


def units(pairs: Sequence[Pair]) -> list[float]:
    """Differences in points, one for each cell and draw: a fine-tuned cell continues its counterpart's training."""
    return grid.means_by_group(
        (dataclasses.replace(pair.place, fine_tune=False), 100 * (pair.bfloat16 - pair.float32)) for pair in pairs
    )


def _summary(pairs: Sequence[Pair]) -> dict[str, float]:
    mean, low, high = grid.paired_difference(units(pairs))
    return {
        "points": round(mean, 2), "low": round(low, 2), "high": round(high, 2),
        "pairs": len(pairs), "units": len(units(pairs)),
        "float32_collapsed": sum(pair.float32_collapsed for pair in pairs),
        "bfloat16_collapsed": sum(pair.bfloat16_collapsed for pair in pairs),
        "times_as_fast": round(sum(p.float32_s for p in pairs) / sum(p.bfloat16_s for p in pairs), 2),
    }  # fmt: skip
