"""Keeps the terminal for Thaw's own lines: everything else goes to the run's log. Imports no TensorFlow."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

RUN_LOG = "log.txt"
"""In a run's folder."""
NODE_STATE = re.compile(r"Component (?P<node>\S+) is (?P<state>running|finished)\.")


@contextlib.contextmanager
def output_to_log(path: Path) -> Iterator[None]:
    """Sends standard error, Python's sys.stdout and all logging to a file.

    Native libraries write to file descriptor 2 directly, so the descriptor itself is redirected. `sys.__stdout__`
    stays the terminal: that is where Thaw writes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.flush()
    terminal = os.dup(2)
    with path.open("a", encoding="utf-8", buffering=1) as log:
        os.dup2(log.fileno(), 2)
        try:
            with contextlib.redirect_stdout(log):
                yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)


class NodeWatcher(logging.Handler):
    """Says when a node of the DAG begins, from the lines that TFX's local runner logs.

    Args:
      total: nodes in the DAG.
      say: told one line per node.
    """

    def __init__(self, total: int, say: Callable[[str], None]):
        super().__init__(logging.INFO)
        self.total = total
        self.begun = 0
        self.node = ""
        self.started = time.monotonic()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        match = NODE_STATE.search(record.getMessage())
        if match is None:
            return
        if match["state"] == "running":
            self.begun += 1
            self.node = match["node"]
            self.started = time.monotonic()
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
