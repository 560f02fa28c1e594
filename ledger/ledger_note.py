"""Where ledgers lie: a note names a sweep's by its settings; fresh draws have a folder. Imports only ledger."""

from __future__ import annotations

import os
from pathlib import Path

from ledger.ledger import unwritable

FRESH_DRAWS_FOLDER = "confirmation"
"""Folder of fresh draws' ledgers, beside those of the search, whose file names they have."""


def note_path(ledger_dir: Path, sweep: str, asked: str) -> Path:
    """The file that names the ledger which a sweep with these settings used last.

    Args:
      ledger_dir: folder of ledgers.
      sweep: its name.
      asked: hash of its settings; see settings.SweepSettings.
    """
    return ledger_dir / f"{sweep}.{asked}.txt"


def write_note(path: Path, ledger: Path) -> None:
    """Makes the note name the ledger, whatever it named before.

    Raises:
      ThawError: the file can't be written.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_text(f"{ledger.name}\n", encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise unwritable(path, error) from error
