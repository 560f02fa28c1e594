"""Output that goes to the log, and lines about nodes. No TensorFlow."""

import logging
import os
import subprocess
import sys
from pathlib import Path

from pipeline.runs.run_log import NodeWatcher, output_to_log, watched


def test_what_native_code_and_python_print_lands_in_the_log(tmp_path, capfd):
    log = tmp_path / "run" / "log.txt"
    with output_to_log(log):
        os.write(2, b"native noise\n")
        print("python noise")
        print("stderr noise", file=sys.stderr)
    print("after")
    text = log.read_text()
    assert "native noise" in text and "python noise" in text
    captured = capfd.readouterr()
    assert captured.out == "after\n" and "native" not in captured.err


def test_nodes_are_announced_though_somebody_raises_the_loggers_level():
    lines = []
    watcher = NodeWatcher(lines.append)
    watcher.total = 2
    logger = logging.getLogger("absl")
    before = logger.level
    with watched(watcher):
        logger.info("Component Transform is running.")
        logger.setLevel(logging.ERROR)
        logger.info("Component Transform is finished.")
        logger.info("Component Pusher is running.")
        assert watcher.node == "Pusher"
    assert lines == ["[1/2] Transform", "[2/2] Pusher"]
    assert logger.level == before and watcher not in logger.handlers


def test_other_lines_announce_nothing():
    lines = []
    watcher = NodeWatcher(lines.append)
    with watched(watcher):
        logging.getLogger("absl").info("Component almost")
    assert lines == [] and watcher.node == ""


def test_names_beyond_ascii_are_logged_whatever_the_locale(tmp_path):
    code = "from pathlib import Path; from pipeline.runs.run_log import output_to_log\n"
    code += f"with output_to_log(Path({str(tmp_path / 'log.txt')!r})): print('g\\u00e4nse \\u65e5\\u672c')"
    ascii_alone = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    root = Path(__file__).parents[3]
    ended = subprocess.run([sys.executable, "-c", code], cwd=root, env=ascii_alone, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "gänse 日本" in (tmp_path / "log.txt").read_text(encoding="utf-8")


def test_a_log_that_its_disk_has_no_room_for_stops_nothing(capfd):
    """Keras prints where it writes a model; the command would fail by that line."""
    with output_to_log(Path("/dev/full")):
        print("python noise")
        os.write(1, b"done\n")
    print("said to the user", file=sys.stderr)
    assert capfd.readouterr() == ("done\n", "said to the user\n")
