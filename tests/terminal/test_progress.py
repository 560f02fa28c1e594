"""What a sweep's progress shows where standard output is not a terminal."""

from __future__ import annotations

import pytest

from terminal.progress import clock_time, work_bar
from terminal.time_left import Piece, TimeLeft


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00:00"), (65, "0:01:05"), (3599.6, "1:00:00")])
def test_the_time_left_is_shown_as_a_clock_shows_it(seconds, shown):
    assert clock_time(seconds) == shown


def test_lines_say_how_long_it_takes_by_cost_and_not_by_count(capfd):
    left = TimeLeft(1, lambda: 0.0)
    left.plan({name: Piece(name, "k", seconds) for name, seconds in (("short", 1.0), ("long", 600.0))})
    with work_bar("sweep", 2, left) as advance:
        left.ended("short", 1.0)
        advance("first")
        left.ended("long", 600.0)
        advance("last")
    assert capfd.readouterr().out.splitlines() == [
        "  sweep: 1 of 2, about 0:10:00 left  first", "  sweep: 2 of 2  last",
    ]  # fmt: skip
