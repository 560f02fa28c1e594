"""Keeps what TensorFlow 2.21 writes at every start off the terminal. Imports nothing of ours, no TensorFlow."""

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

# TensorFlow writes these before it reads TF_CPP_MIN_LOG_LEVEL. They tell a user nothing: oneDNN is wanted, and a GPU
# that is not used is reported by `thaw doctor`.
_EVERY_START = re.compile(
    rb"All log messages before absl::InitializeLog\(\)|oneDNN custom operations are on|Could not find cuda drivers"
    rb"|TensorFlow binary is optimized to use available CPU|To enable the following instructions:"
)


class QuietTensorFlow:
    """Finds the package `tensorflow` and lets it load without these lines; all others go to stderr after it.

    Put the first of `sys.meta_path`. A crash within TensorFlow's import loses what it wrote.
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
    """Within, what the process writes to file descriptor 2 is held back; at the end the rest of it is written there."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            os.write(2, b"".join(line for line in held if not _EVERY_START.search(line)))
