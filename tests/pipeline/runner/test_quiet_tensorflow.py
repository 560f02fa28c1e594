"""The lines that TensorFlow writes at every start stay off the terminal, and no others. Starts new processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
START = "import os; from pipeline.runner.process import prepare_process; prepare_process(os.environ); "
NOISE = "I0000 00:00:1795898049.763191 13 port.cc:153] oneDNN custom operations are on. You may see ...\\n"


def run(code, *path):
    """What a new process that is prepared as ours are writes to stdout and stderr."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, path), str(ROOT)])}
    done = subprocess.run([sys.executable, "-c", START + code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.fixture
def package(tmp_path):
    """A package of TensorFlow's name that writes to file descriptor 2, as its libraries of C++ do, when imported."""
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").write_text(
        f"import os, sys\nvalue = 3\nos.write(2, b'{NOISE}a real warning\\n{NOISE}')\n"
        "print('of Python', file=sys.stderr)\n"
    )
    return tmp_path


def test_lines_of_every_start_are_left_out_and_others_are_kept(package):
    assert run("import tensorflow; print(tensorflow.value)", package) == ("3\n", "a real warning\nof Python\n")


def test_looking_for_the_package_first_changes_nothing(package):
    code = "import importlib.util; importlib.util.find_spec('tensorflow'); import tensorflow"
    assert run(code, package)[1] == "a real warning\nof Python\n"


def test_what_is_written_after_the_import_is_written_at_once(package):
    assert run(f"import tensorflow; os.write(2, b'{NOISE}')", package)[1].endswith("You may see ...\n")


def test_an_import_that_fails_says_so(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise OSError('no room')")
    code = "\ntry:\n    import tensorflow\nexcept OSError as error:\n    print(error)"
    assert run(code, tmp_path) == ("no room\n", "")


def test_closed_stderr_changes_nothing_else(tmp_path):
    (tmp_path / "tensorflow.py").write_text("value = 3")
    command = f'exec "$0" -c "{START}import tensorflow; print(tensorflow.value)" 2>&-'
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = subprocess.run(["sh", "-c", command, sys.executable], stdout=subprocess.PIPE, env=environment)
    assert (done.returncode, done.stdout) == (0, b"3\n")


def test_a_reader_that_has_gone_ends_no_import(package):
    reading, writing = os.pipe()
    os.close(reading)
    code = START + "import tensorflow; print(tensorflow.value)"
    environment = {**os.environ, "PYTHONPATH": f"{package}{os.pathsep}{ROOT}"}
    done = subprocess.run([sys.executable, "-c", code], stderr=writing, stdout=subprocess.PIPE, env=environment)
    os.close(writing)
    assert done.stdout == b"3\n"


def test_a_signal_while_it_loads_is_told(tmp_path):
    script = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(9)"
    (tmp_path / "tensorflow.py").write_text(script)
    code = START + "from pipeline.runner.process import stop_at_once; stop_at_once(); import tensorflow"
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 130 and "Stopped." in done.stderr


@pytest.mark.component
def test_tensorflow_itself_starts_without_a_word():
    assert run("import tensorflow as tf; tf.constant(1)") == ("", "")
