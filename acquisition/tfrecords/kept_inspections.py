"""Inspections that are remembered, so that the same files are decoded once. Imports inspection."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from acquisition.tfrecords.inspection import Inspection, fingerprint, inspect_records
from acquisition.tfrecords.record_files import RecordFiles
from experiment.config import Data

RULES = 3
"""Raise it when the rules of inspection change: what was found under older rules is then inspected again."""


def inspect_once(
    files: RecordFiles, data: Data, folder: Path, on_progress: Callable[[int], None] | None = None
) -> Inspection:
    """Like inspect_records, but files with the same contents are decoded once only.

    Args:
      files: what to read.
      data: what the records must be like.
      folder: where inspections are kept, one small file each; only data without fault is remembered.
      on_progress: told the records checked so far.

    Raises:
      ThawError: see inspect_records.
    """
    rules = f"{RULES} {fingerprint(files)} {data.model_dump_json(exclude={'path'})}"
    path = folder / f"{hashlib.sha256(rules.encode()).hexdigest()[:24]}.json"
    if path.exists():
        return Inspection(**json.loads(path.read_text(encoding="utf-8")))
    inspection = inspect_records(files, data, on_progress)
    folder.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".partial")
    fresh.write_text(json.dumps(dataclasses.asdict(inspection)), encoding="utf-8")
    fresh.replace(path)
    return inspection
