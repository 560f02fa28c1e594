"""Trains what the search chose on fresh draws until every n is decided. Imports analysis and the sweep, no TFX."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pydantic

from analysis.cells.grid import Grid, SweepCell
from analysis.cells.paired_ledgers import Ledgers, pair_ledgers
from analysis.claims.claims import cells_of_claims
from analysis.findings.confirmed import confirmed, looks_of
from analysis.findings.questions import Question, executions_of, questions_of
from components.confirmer.confirmation_files import Rows
from components.confirmer.draws_in_time import DrawsInTime
from experiment.config import Confirmation as ConfirmationSettings
from experiment.training_settings import FIRST_FRESH_DRAW, SweepSettings
from ledger.cell_selection import Cell

Train = Callable[[Mapping[str, Sequence[tuple[Cell, int]]]], Rows]
"""Trains executions, by sweep, or looks them up."""


class ConfirmerSettings(pydantic.BaseModel):
    """The node's settings, its JSON parameter."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    confirmation: ConfirmationSettings
    deployed_size: int
    sweeps: tuple[SweepSettings, ...]
    """Transfers without controls, and baselines."""
    stack: str
    """What would train, in words; only for TFX's cache."""
    budget_minutes: float | None = None
    """Of a run that has one; only for TFX's cache. When it ends, the machine's file says."""


def confirm(
    ledgers: Ledgers, settings: ConfirmerSettings, train: Train, in_time: DrawsInTime | None = None
) -> tuple[list[Question], Rows]:
    """Trains the cells that the search's ledgers choose until every n is decided, or as long as there is time.

    All questions of one n get the same draws: 5, and twice as many at each further look while one of them is open
    (analysis.findings.confirmed.looks_of). No n gets a further look before all have had their first.

    Args:
      ledgers: the search's, without controls.
      settings: see there.
      train: trains.
      in_time: says what there is time for; none: for everything.

    Returns:
      The questions of the sizes that got two draws or more, and all rows.

    Raises:
      ThawError: as `train`.
    """
    asked, grid = settings.confirmation, Grid(ledgers)
    questions = questions_of(grid, settings.deployed_size, every_transfer=asked.every_transfer)
    of_claims = cells_of_claims(grid) if asked.every_transfer and in_time is None else []
    looks, rows = looks_of(asked), Rows()
    drawn = {question.n: 0 for question in sorted(questions, key=lambda one: (one.n != settings.deployed_size, one.n))}
    while True:
        lacking = {n: looks[0] - count for n, count in drawn.items() if count < looks[0]}
        if not lacking:
            open_sizes = confirmed(questions, pair_ledgers(rows.values()), looks).open_sizes
            further = {n: next((look for look in looks if look > count), 0) for n, count in drawn.items()}
            lacking = {n: look - drawn[n] for n, look in further.items() if look and n in open_sizes}
        batch = in_time.batch(questions, drawn, lacking) if in_time else lacking
        if not batch:
            return [question for question in questions if drawn[question.n]], rows
        first_look = [n for n in batch if not drawn[n]]
        more = [place for place in of_claims if place[1].n in first_look]
        _train(train, questions, drawn, batch, rows, more)


def _train(
    train: Train, questions: Sequence[Question], drawn: dict[int, int], batch: Mapping[int, int], rows: Rows,
    more: Sequence[SweepCell],
) -> None:  # fmt: skip
    """Trains the next draws of each n in a batch and `more` cells of it, all in one go; adds rows and counts draws."""
    executions: dict[str, list[tuple[Cell, int]]] = {}
    for n, count in batch.items():
        first = FIRST_FRESH_DRAW + drawn[n]
        of_size = [question for question in questions if question.n == n]
        for name, found in executions_of(of_size, range(first, first + count)).items():
            executions.setdefault(name, []).extend(found)
        for name, cell in more:
            if cell.n == n:
                executions.setdefault(name, []).extend((cell, draw) for draw in range(first, first + count))
        drawn[n] += count
    once = {name: list(dict.fromkeys(found)) for name, found in executions.items()}
    for name, (header, new) in train(once).items():
        rows[name] = header, [*rows.get(name, (header, []))[1], *new]
