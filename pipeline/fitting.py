"""Tables that never cut or break a name or a figure: laid out as blocks where they don't fit. Imports rich alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text


UNBOUNDED = 10_000
"""Columns of a terminal that every table fits."""


class FittingTable:
    """A table where it fits the terminal; else a block a row, `column: field` in lines of their own.

    All texts are plain: nothing of a user's is read as markup.

    Args:
      table: with title, caption and columns, without rows; names of columns may have several lines.
      wide: fields of each row as the table shows them.
      narrow: lines of each row as its block shows them; the first is its heading.
    """

    def __init__(self, table: Table, wide: Sequence[Sequence[str | Text]], narrow: Sequence[Sequence[str | Text]] = ()):
        self.table = table
        for row in wide:
            self.table.add_row(*(Text(field) if isinstance(field, str) else field for field in row))
        headings = [_one_line(str(column.header)) for column in table.columns]
        self.blocks = narrow or [
            [_one_line(row[0]), *(_labelled(heading, field) for heading, field in zip(headings[1:], row[1:], strict=True))]
            for row in wide
        ]
        for column in table.columns:
            column.no_wrap = True

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        if self._fits(console, options):
            yield self.table
            return
        for text in (self.table.title, *self._lines(), self.table.caption):
            if text:
                yield Text(text, overflow="fold") if isinstance(text, str) else text

    def _lines(self) -> Iterator[Text]:
        for heading, *fields in self.blocks:
            yield Text(str(heading), style="bold", overflow="fold")
            for field in fields:
                line = field.copy() if isinstance(field, Text) else Text(field)
                line.pad_left(2)
                line.overflow = "fold"
                yield line

    def _fits(self, console: Console, options: ConsoleOptions) -> bool:
        natural = Measurement.get(console, options.update_width(UNBOUNDED), self.table).maximum
        return natural <= options.max_width


def _one_line(field: str | Text) -> str:
    return " ".join(str(field).split("\n")).replace("- ", "-")


def _labelled(heading: str, field: str | Text) -> Text:
    text = field.copy() if isinstance(field, Text) else Text(field)
    return Text(f"{heading}: ") + Text(" ").join(text.split("\n"))
