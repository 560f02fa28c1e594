"""What the tests start as forks is what a new process would be: arguments, folder, environment, output and end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow  # starts processes

PROGRAM = """
import json, multiprocessing, os, sys

def double(number):
    return 2 * number

if __name__ == "__main__":
    with multiprocessing.get_context("forkserver").Pool(1) as pool:
        print(pool.map(double, [1, 2]))
    told = sys.argv, os.getcwd(), sys.path[0], sorted(os.environ.items()), os.isatty(1), __name__, __file__
    print(json.dumps(told))
    print("said", file=sys.stderr)
    sys.exit(3)
"""


def test_a_forked_program_sees_and_ends_as_a_new_one(programs, tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, str(tmp_path / "program.py"), "one", "t w o"]
    environment = {**os.environ, "TOLD": "this"}
    new = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    forked = programs.run(command, tmp_path, environment)
    assert (forked.returncode, forked.stdout, forked.stderr) == (new.returncode, new.stdout, new.stderr)
    assert new.returncode == 3 and new.stdout.startswith("[2, 4]\n")


PREPARED = f"""
import multiprocessing, os, sys

sys.path.insert(0, {str(ROOT)!r})
from pipeline.runner.process import prepare_process

def asked_of_tensorflow(_):
    return os.environ["TF_ENABLE_ONEDNN_OPTS"], os.environ["TF_USE_LEGACY_KERAS"]

if __name__ == "__main__":
    prepare_process(os.environ)
    with multiprocessing.get_context("forkserver").Pool(1) as pool:
        print(pool.map(asked_of_tensorflow, [0])[0] == asked_of_tensorflow(0))
"""


def test_workers_of_a_forked_program_ask_tensorflow_for_what_the_program_asks(programs, tmp_path):
    """On a processor without AVX-512, TensorFlow uses oneDNN only if it is asked to."""
    (tmp_path / "prepared.py").write_text(PREPARED)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    done = programs.run([sys.executable, str(tmp_path / "prepared.py")], tmp_path, environment)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_a_signal_that_ends_a_forked_program_is_told(programs, tmp_path):
    (tmp_path / "waits.py").write_text("import time\ntime.sleep(600)\n")
    with (tmp_path / "log").open("wb") as log:
        program = programs.start([sys.executable, str(tmp_path / "waits.py")], tmp_path, os.environ, log, log)
    assert program.poll() is None
    os.killpg(program.pid, signal.SIGKILL)
    assert program.wait() == program.poll() == -signal.SIGKILL
