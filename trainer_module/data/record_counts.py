"""How many records the splits of a domain have, as declared in its artifact. Imports only TFX's file layer."""

from __future__ import annotations

import json
from collections.abc import Collection

from tfx.dsl.io import fileio

from experiment.errors import REPAIR, ThawError

COUNTS_FILE = "record_counts.json"
"""File with the records by split. It is next to the splits' folders, in which every file is read as records."""
WHAT_TO_DO = f"{REPAIR} On a cluster, restore it or run once with caching switched off."


def check_count(folders: Collection[str], found: int) -> None:
    """Rejects splits that have lost records: a file that was cut between two records looks complete.

    Args:
      folders: folders or URIs of the splits, such as .../Split-train; one without a COUNTS_FILE next to it, such as a
        split written by hand, is not checked.
      found: how many records were read, of all folders together.

    Raises:
      ThawError: COUNTS_FILE has another number, or none.
    """
    noted = [_noted_count(folder) for folder in folders]
    expected = sum(count for count in noted if count is not None)
    if None not in noted and found != expected:
        raise ThawError(f"{', '.join(sorted(folders))} is damaged: it holds {found} records. Expected {expected}, as "
                        f"{COUNTS_FILE} next to it says; a file was cut short, lost or added. "
                        f"{WHAT_TO_DO}")  # fmt: skip


def _noted_count(folder: str) -> int | None:
    artifact, _, name = folder.rpartition("/")
    note = f"{artifact}/{COUNTS_FILE}"
    if not fileio.exists(note):
        return None
    with fileio.open(note, "rb") as file:
        content = file.read()
    try:
        count = json.loads(content)[name.removeprefix("Split-")]
    except (ValueError, LookupError, TypeError, RecursionError):
        count = None
    if not isinstance(count, int):
        raise ThawError(f"{note} is damaged: it does not say how many records {name} has. Expected a number of each "
                        f"split. {WHAT_TO_DO}")  # fmt: skip
    return count
