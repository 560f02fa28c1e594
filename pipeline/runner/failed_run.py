"""Messages for a failed run, and for system errors of any command. Imports only errors."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from experiment.errors import ThawError, printable

DISK_FULL = ("No space left on device", "Disk quota exceeded", "database or disk is full")
"""Messages of the system and SQLite for a full disk."""
UNDONE = "cannot commit - no transaction is active"
"""ML Metadata's message after SQLite rolled back a change by itself, as on a full disk
(sqlite.org/lang_transaction.html)."""
LEAST_FREE = 2**20
"""Bytes: a disk with fewer counts as full, since files are removed when a node fails."""
AFTER_NODES = "Writing the run's folder"
"""The step of a run after its nodes have ended."""
NOT_REPEATED = "Nodes that had finished, and trainings that are in the ledger, are not repeated."


def explained(error: Exception, node: str, log: Path, workspace: Path) -> ThawError:
    """The ThawError that a node raised, wherever TFX and Beam wrapped it, or one that names node and log.

    Args:
      error: the one that ended the run.
      node: the node that ran then; empty before the first node.
      log: the run's.
      workspace: the run's.
    """
    where = node or "Before the first node"
    folder = log.parent
    gone = not folder.is_dir()
    kept = f"{log} is gone with its folder." if gone else f"All output and the traceback are in {log}."
    kept = f"{kept} {NOT_REPEATED}"
    for cause in reported_causes(error):
        if isinstance(cause, ThawError):
            return ThawError(f"{where}: {cause}")
        full = _full_places(workspace, folder)
        if is_full_disk(cause) or (UNDONE in str(cause) and full):
            named = _named(cause) or _written_last(node, folder) or full
            return ThawError(f"{where}: the disk is full{named}. Expected room "
                             "for the workspace, the run's folder and temporary files (TMPDIR). Make some, and run the "
                             f"same command again. {kept if gone else _kept_in_part(log)}")  # fmt: skip
    if node == AFTER_NODES and isinstance(error, OSError) and gone:
        return ThawError(f"{node}: {folder} is gone; it was deleted, moved or renamed during the run. Expected the "
                         f"folder that the run made; run the command again for a new one. {NOT_REPEATED}")  # fmt: skip
    if node == AFTER_NODES and isinstance(error, OSError):
        return ThawError(f"{node}: {error.strerror or error}{_named(error)}. Expected a folder that can be "
                         f"written; correct its permissions, and run the same command again. {kept}")  # fmt: skip
    failed = f"The node {node} failed" if node and node != AFTER_NODES else where
    return ThawError(f"{failed}: {type(error).__name__}: {error}\n{kept}")


def _full_places(*folders: Path) -> str:
    """In brackets, the folders (the run's and that of temporary files) whose disk is full; empty if none is."""
    full = []
    for folder in (*folders, Path(tempfile.gettempdir())):
        with contextlib.suppress(OSError):
            if shutil.disk_usage(folder).free < LEAST_FREE:
                full.append(printable(str(folder)))
    return f" ({', '.join(full)})" if full else ""


def _written_last(node: str, folder: Path) -> str:
    """After the nodes, only the run's folder is written, including by functions that name no file, such as
    shutil.copytree."""
    return f" ({folder})" if node == AFTER_NODES else ""


def _kept_in_part(log: Path) -> str:
    """The sentence on a log that may be on the full disk itself."""
    return f"{log} has the output and the traceback, as far as there was room. {NOT_REPEATED}"


def interruption(error: BaseException) -> KeyboardInterrupt | None:
    """The signal's exception that an error comes from; none: it is an error.

    Beam turns one raised in its code into a RuntimeError, and C libraries hide one raised during their import.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, KeyboardInterrupt):
        cause = cause.__cause__ or cause.__context__
    return cause


def refused(error: BaseException) -> str | None:
    """A system error of a command in words; None for other errors."""
    for cause in reported_causes(error):
        if is_full_disk(cause):  # an error of a write names no file
            return (f"The disk is full{_named(cause)}. Expected room for the workspace, the folder of runs and "
                    "temporary files (TMPDIR). Make some, and run the same command again: what was finished is not "
                    "repeated.")  # fmt: skip
    if isinstance(error, OSError) and error.filename is not None:
        # Any path of the user's may be too long, inaccessible, or on a failing disk, wherever it is first used.
        return (f"Can't use {_name_of(error)}: {error.strerror}. Expected a path that Thaw can read, and write to if "
                "it makes something there. Correct it, and run the same command again.")  # fmt: skip
    return None


def check_working_folder() -> None:
    """Raises a ThawError if the working folder was removed."""
    try:
        os.getcwd()
    except OSError as error:
        raise ThawError("The working folder of this terminal or job no longer exists. Expected an existing one, since "
                        "paths are relative to it. Change to one (cd) and run again.") from error  # fmt: skip


def is_full_disk(error: BaseException) -> bool:
    """Whether the error says so itself, wherever it was raised."""
    return any(words in str(error) for words in DISK_FULL)


def reported_causes(error: BaseException) -> Iterator[BaseException]:
    """The error, then those that it was raised from, however TFX and Beam wrapped them.

    Beam wraps an error while it handles it, and repeats its text. Any other error raised in the meantime is a separate
    failure, which must not be reported as the first.
    """
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        earlier = cause.__context__
        repeated = earlier is not None and str(earlier) and str(earlier) in str(cause)
        cause = cause.__cause__ or (earlier if repeated else None)


def _named(error: BaseException) -> str:
    return f" ({name})" if (name := _name_of(error)) else ""


def _name_of(error: BaseException) -> str:
    name = getattr(error, "filename", None)
    return printable(os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else str(name or ""))
