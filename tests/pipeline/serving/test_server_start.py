"""A model server that can't start: no model, an incomplete model, an invalid port."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.component,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        importlib.util.find_spec("tornado") is None, reason="Tornado is not installed (pip install 'thaw[serving]')"
    ),
]

ROOT = Path(__file__).parents[3]


@pytest.fixture
def serve(programs):
    """A function that runs the server's program to its end."""
    return lambda *told: programs.run([sys.executable, "-m", "pipeline.serving.model_server", *told], ROOT, os.environ)


def test_what_is_no_model_is_named(serve, tmp_path):
    finished = serve(str(tmp_path))
    assert finished.returncode == 1
    assert f"thaw: {tmp_path} is not a model of Thaw" in finished.stderr and "Traceback" not in finished.stderr


@pytest.mark.parametrize(
    "name", ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"]
)
def test_a_model_that_is_cut_short_is_named(serve, exported_model, tmp_path, name):
    model = Path(shutil.copytree(exported_model.folder, tmp_path / "model"))
    (model / name).write_bytes((model / name).read_bytes()[:50])
    finished = serve(str(model))
    assert finished.returncode == 1
    assert f"thaw: {model} is not a model of Thaw" in finished.stderr and "Traceback" not in finished.stderr


@pytest.mark.parametrize("port", ["-1", "65536", "x"])
def test_a_port_that_is_none_is_wrong_usage(serve, port):
    finished = serve("model", f"--port={port}")
    assert finished.returncode == 2 and "--port" in finished.stderr and "Traceback" not in finished.stderr


@pytest.mark.parametrize("told", [("model", "--host="), ("",)])
def test_an_empty_text_is_neither_every_address_nor_the_working_folder(serve, told):
    finished = serve(*told)
    assert finished.returncode == 2 and "got an empty text" in finished.stderr and "Traceback" not in finished.stderr


def test_a_signal_before_it_serves_ends_it_with_a_line_of_its_own(tmp_path):
    """It said `Run the same command again: what was finished is not repeated`."""
    code = ("import os, runpy, signal, sys\n"
            "class Ends:\n"
            "    def find_spec(self, name, path, target=None):\n"
            "        if name == 'tensorflow.python': os.kill(os.getpid(), signal.SIGTERM)\n"
            "sys.meta_path.insert(0, Ends()); sys.argv = ['model_server', sys.argv[1]]\n"
            "runpy.run_module('pipeline.serving.model_server', run_name='__main__')")  # fmt: skip
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (143, "\nStopped before it served.\n")


def test_without_tornado_it_says_what_to_install():
    """The package `thaw` has it only with the extra `serving`."""
    code = ("import runpy, sys; sys.modules['tornado'] = None; sys.argv = ['model_server', 'model']\n"
            "runpy.run_module('pipeline.serving.model_server', run_name='__main__')")  # fmt: skip
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.startswith("\nthaw: The model server needs Tornado") and "Traceback" not in ended.stderr
