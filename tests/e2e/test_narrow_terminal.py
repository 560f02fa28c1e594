"""What commands print of a whole run on a terminal that is narrower than their tables."""

import contextlib
import fcntl
import os
import re
import struct
import sys
import termios
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]


@pytest.mark.parametrize("command", ["plan", "status", "report", "compare"])
def test_on_a_terminal_of_forty_columns_no_name_is_cut(experiment, first_run, command):
    asked = ["--config", experiment.config]
    run = first_run.folder
    told = {"plan": asked, "status": asked, "report": [run], "compare": [run, run]}[command]
    # Where pytest has several workers, these variables tell them the width of its own terminal.
    environment = {key: value for key, value in experiment.environment.items() if key not in ("COLUMNS", "LINES")}
    screen, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 50, 40, 0, 0))
    with os.fdopen(terminal, "wb") as out:
        start = [sys.executable, str(ROOT / "thaw_entry.py"), command, *map(str, told)]
        process = experiment.programs.start(start, experiment.folder, environment, out, out)
    shown = b""
    with contextlib.suppress(OSError):  # the program has ended
        while part := os.read(screen, 4096):
            shown += part
    os.close(screen)
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", shown.decode())
    assert process.wait() == 0, text
    assert "same_classes__remastered" in text and "…" not in text
    assert max(len(line) for line in text.splitlines() if "/" not in line) <= 40, text  # paths stay whole
