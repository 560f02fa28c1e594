"""What the user sees while models train; written to the process's own standard output. Imports no model code."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TimeElapsedColumn, TimeRemainingColumn

from terminal import console as terminal


def console() -> Console:
    """A console on the terminal itself, whatever Python's own sys.stdout has been redirected to."""
    stream = sys.__stdout__ or sys.stdout
    return terminal.console(file=stream, soft_wrap=not stream.isatty())


@contextlib.contextmanager
def progress_bar(label: str, total: int) -> Iterator[Callable[[str], None]]:
    """Shows a bar with the time left; the function it yields counts one done and shows a note.

    Where standard output is not a terminal (CI, a pod's log) it prints a line now and then instead.
    """
    out = console()
    if not out.is_terminal:
        yield _line_printer(out, label, total)
        return
    columns = (
        terminal.words("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        terminal.words("left"), TimeRemainingColumn(), terminal.words("{task.fields[note]}"),
    )  # fmt: skip
    with terminal.progress_in(out, *columns) as progress:
        task = progress.add_task(label, total=total, note="")
        yield lambda note: progress.update(task, advance=1, note=note)


def _line_printer(out: Console, label: str, total: int) -> Callable[[str], None]:
    done = 0
    every = max(1, total // 4)

    def advance(note: str) -> None:
        nonlocal done
        done += 1
        if done % every == 0 or done == total:
            out.print(f"  {label}: {done} of {total}  {note}")

    return advance
