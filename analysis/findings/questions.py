"""The cells that the search chose, and those to compare them with on fresh draws. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.cells.grid import Grid, SweepCell
from analysis.findings.from_scratch import best_from_scratch
from ledger.cell_selection import Cell, rounded_off

PLACES = ("chosen", "baseline", "scratch")
"""Fields of a Question that name a cell."""


@dataclasses.dataclass(frozen=True)
class Question:
    """Is a transfer worth it at one n? All three cells were chosen on val, on the search's draws.

    Attributes:
      n: labelled images.
      chosen: the transfer's cell.
      baseline: the cell against which its gain is measured: the baseline of the same fine_tune.
      scratch: the best network from scratch; may be `baseline`.
      val_accuracy, scratch_val_accuracy: of `chosen` and of `scratch` on val, fractions, means over the search's draws.
    """

    n: int
    chosen: SweepCell
    baseline: SweepCell
    scratch: SweepCell
    val_accuracy: float
    scratch_val_accuracy: float

    @property
    def by_name(self) -> dict[str, SweepCell]:
        """The three cells by PLACES."""
        return dict(zip(PLACES, (self.chosen, self.baseline, self.scratch), strict=True))

    @property
    def different_cells(self) -> list[tuple[str, SweepCell]]:
        """Names and cells, without `scratch` if that is `baseline`."""
        return [(name, place) for name, place in self.by_name.items() if name != "scratch" or place != self.baseline]

    @property
    def cells(self) -> list[SweepCell]:
        """All of them, each once."""
        return list(dict.fromkeys(self.by_name.values()))


def questions_of(grid: Grid, deployed_size: int, *, every_transfer: bool) -> list[Question]:
    """Questions on the best transfer at each n, and on every transfer at the size to deploy; n rises.

    Args:
      grid: the search's, without controls.
      deployed_size: n.
      every_transfer: on every transfer at each n.
    """
    found = []
    for n in grid.sizes:
        places = [(name, cells[n]) for name, cells in grid.chosen.transfers.items() if n in cells]
        best = max(places, key=lambda place: rounded_off(grid.val(place)))
        asked = places if every_transfer or n == deployed_size else [best]
        scratch = best_from_scratch(grid, n)
        found += [
            Question(n, place, grid.baseline_of(place), scratch, grid.val(place), grid.val(scratch)) for place in asked
        ]
    return found


def executions_of(questions: Sequence[Question], draws: Sequence[int]) -> dict[str, list[tuple[Cell, int]]]:
    """By sweep, the executions to train: each cell on each draw, once."""
    asked: dict[str, dict[tuple[Cell, int], None]] = {}
    for question in questions:
        for name, cell in question.cells:
            asked.setdefault(name, {}).update(dict.fromkeys((cell, draw) for draw in draws))
    return {name: list(executions) for name, executions in asked.items()}


def as_json(questions: Sequence[Question]) -> list[dict[str, Any]]:
    """For a file; read_questions reads it."""
    return [dataclasses.asdict(question) for question in questions]


def read_questions(values: Sequence[Mapping[str, Any]]) -> list[Question]:
    """Reads what `as_json` returned.

    Raises:
      TypeError, KeyError: something else.
    """

    def place(value: Any) -> SweepCell:
        return str(value[0]), Cell(**value[1])

    def question(value: Mapping[str, Any]) -> Question:
        chosen, baseline, scratch = (place(value[name]) for name in PLACES)
        val = float(value["val_accuracy"]), float(value["scratch_val_accuracy"])
        return Question(int(value["n"]), chosen, baseline, scratch, *val)

    return [question(value) for value in values]
