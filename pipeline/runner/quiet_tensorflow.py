"""Keeps the lines that TensorFlow 2.21 writes at every start off the terminal. Imports nothing from Thaw, no
TensorFlow."""

from __future__ import annotations

import contextlib
import importlib.machinery
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

# TensorFlow writes these before it reads TF_CPP_MIN_LOG_LEVEL. They do not help a user: oneDNN is wanted, and `thaw
# doctor` reports an unused GPU.
_EVERY_START = re.compile(
    rb"All log messages before absl::InitializeLog\(\)|oneDNN custom operations are on|Could not find cuda drivers"
    rb"|TensorFlow binary is optimized to use available CPU|To enable the following instructions:"
)
_terminal = 2
"""File descriptor that the user sees: not 2 while TensorFlow loads."""


def write_to_terminal(text: str) -> None:
    """Writes to stderr, even while its output is held back; for handlers of signals."""
    os.write(_terminal, text.encode())


class QuietTensorFlow:
    """Finds the package `tensorflow` and lets it load without these lines; all others go to stderr after it.

    Put the first of `sys.meta_path`. A crash during TensorFlow's import loses its output.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """TensorFlow's spec, with a loader that holds stderr back; None for any other module."""
        if name != "tensorflow":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            load = loader.exec_module

            def load_quietly(module: ModuleType) -> None:
                with _without_lines_of_every_start():
                    load(module)

            loader.exec_module = load_quietly
        return spec


@contextlib.contextmanager
def _without_lines_of_every_start() -> Iterator[None]:
    """Context that holds back what the process and its children write to file descriptor 2; the other lines follow at
    the end."""
    global _terminal
    try:
        kept = _terminal = os.dup(2)
    except OSError:  # closed: no output can be seen
        yield
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(kept, 2)
            _terminal = 2
            os.close(kept)
            held.seek(0)
            with contextlib.suppress(OSError):  # nobody reads it now
                os.write(2, b"".join(line for line in held if not _EVERY_START.search(line)))
