"""Tables that never cut or break a name or a figure: laid out as blocks if they don't fit. Imports only rich."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

UNBOUNDED = 10_000
"""Width of a terminal that every table fits."""
WORDS = ("sweep", "transfer", "curve", "class", "file", "verdict", "A's", "B's")
"""Left-aligned columns; figures are right-aligned."""


class FittingTable:
    """A table if it fits the terminal; otherwise a block per row, with each `column: field` on its own line.

    All texts are plain: nothing of a user's is read as markup.

    Args:
      table: with title, caption and columns, without rows; names of columns may have several lines.
      rows: fields of each row as the table shows them, likewise.
      names: heading of each row's block; none: the row's first field.
    """

    def __init__(self, table: Table, rows: Sequence[Sequence[str | Text]], names: Sequence[str] = ()):
        self.table = table
        self.rows = [[Text(field) if isinstance(field, str) else field for field in row] for row in rows]
        self.names = names or [_one_line(row[0]).plain for row in self.rows]
        table.title, table.caption = (Text(text) if isinstance(text, str) else text
                                      for text in (table.title, table.caption))  # fmt: skip
        for column in table.columns:
            column.no_wrap = True
        for row in self.rows:
            table.add_row(*row)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        if self._fits(console, options):
            yield self.table
            return
        for text in (self.table.title, *self._blocks(options.max_width), self.table.caption):
            if isinstance(text, Text):
                yield text

    def _blocks(self, width: int) -> Iterator[Text]:
        """Each row as lines: its name, which breaks only between source and architecture, then its fields."""
        headings = [_one_line(Text(str(column.header))).plain for column in self.table.columns]
        for name, row in zip(self.names, self.rows, strict=True):
            yield Text(name if len(name) <= width else name.replace("__", "__\n"), style="bold")
            for heading, field in zip(headings[1:], row[1:], strict=True):
                label = f"  {heading}: " if heading else "  "
                yield Text.assemble(label, _one_line(field))

    def _fits(self, console: Console, options: ConsoleOptions) -> bool:
        natural = Measurement.get(console, options.update_width(UNBOUNDED), self.table).maximum
        return natural <= options.max_width


def _one_line(field: Text) -> Text:
    """The field's lines as one; a hyphen at the end of a line joins its word to the next line's."""
    lines = field.split("\n")
    joined = lines[0].copy()
    for line in lines[1:]:
        joined.append("" if joined.plain.endswith("-") else " ").append_text(line)
    return joined


def between(fewest: int, most: int, bound: str = "") -> str:
    """A count: `3 to 5` for a range, else its upper end after the bound, as in `at most 5`."""
    return f"{fewest} to {most}" if 0 < fewest < most else f"{bound}{most}"


def in_two_lines(transfer: str) -> str:
    """A transfer's name, its source above its architecture: whole names need 80 columns for themselves."""
    return transfer.replace("__", "\n")


def empty_table(*columns: str, title: str | None = None, caption: str | None = None) -> Table:
    """A table without rows whose columns of WORDS are left-aligned."""
    table = Table(
        title=None if title is None else Text(title), title_justify="left",
        caption=None if caption is None else Text(caption), caption_justify="left",
    )  # fmt: skip
    for column in columns:
        table.add_column(column, justify="left" if column in WORDS else "right")
    return table
