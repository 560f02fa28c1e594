"""Standard streams that may stop taking text: a reader that ends, a closed terminal, a full disk. Imports nothing."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any, TextIO


class Output:
    """A stream to write to.

    Args:
      stream: standard output or error.
      lasting: what it does not take is dropped, for work that takes hours, or messages beside a result; else an OSError
        is raised, as a result that nobody sees is of no use.
    """

    lost: OSError | None = None
    """Why this process's standard output did not take something; none: it took all."""

    def __init__(self, stream: TextIO, *, lasting: bool):
        self._stream = stream
        self._lasting = lasting

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Characters that were taken or dropped."""
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
            raise Output.lost or error  # the first: by it the process knows what ended it


def flushed() -> OSError | None:
    """Writes what standard output has in its buffer; then as Output.lost.

    What it does not take is dropped: Python would try again when the process ends, and fail with a status of its own.
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
    """Makes standard streams that are closed /dev/null: the next file opened would else be taken for one of them."""
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
