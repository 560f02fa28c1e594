"""The append-only ledger: one line of JSON for each execution (cell, draw). Imports no TensorFlow and no pipeline."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from experiment.errors import REPAIR, ThawError, counted
from ledger.rows import ROW_COUNT, Header, Row, header_of, header_values, row_of, row_values
from ledger.sealed_lines import COMPUTE_AGAIN, SealedLines, digest_of, sealed_line

LEDGER_FILE = "ledger.jsonl"
UNDECISIVE = ("baseline", "test_groups")
"""Fields of a header that decide no row, and so are in no key: a sweep keeps its rows if they change. Groups decide how
wide intervals are, which are computed from the rows."""


class Ledger:
    """Appends rows to one file and finds them again by key.

    A row is flushed to disk before `append` returns, with a digest that reveals alterations. A last
    line cut short by a kill is dropped on opening, and `dropped` says how many bytes it had.

    Args:
      path: the file; made with its folders when absent.
      header: what must hold for every row; one that differs from the file's in UNDECISIVE fields alone does.

    Raises:
      ThawError: the file belongs to another sweep, can't be written, or a line that is not the last is damaged or
        altered.
    """

    def __init__(self, path: Path, header: Header):
        self.path = path
        self.dropped = 0
        self.rows: dict[str, Row] = {}
        self._file_digest = digest_of(header_values(header))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.stat().st_size:
                self.dropped = _drop_partial_line(path)
        except OSError as error:
            raise unwritable(path, error) from error
        if path.exists() and path.stat().st_size:
            lines, found, rows = _read(path)
            _check_header(path, found, header)
            self._file_digest = lines.file_digest
            self.rows = {row.key: row for row in rows}
        else:
            self._write(sealed_line("header", header_values(header)))

    def append(self, row: Row) -> None:
        """Adds one row and makes it durable.

        Raises:
          ThawError: the disk is full or the file can't be written; the ledger is then unchanged.
        """
        self._write(sealed_line("row", row_values(row), self._file_digest))
        self.rows[row.key] = row

    def _write(self, line: bytes) -> None:
        try:
            with self.path.open("ab", buffering=0) as file:
                size = file.seek(0, os.SEEK_END)
                try:
                    _write_all(file.fileno(), line)
                    os.fsync(file.fileno())
                except OSError:
                    # A part of the line would spoil the next one.
                    with contextlib.suppress(OSError):
                        file.truncate(size)
                    raise
        except OSError as error:
            raise unwritable(self.path, error) from error


class LedgerParts:
    """Rows that processes on several machines write into one folder, one file each.

    Each file has one writer: if two machines append to a file, a shared file system such as NFS loses lines of one, and
    it may not support locks.

    Args:
      folder: where the files lie; need not exist.
      header: what must hold for every row.
    """

    def __init__(self, folder: Path, header: Header):
        self.folder = folder
        self.header = header
        self._read: dict[Path, tuple[int, SealedLines]] = {}

    def new_writer(self, name: str) -> Ledger:
        """A separate file for each caller, even if another has the same name."""
        return Ledger(self.folder / f"{name}-{secrets.token_hex(4)}.jsonl", self.header)

    def new_rows(self) -> list[Row]:
        """Rows that were finished since the last call; a line that is being written waits for the next.

        Raises:
          ThawError: a file belongs to another sweep, or a whole line is damaged or altered.
        """
        return [row for path in sorted(self.folder.glob("*.jsonl")) for row in self._new_rows_of(path)]

    def _new_rows_of(self, path: Path) -> list[Row]:
        start, lines = self._read.get(path, (0, SealedLines(path)))
        with path.open("rb") as file:
            file.seek(start)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        rows = [row_of(lines, row) for row in lines.read(whole)]
        self._read[path] = (start + len(whole), lines)
        if whole and not start:
            _check_header(path, header_of(lines), self.header)
        return rows


def write_ledger(path: Path, header: Header, rows: Iterable[Row]) -> None:
    """Writes a whole ledger at once, for handing on, with the number of its rows; `path` must not exist yet."""
    rows = list(rows)
    content = {**header_values(header), ROW_COUNT: len(rows)}
    file_digest = digest_of(content)
    lines = [sealed_line("header", content), *(sealed_line("row", row_values(row), file_digest) for row in rows)]
    path.write_bytes(b"".join(lines))


def read_ledger(path: Path) -> tuple[Header, list[Row]]:
    """Reads a whole ledger that a node handed on.

    Raises:
      ThawError: the file is missing, a line is damaged or altered, or rows of write_ledger are gone; the message names
        file and line.
    """
    lines, header, rows = _read(path, REPAIR)
    if len(rows) < lines.header.get(ROW_COUNT, 0):
        were = counted(lines.header[ROW_COUNT], "row was", "rows were")
        raise lines.damaged(f"the last one, but {were} written and {counted(len(rows), 'is', 'are')} left")
    return header, rows


def _read(path: Path, advice: str = COMPUTE_AGAIN) -> tuple[SealedLines, Header, list[Row]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        absent = isinstance(error, FileNotFoundError)
        advised = advice if absent else "Correct its permissions, or use another workspace."
        raise ThawError(f"Can't read the ledger {path}: {error.strerror}. {advised}") from error
    lines = SealedLines(path, advice)
    rows = [row_of(lines, row) for row in lines.read(content)]
    return lines, header_of(lines), rows


def content_key(**parts: Any) -> str:
    """Hash of named JSON values; equal for equal content whatever the order of the names."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _check_header(path: Path, found: Header, expected: Header) -> None:
    names = [field.name for field in dataclasses.fields(Header) if field.name not in UNDECISIVE]
    other = ", ".join(name for name in names if getattr(found, name) != getattr(expected, name))
    if other:
        raise ThawError(f"The ledger {path} belongs to another sweep ({found.sweep} on {found.data}); "
                        f"it differs in {other}. Move it away, or use another workspace.")  # fmt: skip


def unwritable(path: Path, error: OSError) -> ThawError:
    """The error for a ledger, or what is next to it, that can't be written."""
    return ThawError(f"Can't write the ledger {path}: {error.strerror}. Its rows so far are kept. Make room, or "
                     "correct the folder's permissions, and run the same command again.")  # fmt: skip


def _write_all(file: int, content: bytes) -> None:
    """A full disk may take the first part of the content and refuse the rest."""
    while content:
        content = content[os.write(file, content) :]


def _drop_partial_line(path: Path) -> int:
    """Cuts off what follows the last newline; returns the number of bytes cut."""
    content = path.read_bytes()
    keep = content.rfind(b"\n") + 1
    if keep < len(content):
        with path.open("r+b") as file:
            file.truncate(keep)
    return len(content) - keep
