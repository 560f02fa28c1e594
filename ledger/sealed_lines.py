"""JSON lines that show an altered one: each carries a digest of its content. Imports no TensorFlow, no ledger."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiment.errors import ThawError, listed

COMPUTE_AGAIN = "Restore the file from a copy, or delete it to compute the sweep again."


def digest_of(content: Any, file_digest: str = "") -> str:
    """Digest of a JSON value, 32 hexadecimal digits; the digest of its file's header binds it to that file."""
    text = json.dumps([file_digest, content], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def sealed_line(kind: str, content: dict[str, Any], file_digest: str = "") -> bytes:
    """One line, its newline included.

    Args:
      kind: what the content is filed under.
      content: JSON values by name.
      file_digest: digest_of the file's header; empty for the header itself.
    """
    line = {kind: content, "digest": digest_of(content, file_digest)}
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


class SealedLines:
    """Reads a file of sealed lines, a header first, piece by piece, and checks every line.

    Args:
      path: only for messages.
      advice: what to do about a damaged line.

    Attributes:
      header: the first line's content, once it was read.
    """

    def __init__(self, path: Path, advice: str = COMPUTE_AGAIN):
        self.path = path
        self._advice = advice
        self.header: dict[str, Any] = {}
        self._lines = 0

    def read(self, content: bytes) -> Iterator[dict[str, Any]]:
        """Yields the rows of further whole lines; the last one's newline may be missing.

        Raises:
          ThawError: the file has no header, or a line is damaged or altered; the message names file and line.
        """
        for raw in content.removesuffix(b"\n").split(b"\n") if content else []:
            self._lines += 1
            line = self._parsed(raw)
            if self._lines == 1:
                self._read_header(line)
            else:
                yield self._content(line, "row", self.file_digest)

    @property
    def file_digest(self) -> str:
        """What the digests of this file's rows begin with."""
        return digest_of(self.header)

    def damaged(self, reason: object) -> ThawError:
        """The error for the line read last."""
        return ThawError(f"{self.path}, line {self._lines}: damaged or altered ({reason}). {self._advice}")

    def _read_header(self, line: dict[str, Any]) -> None:
        if "header" not in line:
            raise ThawError(f"{self.path} is not a ledger of Thaw: its first line should be the header. Move it away, "
                            "or use another workspace.")  # fmt: skip
        self.header = self._content(line, "header", "")

    def _parsed(self, raw: bytes) -> dict[str, Any]:
        try:
            line = json.loads(raw)
        except (ValueError, RecursionError) as error:  # neither JSON nor UTF-8; or nested without end
            raise self.damaged(error) from error
        if not isinstance(line, dict):
            raise self.damaged(f"expected an object, found {type(line).__name__}")
        return line

    def _content(self, line: dict[str, Any], kind: str, file_digest: str) -> dict[str, Any]:
        content = line.get(kind)
        if not isinstance(content, dict) or line.keys() != {kind, "digest"}:
            raise self.damaged(f"expected a {kind} and its digest, found {listed(sorted(line))}")
        if line["digest"] != digest_of(content, file_digest):
            raise self.damaged(f"its content does not match its digest {line['digest']!r}")
        return content
