"""Atomic writing: files that are written completely or not at all. Imports nothing from Thaw."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yields a temporary path next to the file; it replaces the file if the block succeeds, and is removed otherwise.

    A reader finds the earlier file in the meantime. Several processes may write the same file.

    Args:
      path: of the file; its folder exists.

    Raises:
      OSError: the file can't be replaced.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield fresh
        fresh.replace(path)
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
