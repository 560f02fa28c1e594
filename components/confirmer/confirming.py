"""Trains what the search chose on fresh draws until every n is decided. Imports analysis and the sweep, no TFX."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pydantic

from analysis.cells.grid import Grid
from analysis.cells.paired_ledgers import Ledgers, pair_ledgers
from analysis.findings.confirmed import confirmed, looks_of
from analysis.findings.questions import Question, executions_of, questions_of
from components.confirmer.confirmation_files import Rows
from experiment.config import Confirmation as ConfirmationSettings
from experiment.training_settings import FIRST_FRESH_DRAW, SweepSettings
from ledger.cell_selection import Cell

Train = Callable[[Mapping[str, Sequence[tuple[Cell, int]]]], Rows]
"""Trains executions, by sweep, or looks them up."""


class ConfirmerSettings(pydantic.BaseModel):
    """What the node is told; its JSON parameter."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    confirmation: ConfirmationSettings
    deployed_size: int
    sweeps: tuple[SweepSettings, ...]
    """Transfers without controls, and baselines."""
    stack: str
    """What would train, in words; for TFX's cache alone."""


def confirm(ledgers: Ledgers, settings: ConfirmerSettings, train: Train) -> tuple[list[Question], Rows]:
    """Asks what the search's ledgers choose, and trains it until it is decided.

    All questions of one n get the same draws: 5, and twice as many at each further look while one of them is open
    (analysis.findings.confirmed.looks_of).

    Args:
      ledgers: the search's, without controls.
      settings: see there.
      train: trains.

    Raises:
      ThawError: as `train`.
    """
    asked = settings.confirmation
    questions = questions_of(Grid(ledgers), settings.deployed_size, every_transfer=asked.every_transfer)
    looks, rows, drawn, pending = looks_of(asked), Rows(), 0, questions
    for look in looks:
        draws = range(FIRST_FRESH_DRAW + drawn, FIRST_FRESH_DRAW + look)
        for name, (header, found) in train(executions_of(pending, draws)).items():
            rows[name] = header, [*rows.get(name, (header, []))[1], *found]
        drawn = look
        open_sizes = confirmed(questions, pair_ledgers(rows.values()), looks).open_sizes
        pending = [question for question in questions if question.n in open_sizes]
        if not pending:
            break
    return questions, rows
