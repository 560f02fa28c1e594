"""Standard streams that may stop accepting text: a reader that ends, a closed terminal, a full disk. Imports
nothing."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any, TextIO


class Output:
    """A stream to write to.

    Args:
      stream: standard output or error.
      lasting: text that the stream does not accept is dropped, for work that takes hours or messages next to a result;
        otherwise it raises OSError, since a result that nobody sees is useless.
    """

    lost: OSError | None = None
    """Why this process's standard output did not accept a text; None: it accepted all."""

    def __init__(self, stream: TextIO, *, lasting: bool):
        self._stream = stream
        self._lasting = lasting

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """The number of characters, written or dropped."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._lose(error)
        return len(text)

    def flush(self) -> None:
        """Writes what is in the buffer."""
        try:
            self._stream.flush()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        if self._stream is not sys.__stderr__:
            Output.lost = Output.lost or error
        if not self._lasting:
            raise Output.lost or error  # the first one says what ended the process


def flushed() -> OSError | None:
    """Writes what standard output has in its buffer and returns Output.lost.

    What it does not accept is dropped: Python would try again at exit, and fail with another exit status.
    """
    stream = sys.__stdout__
    if stream is None:
        return None
    try:
        Output(stream, lasting=False).flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    return Output.lost


def open_closed_streams() -> None:
    """Opens /dev/null for closed standard streams: otherwise the next file opened would get the number of one of
    them."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        with contextlib.suppress(OSError):
            os.fstat(number)
            continue
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
        os.set_inheritable(number, True)
        stream = os.fdopen(number, mode, encoding="utf-8", closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
