"""What the Confirmer passes on: the questions and the fresh rows, as files. Imports analysis and ledger, no trainer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from analysis.cells.paired_ledgers import pair_ledgers
from analysis.findings.confirmed import Confirmation, confirmed, looks_of
from analysis.findings.questions import Question, as_json, read_questions
from experiment.config import Confirmation as ConfirmationSettings
from experiment.errors import ThawError
from ledger.ledger import read_ledger, write_ledger
from ledger.rows import Header, Row

QUESTIONS_FILE = "questions.json"
Rows = dict[str, tuple[Header, list[Row]]]
"""By sweep."""


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
