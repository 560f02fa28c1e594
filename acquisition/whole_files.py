"""Files that are written whole or not at all. Imports nothing of ours."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Gives a place beside the file to write to, which takes the file's place where the block ends well, and else goes.

    Whoever reads meanwhile finds the earlier file. Another process may write the same.

    Args:
      path: of the file; its folder exists.

    Raises:
      OSError: it can't be put there.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield fresh
        fresh.replace(path)
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
