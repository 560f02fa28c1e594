"""One process at a time fills a folder of downloads or generated images; others wait. Imports nothing from Thaw."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def filled_alone(folder: Path, say: Callable[[str], None]) -> Iterator[bool]:
    """Locks a folder while something is made in it, so that another process neither writes to it nor removes it.

    A missing file may exist when the block begins. The folder itself is locked: no lock file stays behind, and the
    system releases the lock however the process ends. On a file system without such locks, such as some NFS, nobody
    waits.

    Args:
      folder: exists.
      say: called with one line if this process must wait.

    Yields:
      Whether the folder is locked.

    Raises:
      OSError: the folder can't be opened.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        held = False
        with contextlib.suppress(OSError):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"Another command downloads or generates data in {folder}. Waiting until it has ended.")
                fcntl.flock(handle, fcntl.LOCK_EX)
            held = True
        yield held
    finally:
        os.close(handle)
