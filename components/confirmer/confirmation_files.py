"""What the Confirmer passes on: the questions and the fresh rows, as files. Imports analysis and ledger, no trainer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from analysis.cells.paired_ledgers import pair_ledgers
from analysis.findings.confirmed import Confirmation, confirmed, looks_of
from analysis.findings.questions import Question, as_json, read_questions
from experiment.config import Confirmation as ConfirmationSettings
from experiment.errors import REPAIR, ThawError
from ledger.ledger import read_ledger, write_ledger
from ledger.rows import Header, Row
from ledger.sealed_lines import digest_of

QUESTIONS_FILE = "questions.json"
Rows = dict[str, tuple[Header, list[Row]]]
"""By sweep."""


def write_confirmation(folder: Path, questions: Sequence[Question], rows: Rows, settings: ConfirmationSettings) -> None:
    """Writes the questions with a digest, and each sweep's fresh rows as a ledger; read_confirmation reads them."""
    content = {"questions": as_json(questions), "looks": looks_of(settings), "sweeps": sorted(rows)}
    values = {**content, "digest": digest_of(content)}
    (folder / QUESTIONS_FILE).write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    for name, (header, found) in rows.items():
        write_ledger(folder / f"{name}.jsonl", header, found)


def read_confirmation(folder: Path) -> Confirmation:
    """What `write_confirmation` wrote, evaluated.

    Raises:
      ThawError: a file is missing, damaged or altered.
    """
    try:
        content = json.loads((folder / QUESTIONS_FILE).read_text(encoding="utf-8"))
        if content.pop("digest") != digest_of(content):
            raise ValueError("its digest does not match")
        questions, looks, names = read_questions(content["questions"]), tuple(content["looks"]), content["sweeps"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ThawError(f"{folder / QUESTIONS_FILE} is damaged or altered ({error}). {REPAIR}") from error
    ledgers = pair_ledgers(read_ledger(folder / f"{name}.jsonl") for name in names)
    return confirmed(questions, ledgers, looks)
