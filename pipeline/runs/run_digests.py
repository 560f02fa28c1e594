"""Digests of settings and of a run's files, which reveal an altered file. Imports only the ledger's digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ledger.sealed_lines import digest_of

FILES, OWN = "file_digests", "digest"
"""Keys of summary.json: SHA-256 of each other file by its name; digest of the summary without this key, which
started.json has too. Runs from before 30 November 2026 have neither, and are not checked."""


def with_digests(summary: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The summary with the digests of the folder's files and, last, its own.

    Args:
      summary: JSON values.
      folder: of the run, complete except for the summary.
    """
    files = {path.name: _sha256(path.read_bytes()) for path in sorted(folder.iterdir()) if path.is_file()}
    return with_own_digest({**summary, FILES: files})


def with_own_digest(content: Mapping[str, Any]) -> dict[str, Any]:
    """JSON values with the digest that `is_altered_content` checks."""
    return {**content, OWN: digest_of(content)}


def is_altered_content(values: Mapping[str, Any]) -> bool:
    """Whether values with a digest differ from those that the run wrote."""
    content = {name: value for name, value in values.items() if name != OWN}
    return OWN in values and values[OWN] != digest_of(content)


def is_altered(name: str, content: bytes, summary: Mapping[str, Any]) -> bool:
    """Whether the content of another file differs from what the run wrote.

    Args:
      name: of the file.
      content: its bytes.
      summary: the run's.
    """
    digest = summary.get(FILES, {}).get(name)
    return digest is not None and digest != _sha256(content)


def digest(settings: Mapping[str, Any]) -> str:
    """Hash of JSON values, 12 hexadecimal digits."""
    return _sha256(json.dumps(settings, sort_keys=True).encode())[:12]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
