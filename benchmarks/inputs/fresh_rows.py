"""The record of benchmarks.published_draws: trainings of what the published grid chose. Imports no engine."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from experiment.stack import Precision
from experiment.training_settings import FIRST_FRESH_DRAW
from ledger.cell_selection import Cell
from pipeline.runs.run_formats import truth

MANY_DRAWS, DRAWS, SMALL = 10, 5, 50
"""Fresh draws of each cell: the first up to n = SMALL, where some trainings collapse."""


@dataclasses.dataclass(frozen=True)
class Place:
    """One training.

    Attributes:
      sweep: of the grid.
      solved: True: from a solved head, as is the default for transfers today; False: by the 2022 report's recipe.
      precision: of the arithmetic.
      cell, draw: of the training.
    """

    sweep: str
    solved: bool
    precision: Precision
    cell: Cell
    draw: int


@dataclasses.dataclass(frozen=True)
class FreshRow:
    """The result at a place: accuracies are fractions, seconds are CPU time of one core.

    Attributes:
      correct: bool [test images], in the order of their ids.
      code: fingerprint of the code that trained it.
    """

    place: Place
    val_accuracy: float
    train_accuracy: float
    seconds: float
    correct: np.ndarray
    code: str


COLUMNS = ("sweep", "solved", "precision", "n", "freeze_count", "fine_tune", "draw", "val_accuracy", "train_accuracy",
           "seconds", "code", "images", "correct")  # fmt: skip


def is_plain(place: Place) -> bool:
    """Whether it was trained as the published grid was: by the report's recipe, in float32."""
    return not place.solved and place.precision == "float32"


def fresh_draws(n: int) -> range:
    """The draws of a cell, which the grid did not use."""
    return range(FIRST_FRESH_DRAW, FIRST_FRESH_DRAW + (MANY_DRAWS if n <= SMALL else DRAWS))


def read_rows(record: Path) -> dict[Place, FreshRow]:
    """The rows of a record by place; none if there is no record."""
    return {row.place: row for row in _rows(record)} if record.exists() else {}


def append(record: Path, row: FreshRow) -> None:
    """Adds a row in one write, so that several processes may share the record."""
    record.parent.mkdir(parents=True, exist_ok=True)
    place, bits = row.place, np.packbits(row.correct).tobytes().hex()
    values = (
        place.sweep, place.solved, place.precision, place.cell.n, place.cell.freeze_count, place.cell.fine_tune,
        place.draw, row.val_accuracy, row.train_accuracy, round(row.seconds, 3), row.code, len(row.correct), bits,
    )  # fmt: skip
    head = "" if record.exists() else ",".join(COLUMNS) + "\n"
    with record.open("a", encoding="utf-8") as file:
        file.write(head + ",".join(map(str, values)) + "\n")


def _rows(record: Path) -> Iterator[FreshRow]:
    with record.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield _row(row)


def _row(row: Mapping[str, str]) -> FreshRow:
    cell = Cell(int(row["n"]), int(row["freeze_count"]), truth(row["fine_tune"].lower()))
    precision: Precision = "bfloat16" if row["precision"] == "bfloat16" else "float32"
    place = Place(row["sweep"], truth(row["solved"].lower()), precision, cell, int(row["draw"]))
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(row["correct"]), np.uint8), count=int(row["images"]))
    val, train, seconds = (float(row[name]) for name in ("val_accuracy", "train_accuracy", "seconds"))
    return FreshRow(place, val, train, seconds, bits.astype(bool), row["code"])


def missing(places: Sequence[Place], known: Mapping[Place, FreshRow]) -> list[Place]:
    """Places that have no row yet, in an order that shares frozen activations and phase 1."""
    left = [place for place in places if place not in known]
    return sorted(left, key=lambda one: (one.cell.freeze_count, one.cell.n, one.draw, one.cell.fine_tune))
