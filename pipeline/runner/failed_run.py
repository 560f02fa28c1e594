"""The message of a run that failed. Imports only errors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from experiment.errors import ThawError

DISK_FULL = ("No space left on device", "Disk quota exceeded", "database or disk is full")
"""What the system and SQLite say of it."""
AFTER_NODES = "Writing the run's folder"
"""Where a run is when its nodes have ended."""
NOT_REPEATED = "Nodes that had finished, and trainings that are in the ledger, are not repeated."


def explained(error: Exception, node: str, log: Path) -> ThawError:
    """The ThawError that a node raised, wherever TFX and Beam wrapped it, or one that names node and log.

    Args:
      error: what ended the run.
      node: what ran when it was raised; empty before the first node.
      log: the run's.
    """
    where = node or "Before the first node"
    folder = log.parent
    gone = not folder.is_dir()
    kept = f"{log} is gone with its folder." if gone else f"All output and the traceback are in {log}."
    kept = f"{kept} {NOT_REPEATED}"
    for cause in reported_causes(error):
        if isinstance(cause, ThawError):
            return ThawError(f"{where}: {cause}")
        if any(words in str(cause) for words in DISK_FULL):
            return ThawError(f"{where}: the disk is full{_named(cause)}. Expected room for the workspace and the run's "
                             f"folder; make some, and run the same command again. {kept}")  # fmt: skip
    if node == AFTER_NODES and isinstance(error, OSError) and gone:
        return ThawError(f"{node}: {folder} is gone; it was deleted, moved or renamed during the run. Expected the "
                         f"folder that the run made; run the command again for a new one. {NOT_REPEATED}")  # fmt: skip
    if node == AFTER_NODES and isinstance(error, OSError):
        return ThawError(f"{node}: {error.strerror or error}{_named(error)}. Expected a folder that can be "
                         f"written; correct its permissions, and run the same command again. {kept}")  # fmt: skip
    failed = f"The node {node} failed" if node and node != AFTER_NODES else where
    return ThawError(f"{failed}: {type(error).__name__}: {error}\n{kept}")


def reported_causes(error: BaseException) -> Iterator[BaseException]:
    """The error, then those that it was raised from, however TFX and Beam wrapped them.

    Beam wraps an error while it handles it, and repeats its text. Any other error that was raised meanwhile is a
    failure of its own, which must not be reported as the first.
    """
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        earlier = cause.__context__
        repeated = earlier is not None and str(earlier) and str(earlier) in str(cause)
        cause = cause.__cause__ or (earlier if repeated else None)


def _named(error: BaseException) -> str:
    name = getattr(error, "filename", None)
    return f" ({name})" if name else ""
