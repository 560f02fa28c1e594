"""Reads near_duplicates.csv for a report. Imports nothing from Thaw."""

from __future__ import annotations

import csv
from pathlib import Path

NEAR = "near_duplicates.csv"


def read_sets(path: Path) -> list[tuple[str, ...]]:
    """The ids of each set's pictures, sets in the order of the file; none if there is no file."""
    if not path.is_file():
        return []
    sets: dict[str, list[str]] = {}
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        for row in csv.DictReader(file):
            sets.setdefault(row.get("set") or "", []).append(row.get("id") or "")
    return [tuple(ids) for ids in sets.values()]
