"""Checks that ML Metadata's SQLite file can be used, before anything waits for it. Imports sqlite3, no MLMD."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from urllib.parse import quote

from experiment.errors import REPAIR, ThawError

METADATA_FILE = "metadata.sqlite"
"""In the experiment's part of the workspace."""
PATIENCE_S = 2.0


def check_metadata(path: Path, *, to_write: bool = True) -> None:
    """Checks that the file is complete and that no other process holds it.

    Args:
      path: the file. Before a run, it may be missing if there are no artifacts that it should list.
      to_write: for a run; else for reading.

    Raises:
      ThawError: it can't be used; the message says how to continue.
    """
    if not path.exists() or not path.stat().st_size:
        artifacts = path.parent / "artifacts"
        if to_write and not (artifacts.is_dir() and any(artifacts.iterdir())):
            return
        state = "is empty" if path.exists() else "is missing"
        raise ThawError(f"ML Metadata's record of the runs, {path}, {state}. {REPAIR}")
    try:
        _probe(path, to_write)
    except sqlite3.Error as error:
        raise ThawError(_said(path, str(error))) from error


def _said(path: Path, reason: str) -> str:
    if "locked" in reason:
        return (f"Another process holds ML Metadata's file {path} ({reason}). Close the program that has it open, such "
                "as a database browser, and run the same command again.")  # fmt: skip
    if "readonly" in reason or "unable to open" in reason:
        return (f"Can't use ML Metadata's file {path}: {reason}. Expected a file that can be written; correct its "
                "permissions, or name another folder with --set workspace=...")  # fmt: skip
    return f"ML Metadata's record of the runs, {path}, is damaged: {reason}. {REPAIR}"


def _probe(path: Path, to_write: bool) -> None:
    mode = "rw" if to_write else "ro"
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=PATIENCE_S, isolation_level=None)) as database:
        if to_write:
            database.execute("BEGIN IMMEDIATE")
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        [found] = database.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(str(found).replace("\n", " "))
        if "MLMDEnv" not in tables:
            raise sqlite3.DatabaseError("it has no table MLMDEnv")
