"""Keeps the terminal for Thaw's own lines: everything else goes to the run's log. Imports no TensorFlow."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from pipeline.runs.run_files import damaged

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

RUN_LOG = "log.txt"
"""In a run's folder."""
NODE_STATE = re.compile(r"Component (?P<node>\S+) is (?P<state>running|finished)\.")


@contextlib.contextmanager
def output_to_log(path: Path) -> Iterator[None]:
    """Sends standard error, Python's sys.stdout and all logging to a file, with the traceback of an error that ends the
    context.

    Native libraries write to file descriptor 2 directly, so the descriptor itself is redirected. `sys.__stdout__` stays
    the terminal: that is where Thaw writes. If the log can't be written, the run continues: the terminal gets a
    message, and the output is lost.
    """
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(_opened(path))
        sys.stderr.flush()
        terminal = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            with contextlib.redirect_stdout(log):
                yield
        except BaseException as error:
            with contextlib.suppress(OSError):
                traceback.print_exception(error, file=log)
            raise
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)


def _opened(path: Path) -> TextIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _LastingFile(path, "a")
    except OSError as error:
        print(f"Can't write {path}: {error.strerror}. The output of libraries is lost.", file=sys.stderr)
        file = _LastingFile(os.devnull, "a")
    return io.TextIOWrapper(io.BufferedWriter(file), "utf-8", "backslashreplace", line_buffering=True)


class _LastingFile(io.FileIO):
    """A file that drops output if its disk is full, so that code that prints a line does not fail."""

    def write(self, content: ReadableBuffer) -> int:
        """The number of bytes, written or dropped."""
        try:
            return super().write(content)
        except OSError:
            return memoryview(content).nbytes


class NodeWatcher(logging.Handler):
    """Reports when a node of the DAG begins, from the lines that TFX's local runner logs.

    Args:
      say: called with one line per node.

    Attributes:
      total: nodes in the DAG, set before they run.
      node: the running one; empty if no node runs.
    """

    def __init__(self, say: Callable[[str], None]):
        super().__init__(logging.INFO)
        self.total = 0
        self.begun = 0
        self.node = ""
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        match = NODE_STATE.search(record.getMessage())
        if match is None:
            return
        if match["state"] == "running":
            self.begun += 1
            self.node = match["node"]
            self._say(f"[{self.begun}/{self.total}] {self.node}")
        else:
            self.node = ""


@contextlib.contextmanager
def watched(watcher: NodeWatcher) -> Iterator[None]:
    """Attaches the watcher to the logger that TFX uses and keeps it at INFO.

    TensorFlow raises that logger's level in the middle of a run, which would end the lines about nodes.
    """
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(watcher)
    vars(logger)["setLevel"] = lambda level: None
    try:
        yield
    finally:
        del vars(logger)["setLevel"]
        logger.setLevel(level)
        logger.removeHandler(watcher)


def lines_of(log: Path) -> list[str]:
    """A log's lines that are not blank.

    Raises:
      ThawError: it can't be read, for instance because it is a folder.
    """
    try:
        text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    except OSError as error:
        raise damaged(log, error) from error
    return [line.strip() for line in text.splitlines() if line.strip()]
