"""What the user sees while models train; written to the process's own standard output. Imports no model code."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import IO, cast

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from terminal import console as terminal
from terminal.output import Output
from terminal.time_left import TimeLeft

BAR_WIDTH = 20


def console() -> Console:
    """A console on the terminal itself, whatever Python's own sys.stdout has been redirected to.

    A terminal that accepts no text does not end a training.
    """
    stream = sys.__stdout__ or sys.stdout
    return terminal.console(file=cast(IO[str], Output(stream, lasting=True)), soft_wrap=not stream.isatty())


@contextlib.contextmanager
def progress_bar(label: str, total: int) -> Iterator[Callable[[str], None]]:
    """Shows a bar of trainings with the time left; the function it yields counts one done and shows a note.

    Where standard output is not a terminal (CI, a pod's log) it prints a line now and then instead.
    """
    out = console()
    if not out.is_terminal:
        yield _line_printer(out, label, total, "trainings")
        return
    columns = (
        terminal.words("{task.description}"), BarColumn(BAR_WIDTH), MofNCompleteColumn(table_column=terminal.WHOLE),
        TimeElapsedColumn(table_column=terminal.WHOLE), terminal.words("left"),
        TimeRemainingColumn(table_column=terminal.WHOLE), terminal.CutWords("{task.fields[note]}"),
    )  # fmt: skip
    with terminal.progress_in(out, *columns) as progress:
        task = progress.add_task(label, total=total, note="")
        yield lambda note: progress.update(task, advance=1, note=note)


@contextlib.contextmanager
def work_bar(
    label: str, total: int, time_left: TimeLeft, unit: str = "parts"
) -> Iterator[Callable[[str], None]]:  # fmt: skip
    """Like progress_bar, for pieces that take different times: the bar and the time left count their cost.

    Args:
      label: in front.
      total: pieces, at most.
      time_left: knows when each ends, before it is counted here.
      unit: what lines call pieces. A source, whose module is in the keys of ledgers, leaves it out.
    """
    out = console()
    if not out.is_terminal:
        yield _line_printer(out, label, total, unit, lambda: time_left.seconds)
        return
    columns = (
        terminal.words("{task.description}"), BarColumn(BAR_WIDTH),
        terminal.words("{task.fields[done]}/{task.fields[pieces]}"), TimeElapsedColumn(table_column=terminal.WHOLE),
        terminal.words("left"), _Left(table_column=terminal.WHOLE), terminal.CutWords("{task.fields[note]}"),
    )  # fmt: skip
    with terminal.progress_in(out, *columns) as progress:
        task = progress.add_task(label, total=None, note="", done=0, pieces=total, ends=None)
        done = 0

        def advance(note: str) -> None:
            nonlocal done
            done += 1
            left, elapsed = time_left.seconds, progress.tasks[0].elapsed or 0.0
            ends, whole = progress.get_time() + left, max(elapsed + left, 1e-9)
            progress.update(task, total=whole, completed=elapsed, done=done, ends=ends, note=note)

        yield advance


class _Left(ProgressColumn):
    """Counts down to the moment at which the task is expected to end."""

    def render(self, task: Task) -> Text:
        ends = task.fields["ends"]
        return Text("-:--:--" if ends is None else clock_time(max(0.0, ends - task.get_time())), "progress.remaining")


def clock_time(seconds: float) -> str:
    """Such as `0:01:05`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _line_printer(
    out: Console, label: str, total: int, unit: str, seconds_left: Callable[[], float] | None = None
) -> Callable[[str], None]:
    done = 0
    every = max(1, total // 4)

    def advance(note: str) -> None:
        nonlocal done
        done += 1
        if done % every == 0 or done == total:
            left = seconds_left() if seconds_left else 0.0
            # Rows that a ledger has are counted before it is known what else there is to do.
            about = f", about {clock_time(left)} left" if left >= 1 and done < total else ""
            out.print(f"  {label}: {done} of {total} {unit}{about}  {note}")

    return advance
