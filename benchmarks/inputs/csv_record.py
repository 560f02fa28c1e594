"""Appends rows of trainings to a record. Imports nothing from Thaw."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path


def append_rows(record: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Adds rows to a CSV file, after the names of the columns if the file is new.

    Raises:
      ValueError: a row has another column.
    """
    record.parent.mkdir(parents=True, exist_ok=True)
    with record.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        if not file.tell():
            writer.writeheader()
        writer.writerows(rows)
