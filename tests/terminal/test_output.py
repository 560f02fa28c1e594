"""Standard output that a command can't write to: full, closed, or a pipe that nobody reads. Real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")
COMMAND = """
import os, sys
from pipeline.runner import process
process.prepare_process(os.environ)
from terminal import console, progress
from thaw.options import print_json

def command():
    {command}
    open("done", "w").close()

sys.exit(process.exit_status(command, os.environ))
"""
SHORT = {"a table": "console.console().print('x')", "JSON": "print_json({'x': 1})"}
LONG = "[progress.console().print('x' * 100_000) for _ in range(3)]"


def ended(folder: Path, command: str, **streams: object) -> tuple[int, str, bool]:
    """Runs the command in an empty folder: status, what it said on standard error, whether it came to its end."""
    process = subprocess.run(
        [sys.executable, "-c", COMMAND.format(command=command)], cwd=folder, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}, **streams,
    )  # fmt: skip
    return process.returncode, process.stderr, (folder / "done").exists()


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("name", SHORT)
def test_a_result_that_cannot_be_written_ends_in_words_and_status_1(tmp_path: Path, name: str) -> None:
    with FULL.open("w") as full:
        status, said, done = ended(tmp_path, SHORT[name], stdout=full)
    assert (status, done, "Traceback" in said) == (1, False, False), said
    assert "Can't write to standard output: No space left on device" in said


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("option", ["--help", "--version"])
def test_what_click_writes_by_itself_ends_in_the_same_words(tmp_path: Path, option: str) -> None:
    with FULL.open("w") as full:
        command = f"sys.argv[1:] = [{option!r}]; from thaw import main; main._run()"
        status, said, _ = ended(tmp_path, command, stdout=full)
    assert (status, said.count("Can't write to standard output"), "Traceback" in said) == (1, 1, False), said


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
def test_long_work_is_finished_though_its_lines_cannot_be_written_and_says_so(tmp_path: Path) -> None:
    with FULL.open("w") as full:
        status, said, done = ended(tmp_path, LONG, stdout=full)
    assert (status, done) == (1, True) and said.count("No space left on device") == 1, said


def test_long_work_is_finished_though_nobody_reads_its_lines(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    status, said, done = ended(tmp_path, LONG, stdout=writing)
    os.close(writing)
    assert (status, said, done) == (0, "", True)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_closed_stream_is_not_taken_by_the_next_file_that_is_opened(tmp_path: Path, number: int) -> None:
    """`>&-` in a shell: otherwise printed text would be written into it."""
    command = "assert open('mine', 'w').fileno() > 2; print('x', flush=True); print('x', file=sys.stderr); " + LONG
    outputs = {"stdout": subprocess.DEVNULL} if number != 1 else {}
    status, said, done = ended(tmp_path, command, preexec_fn=lambda: os.close(number), **outputs)
    assert (status, said.strip() in ("", "x"), done) == (0, True, True), said
    assert (tmp_path / "mine").read_text() == ""
