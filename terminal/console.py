"""Consoles and progress bars that read no text as markup. Imports only rich."""

from __future__ import annotations

import sys
from typing import IO, cast

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from terminal.output import Output

USUAL_WIDTH = 80
"""Characters in a line if a terminal reports a width of 0."""


def console(
    *, file: IO[str] | None = None, stderr: bool = False, quiet: bool = False, soft_wrap: bool = False
) -> Console:
    """A console that shows names of classes and files as they are; rich.text.Text carries styles.

    Args:
      file: where it writes; none: standard output, or standard error.
      stderr: the latter.
      quiet: writes nothing.
      soft_wrap: long lines are not broken.
    """
    if file is None and (stream := sys.stderr if stderr else sys.stdout) is not None:
        file = cast(IO[str], Output(stream, lasting=stderr))
    made = Console(file=file, stderr=stderr, quiet=quiet, soft_wrap=soft_wrap, highlight=False, markup=False,
                   emoji=False)  # fmt: skip
    if not made.width:  # COLUMNS=0, as terminals without a size have it: Rich would write nothing
        made.width = USUAL_WIDTH
    return made


WHOLE = Column(no_wrap=True)
"""A progress bar's column that keeps its width; Rich would narrow columns of times first."""


def words(template: str) -> TextColumn:
    """A column of a progress bar, such as `{task.description}`; Rich's own would read markup in it."""
    return TextColumn(template, markup=False)


class CutWords(TextColumn):
    """Like `words`, for long text: if the terminal is too narrow, only this column is cut."""

    def __init__(self, template: str):
        super().__init__(template, markup=False, table_column=Column())

    def render(self, task: Task) -> Text:
        text = super().render(task)
        text.no_wrap, text.overflow = True, "ellipsis"
        return text


def progress_in(terminal: Console, *columns: ProgressColumn, transient: bool = False) -> Progress:
    """A progress bar.

    Args:
      terminal: where it is shown; nothing is shown where that is not a terminal.
      columns: what it shows; none: description, bar, percentage and time left.
      transient: it vanishes when done.
    """
    shown = columns or (words("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*shown, console=terminal, transient=transient, disable=not terminal.is_terminal)
