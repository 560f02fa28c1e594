"""What a sweep's progress shows, on a terminal and elsewhere."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from terminal.progress import clock_time, work_bar
from terminal.time_left import Piece, TimeLeft


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00:00"), (65, "0:01:05"), (3599.6, "1:00:00")])
def test_the_time_left_is_shown_as_a_clock_shows_it(seconds, shown):
    assert clock_time(seconds) == shown


def test_lines_say_how_long_it_takes_by_cost_and_not_by_count(capfd):
    left = TimeLeft(1, lambda: 0.0)
    left.plan({name: Piece(name, "k", seconds) for name, seconds in (("short", 1.0), ("long", 600.0))})
    with work_bar("sweep", 2, left, "trainings") as advance:
        left.ended("short", 1.0)
        advance("first")
        left.ended("long", 600.0)
        advance("last")
    assert capfd.readouterr().out.splitlines() == [
        "  sweep: 1 of 2 trainings, about 0:10:00 left  first", "  sweep: 2 of 2 trainings  last",
    ]  # fmt: skip


def test_a_source_is_counted_in_parts(capfd):
    with work_bar("train cats_dogs", 1, TimeLeft(1)) as advance:
        advance("val 61.0%")
    assert capfd.readouterr().out == "  train cats_dogs: 1 of 1 parts  val 61.0%\n"


@pytest.mark.parametrize("width", [60, 80, 130])
def test_a_narrow_terminal_cuts_the_note_and_neither_count_nor_times(width):
    """In a process on a real terminal of so many columns."""
    program = """
import time
from terminal.progress import work_bar
from terminal.time_left import Piece, TimeLeft
left = TimeLeft(1, lambda: 0.0)
left.plan({name: Piece(name, "k", 600.0) for name in "ab"})
with work_bar("confirm", 30, left) as advance:
    left.ended("a", 600.0)
    advance("all_but_target__remastered n=1000 k=8 fine-tuned val 99.9% (diverged)")
"""
    shown = on_a_terminal([sys.executable, "-c", program], width)
    last = [line for line in shown if "confirm" in line][-1]
    assert re.match(r"confirm\W+1/30 0:00:0\d left 0:(10:00|09:5\d) all", last)
    assert len(last) <= width
    assert last.endswith("…" if width < 130 else "(diverged)")


def on_a_terminal(command, width):
    """Lines that a command writes to a terminal, without what moves the cursor and colours them."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "", "LINES": ""}
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    found = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while content := os.read(ours, 4096):
            found += content
    os.close(ours)
    assert process.wait() == 0
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", found.decode()).replace("\r", "\n").splitlines()
