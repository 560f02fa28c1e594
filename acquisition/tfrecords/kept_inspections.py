"""Inspections kept in the workspace, so that the same records are decoded once. Imports inspection, no component."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pydantic

from acquisition.tfrecords.inspection import Inspection, fingerprint, inspect_records
from acquisition.tfrecords.record_files import RecordFiles
from acquisition.whole_files import written_whole
from experiment.config import Data
from experiment.errors import ThawError

RULES = 6
"""Raise it when the rules of inspection change: data inspected under older rules is then inspected again."""


def inspect_once(
    files: RecordFiles, data: Data, folder: Path, on_progress: Callable[[int], None] | None = None
) -> Inspection:
    """Like inspect_records, but files with the same contents are decoded once only.

    Args:
      files: what to read.
      data: what the records must be like.
      folder: where inspections are kept, one small file each; only inspections without faults are kept.
      on_progress: called with the number of records checked so far.

    Raises:
      ThawError: see inspect_records; or the folder can't be written.
    """
    rules = f"{RULES} {fingerprint(files)} {data.model_dump_json(exclude={'path'})}"
    path = folder / f"{hashlib.sha256(rules.encode()).hexdigest()[:24]}.json"
    if (kept := _kept(path)) is not None:
        return kept
    inspection = inspect_records(files, data, on_progress)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as fresh:
            fresh.write_text(json.dumps(dataclasses.asdict(inspection)), encoding="utf-8")
    except OSError as error:
        raise ThawError(f"{path} can't be written: {error.strerror}. Expected a workspace that can be written; correct "
                        "its permissions, or remove what is in the way.") from error  # fmt: skip
    return inspection


def _kept(path: Path) -> Inspection | None:
    """An inspection as written; None if the file is missing or damaged: records are then read again."""
    try:
        return pydantic.TypeAdapter(Inspection).validate_json(path.read_bytes(), strict=True)
    except (OSError, pydantic.ValidationError):
        return None
