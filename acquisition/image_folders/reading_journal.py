"""A journal of the pictures that were read, so that an interrupted reading continues. Imports nothing from Thaw."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

RULES = 1
"""Raise it when the result of reading changes: pictures read under older rules are then read again."""
_NOTES, _WRITTEN = "notes.jsonl", "pictures.bin"

Values = tuple[str, bytes, int, int, None]
"""Id, fingerprint, checksum and size in bytes of a picture; no bytes, since they were written earlier."""


class ReadingJournal:
    """Notes of pictures that were read, and the bytes of those that were re-encoded.

    A note is a line for one path, size and modification time; it is written after the bytes that it names. Reading ends
    at a line that is cut off.

    Args:
      written: bytes of pictures, up to the end that the last note gives.
      notes: a file of lines, to continue with; none: nothing is kept beyond this process.
    """

    def __init__(self, written: BinaryIO, notes: BinaryIO | None):
        self.written = written
        self._notes = notes
        self._known: dict[str, tuple[Values, int | None]] = {}
        self._end = 0
        if notes is not None:
            self._read()

    def key(self, path: Path, reduced: bool) -> str:
        """What identifies a note; an inaccessible file gets a key that no note has."""
        try:
            found = path.stat()
        except OSError:
            return ""
        told = f"{RULES} {path} {found.st_size} {found.st_mtime_ns} {reduced}"
        return hashlib.sha256(told.encode(errors="surrogateescape")).hexdigest()[:32]

    def known(self, key: str) -> tuple[Values, int | None] | None:
        """The noted picture, and the place of its bytes if it was re-encoded."""
        return self._known.get(key)

    def __len__(self) -> int:
        return len(self._known)

    def note(self, key: str, values: tuple[str, bytes, int, int], content: bytes | None) -> int | None:
        """Adds a note; returns the place of the re-encoded bytes, if any."""
        start = None
        if content is not None:
            start = self._end
            self.written.seek(start)
            self._end += self.written.write(content)
        if self._notes is not None and key:
            image_id, fingerprint, checksum, size = values
            self.written.flush()
            line = [key, image_id, base64.b64encode(fingerprint).decode(), checksum, size, start]
            self._notes.write(json.dumps(line).encode() + b"\n")
            self._notes.flush()
        return start

    def _read(self) -> None:
        assert self._notes is not None
        self._notes.seek(0)
        length = self.written.seek(0, 2)
        sound = 0
        for line in self._notes:
            try:
                key, image_id, fingerprint, checksum, size, start = json.loads(line)
                values = str(image_id), base64.b64decode(fingerprint), int(checksum), int(size), None
            except (ValueError, TypeError):
                break
            if not line.endswith(b"\n") or (start is not None and start + size > length):
                break
            self._known[key] = values, start
            self._end = max(self._end, 0 if start is None else start + size)
            sound += len(line)
        self._notes.seek(sound)
        self._notes.truncate()


@contextlib.contextmanager
def reading_journal(folder: Path | None, place: Path | None = None) -> Iterator[ReadingJournal]:
    """A journal in a folder, which stays there if the block raises.

    Args:
      folder: of the journal, made if missing; if none, or locked by another process, nothing is kept.
      place: folder with room for temporary data; none: the system's folder for temporary files.
    """
    # While another process has the journal, there is nothing to continue from.
    with contextlib.ExitStack() as opened:
        notes = None if folder is None else opened.enter_context(_held_notes(folder))
        if folder is None or notes is None:
            yield ReadingJournal(opened.enter_context(tempfile.TemporaryFile(dir=place)), None)
            return
        (folder / _WRITTEN).touch()
        yield ReadingJournal(opened.enter_context((folder / _WRITTEN).open("r+b")), notes)
        shutil.rmtree(folder)


@contextlib.contextmanager
def _held_notes(folder: Path) -> Iterator[BinaryIO | None]:
    """The file of notes, locked; None if another process holds the lock."""
    folder.mkdir(exist_ok=True)
    with (folder / _NOTES).open("a+b") as notes:
        try:
            fcntl.flock(notes, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield notes
