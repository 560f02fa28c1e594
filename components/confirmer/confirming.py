"""Trains what the search chose on fresh draws until every n is decided. Imports analysis and the sweep, no TFX."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pydantic

from analysis.cells.grid import Grid
from analysis.cells.paired_ledgers import Ledgers, pair_ledgers
from analysis.findings.confirmed import Confirmation, confirmed, looks_of
from analysis.findings.questions import Question, as_json, executions_of, questions_of, read_questions
from experiment.config import Confirmation as ConfirmationSettings
from experiment.errors import ThawError
from experiment.training_settings import SweepSettings
from ledger.cell_selection import Cell
from ledger.ledger import read_ledger, write_ledger
from ledger.rows import Header, Row
from trainer_module.sweep.fresh_draws import FIRST_FRESH_DRAW

QUESTIONS_FILE = "questions.json"
Rows = dict[str, tuple[Header, list[Row]]]
"""By sweep."""
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


def write_confirmation(folder: Path, questions: Sequence[Question], rows: Rows, settings: ConfirmationSettings) -> None:
    """Writes the questions and each sweep's fresh rows as a ledger; read_confirmation reads them."""
    content = {"questions": as_json(questions), "looks": looks_of(settings)}
    (folder / QUESTIONS_FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    for name, (header, found) in rows.items():
        write_ledger(folder / f"{name}.jsonl", header, found)


def read_confirmation(folder: Path) -> Confirmation:
    """What `write_confirmation` wrote, evaluated.

    Raises:
      ThawError: a file is missing, damaged or altered.
    """
    try:
        content = json.loads((folder / QUESTIONS_FILE).read_text(encoding="utf-8"))
        questions, looks = read_questions(content["questions"]), tuple(content["looks"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ThawError(
            f"{folder / QUESTIONS_FILE} can't be read ({error}). Run the same configuration again."
        ) from error
    ledgers = pair_ledgers(read_ledger(path) for path in sorted(folder.glob("*.jsonl")))
    return confirmed(questions, ledgers, looks)
