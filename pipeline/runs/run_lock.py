"""Checks that a run can work in a folder, and locks it for one run at a time. Imports only errors."""

from __future__ import annotations

import contextlib
import datetime
import errno
import fcntl
import io
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from experiment.errors import ThawError

LOCK_FILE = "run.lock"
SEARCH = "`thaw search`"
TRIES = 10
PATTERN_CHARACTERS = "*?[\\"
"""Beam's TFRecord source and TensorFlow's SavedModel loader read a path as a pattern, and neither can escape these
(apache_beam.io.filesystem.FileSystem.translate_pattern)."""


@contextlib.contextmanager
def locked(folder: Path, *, searching: bool = False) -> Iterator[None]:
    """Locks the folder for this process; the system releases the lock however the process ends.

    Args:
      folder: made when absent.
      searching: whether `thaw search` works there, not a run.

    Raises:
      ThawError: another process has the lock, it can't be written, or its file system has no locks (ML Metadata needs
        them too).
    """
    check_writable(folder)
    with _lock_file(folder) as file:
        try:
            _take(file)
            file.truncate(0)
            now = datetime.datetime.now().strftime("%Y-%m-%d %H:%M:%S")
            command = SEARCH if searching else "a run"
            file.write(f"{command}, process {os.getpid()} on {socket.gethostname()}, since {now}".encode())
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().decode(errors="replace").strip()
            raise ThawError(
                f"Another command works in {folder}: {holder or 'it has just begun'}. Wait until it has "
                "ended or stop it; or give this run a folder of its own with --set workspace=..."
            ) from error
        except OSError as error:
            raise unusable(folder, error) from error
        yield


def _lock_file(folder: Path) -> io.FileIO:
    """Without a buffer: a full disk then raises once, and not again when the file is closed."""
    try:
        return io.FileIO(folder / LOCK_FILE, "a+")
    except OSError as error:
        raise unusable(folder, error) from error


def _take(file: io.FileIO) -> None:
    """Locks the file; tries for half a second, because `has_run` of another process locks it for a moment.

    Raises:
      OSError: as flock.
    """
    for _ in range(TRIES - 1):
        with contextlib.suppress(BlockingIOError):
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        time.sleep(0.05)
    return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def has_run(folder: Path) -> bool:
    """Whether a run works in the folder now, and not `thaw search`; nothing is changed."""
    try:
        with (folder / LOCK_FILE).open(encoding="utf-8", errors="replace") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return not file.read().startswith(SEARCH)
    except OSError:
        return False
    return False


def check_no_pattern(place: Path | str) -> None:
    """Rejects a folder or URI in which TFX and TensorFlow would not find the files that Thaw wrote.

    Raises:
      ThawError: its absolute path contains a character of PATTERN_CHARACTERS.
    """
    path = str(place.absolute()) if isinstance(place, Path) else place
    found = [character for character in PATTERN_CHARACTERS if character in path]
    if found:
        raise ThawError(
            f"Can't use {path}: it contains {' and '.join(found)}. TFX and TensorFlow read a path with such a "
            f"character as a pattern, which matches another folder's files or none. Expected a path without "
            f"{' '.join(PATTERN_CHARACTERS)}; rename the folder, or name another with --set workspace=... and "
            "--set runs=... (the folder of the images may have any name)."
        )


def check_writable(folder: Path) -> None:
    """Makes the folder, and for a moment a file in it.

    Raises:
      ThawError: that can't be done, or its path would be read as a pattern.
    """
    check_no_pattern(folder)
    probe = folder / f".writable-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise unusable(folder, error) from error


def check_usable(folder: Path) -> None:
    """As check_writable, but makes no folder: checks the existing part of the path.

    Raises:
      ThawError: a run could not write there.
    """
    check_no_pattern(folder)
    absolute = folder.absolute()
    existing = next(path for path in (absolute, *absolute.parents) if os.path.lexists(path))
    if existing.is_dir():
        check_writable(existing)
    else:
        raise unusable(folder, NotADirectoryError(errno.ENOTDIR, f"{existing} is not a folder"))


def unusable(folder: Path, error: OSError) -> ThawError:
    """The error for a folder that can't be written."""
    return ThawError(f"Can't use the folder {folder.absolute()}: {error.strerror}. Expected one that can be written; "
                     "make room or correct its permissions, or name another with --set workspace=... or runs=..."
                     )  # fmt: skip
