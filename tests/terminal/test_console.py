"""Consoles, bars and messages with names of users that look like markup."""

import io
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.progress import BarColumn, DownloadColumn, TimeElapsedColumn
from rich.table import Table

from experiment.errors import ThawError, printable
from pipeline.runner.process import prepare_process
from terminal import console

HOSTILE = ("[/b]", "[red]", "$x_1$", "<script>", "{{7*7}}", "%s", "{0}", "`|`", ":cat:", "🌷", "a\\", "[link=x]")


@pytest.mark.parametrize("name", HOSTILE)
def test_lines_tables_and_bars_show_a_name_as_it_is(name: str) -> None:
    file = io.StringIO()
    out = console.console(file=file)
    table = Table(name, title=name, caption=name)
    table.add_row(name)
    out.print(table)
    out.print(name)
    out._force_terminal = True
    with console.progress_in(out) as bar:
        bar.add_task(name, total=1)
    assert file.getvalue().count(name) >= 6


def test_a_long_name_is_cut_before_a_time_or_a_size_is() -> None:
    file = io.StringIO()
    out = console.console(file=file)
    out._force_terminal, out.width = True, 60
    columns = BarColumn(), DownloadColumn(table_column=console.WHOLE), TimeElapsedColumn(table_column=console.WHOLE)
    with console.progress_in(out, console.CutWords("{task.description}"), *columns) as bar:
        bar.add_task("mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5", total=9_406_464)
    assert "mobilenet" in file.getvalue() and "no_top.h5" not in file.getvalue()
    assert "0.0/9.4 MB" in file.getvalue() and "0:00:00" in file.getvalue()


@given(st.text(st.characters(codec=None, categories=None), max_size=20))
def test_a_message_can_always_be_printed(text: str) -> None:
    shown = str(ThawError(text))
    shown.encode()
    assert shown.replace("\n", "").isprintable()
    assert printable(shown) == shown


def test_a_message_keeps_what_can_be_printed() -> None:
    assert str(ThawError("日本 語\n`[/b]`")) == "日本 語\n`[/b]`"
    assert str(ThawError("\udcff.png \x1b[2J")) == "\\udcff.png \\x1b[2J"


def test_standard_output_takes_names_that_are_not_utf_8() -> None:
    code = ("import os; from pipeline.runner.process import prepare_process; prepare_process(os.environ); "
            "from terminal.console import console; console().print('\\udcff.png'); print('\\udcfe')")  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONUTF8": "1"}
    )
    assert (done.returncode, done.stdout) == (0, "\\udcff.png\n\\udcfe\n"), done.stderr


def test_streams_of_other_kinds_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    prepare_process({})


def test_a_terminal_that_says_it_has_no_columns_gets_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "0")
    written = io.StringIO()
    console.console(file=written).print("a line")
    assert written.getvalue() == "a line\n"
