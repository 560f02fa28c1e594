"""Worker processes where the system's temporary folder has a long path, as on clusters. Starts real processes."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiment.errors import ThawError
from trainer_module.processes import fork_server

ROOT = Path(__file__).parents[3]
WORKER = """
import multiprocessing.util
from trainer_module.processes import fork_server

if __name__ == "__main__":
    fork_server.CONTEXT.set_forkserver_preload = lambda modules: None  # TensorFlow takes seconds to import
    fork_server.start()
    process = fork_server.CONTEXT.Process(target=print, args=("worked",))
    process.start()
    process.join()
    print(multiprocessing.util.get_temp_dir())
"""


@pytest.fixture
def long_folder(tmp_path):
    folder = tmp_path / ("long" * 20) / ("path" * 20)
    folder.mkdir(parents=True)
    return folder


def test_workers_start_where_the_path_of_the_temporary_folder_is_long_and_leave_nothing(long_folder, tmp_path):
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    environment = {**os.environ, "TMPDIR": str(long_folder), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    worked, folder = done.stdout.split()
    assert worked == "worked" and not Path(folder).exists() and not list(long_folder.iterdir())


def test_a_short_temporary_folder_is_used_as_it_is(monkeypatch):
    monkeypatch.setattr(fork_server.tempfile, "tempdir", "/tmp")
    assert fork_server.socket_folder() == "/tmp"


def test_where_no_short_folder_can_be_written_it_says_so(monkeypatch, long_folder):
    monkeypatch.setattr(fork_server.tempfile, "tempdir", str(long_folder))
    monkeypatch.setattr(fork_server, "SHORT_FOLDERS", ("/nowhere",))
    with pytest.raises(ThawError, match=r"bytes; worker processes need one of at most 70.*Set TMPDIR"):
        fork_server.socket_folder()


def test_every_preloaded_module_exists():
    """multiprocessing passes over a name that it can't import; workers would be slow without a word."""
    assert [name for name in fork_server.PRELOADED if importlib.util.find_spec(name) is None] == []
