"""A process's temporary folder goes away with it, however it ends. Starts processes that use no TensorFlow."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiment.errors import ThawError
from pipeline.runner import process

ROOT = Path(__file__).parents[3]
USE = """
import os, sys, tempfile, time
{first}
sys.path.insert(0, {root!r})
from pipeline.runner.process import own_temporary_folder
import multiprocessing
own_temporary_folder(os.environ)
if __name__ == "__main__":
    context = multiprocessing.get_context("forkserver")
    worker = context.Process(target=time.sleep, args=(60,), daemon=True)
    worker.start()
    tempfile.mkstemp(prefix="__autograph_generated_file", suffix=".py")
    os.makedirs(os.path.join(os.environ["TMPDIR"], "beam-temp"))
    print("ready", flush=True)
    {end}
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder with a short path: sockets lie in it, and tmp_path is too long for them."""
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def is_empty_soon(folder: Path) -> bool:
    """Within twenty seconds: what ends by a signal is cleaned up by another process."""
    until = time.monotonic() + 20
    while any(folder.iterdir()) and time.monotonic() < until:
        time.sleep(0.05)
    return not any(folder.iterdir())


def started(folder: Path, end: str, first: str = "", errors: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
    code = USE.format(root=str(ROOT), first=first, end=end)
    environment = {**os.environ, "TMPDIR": str(folder)}
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=errors, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("end", ["pass", "raise OSError", "sys.exit(3)", "os._exit(1)"])
def test_nothing_is_left_when_a_process_ends_or_fails(folder, end):
    started(folder, end).wait(timeout=60)
    assert is_empty_soon(folder)


def test_a_process_that_had_imported_multiprocessing_before_ends_without_a_traceback(folder):
    """multiprocessing's folder lies in ours: what removes it at exit must find it."""
    process = started(folder, "worker.kill()", first="import multiprocessing.util", errors=subprocess.PIPE)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "")
    assert is_empty_soon(folder)


def test_a_stream_whose_file_became_a_pipe_stops_no_notebook(tmp_path):
    """A kernel whose output goes to a file puts a pipe in that file's place."""
    code = ("import os; from pipeline.runner import process; print('before', flush=True); "
            "os.dup2(os.pipe()[1], 1); process.prepare_process(os.environ)")  # fmt: skip
    with (tmp_path / "log.txt").open("w") as log:
        ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=log, stderr=subprocess.PIPE, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_nothing_is_left_when_a_signal_ends_it(folder, sent):
    process = started(folder, "time.sleep(60)")
    assert any(folder.iterdir())
    os.killpg(process.pid, sent)  # as a terminal does on Ctrl-C: workers get it too
    process.wait(timeout=60)
    assert is_empty_soon(folder)


def test_a_process_that_asks_again_keeps_its_folder(folder):
    """The tests call the commands' main functions in one process; paths of sockets must not grow with each call."""
    end = "assert own_temporary_folder(os.environ) == own_temporary_folder(os.environ); print(os.environ['TMPDIR'])"
    process = started(folder, end)
    assert process.stdout is not None
    assert Path(process.stdout.readline().strip()).parent == folder
    assert process.wait(timeout=60) == 0
    assert is_empty_soon(folder)


def test_where_nothing_temporary_can_be_written_a_command_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: object) -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(process, "_OWN_FOLDERS", {})
    monkeypatch.setattr(tempfile, "mkdtemp", refused)
    with pytest.raises(ThawError, match=r"No usable temporary directory.*TMPDIR="):
        process.own_temporary_folder({})


def status_after(error: BaseException) -> int:
    """That of a command which ends with the error; signals are as they were for the next test."""

    def fail() -> None:
        raise error

    try:
        return process.exit_status(fail, os.environ)
    finally:
        process.leave_signals_alone()


def test_a_file_that_the_system_refuses_is_said_and_no_other_error_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_after(PermissionError(13, "Permission denied", "a/b")) == 1
    assert "Can't use a/b: Permission denied" in capsys.readouterr().err
    with pytest.raises(OSError, match="no name"):
        status_after(OSError("no name"))


def test_a_full_disk_is_said_though_what_a_write_raises_names_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OSError, match="No space left") as full, Path("/dev/full").open("wb", buffering=0) as file:
        file.write(b"x")
    assert full.value.filename is None and status_after(full.value) == 1
    said = capsys.readouterr().err
    assert "thaw: The disk is full. Expected room" in said and "TMPDIR" in said and "run the same command" in said


def test_nothing_is_left_where_the_shell_that_would_remove_it_cannot_start(folder):
    code = (f"import os, resource, sys; sys.path.insert(0, {str(ROOT)!r})\n"
            "from pipeline.runner.process import own_temporary_folder\n"
            "limit = len(os.listdir('/proc/self/fd'))\n"
            "resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))\n"
            "try: own_temporary_folder(os.environ)\n"
            "except OSError as error: print(error.strerror)")  # fmt: skip
    environment = {**os.environ, "TMPDIR": str(folder)}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("Too many open files\n", "")
    assert not any(folder.iterdir())


ENDING = """
import atexit, os, signal, sys, threading, time
sys.path.insert(0, {root!r})
from pipeline.runner.process import end_with, exit_status
def signalled(seconds):
    threading.Timer(0.2, os.kill, (os.getpid(), {sent})).start()
    time.sleep(seconds)
if {when!r} == "as Python ends":
    atexit.register(signalled, 5)
class Slow:
    def write(self, text): return len(text)
    def flush(self): signalled(5)
def command():
    if {when!r} == "as its last words are written":
        sys.stderr.flush()
        sys.stderr = Slow()
        raise KeyboardInterrupt
end_with(lambda: exit_status(command, os.environ))
"""


@pytest.mark.parametrize("when", ["as Python ends", "as its last words are written"])
@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_when_a_command_has_ended_is_no_traceback(folder, when, sent, status):
    code = ENDING.format(root=str(ROOT), sent=int(sent), when=when)
    environment = {**os.environ, "TMPDIR": str(folder)}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE, text=True, timeout=50)
    assert (ended.returncode, ended.stderr) == (status, f"\n{process.STOPPED}\n")
    assert is_empty_soon(folder)


def test_whoever_goes_on_after_a_command_gets_signals_as_exceptions() -> None:
    """A notebook calls local_runner.main; its kernel is interrupted by SIGINT, which must not end it."""
    assert process.exit_status(lambda: None, os.environ) == 0
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
    process.leave_signals_alone()


def test_the_status_says_whether_the_user_must_act_or_a_signal_came(capsys: pytest.CaptureFixture[str]) -> None:
    assert process.exit_status(lambda: None, os.environ) == 0
    assert status_after(ThawError("Do this.")) == 1
    assert capsys.readouterr().err == "\nthaw: Do this.\n"
    hidden = ImportError("of C")
    hidden.__context__ = process.Terminated()
    hung_up = process.Terminated(signal.SIGHUP)
    errors = (KeyboardInterrupt(), process.Terminated(), hidden, hung_up)
    assert [status_after(error) for error in errors] == [130, 143, 143, 129]
    assert process.STOPPED in capsys.readouterr().err


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_that_comes_while_python_removes_an_object_ends_the_process_too(sent, status):
    """Python drops what is raised in `__del__` and in callbacks of weak references, of which TensorFlow has many."""
    code = f"""
import os, sys, time
from pipeline.runner.process import exit_status
class Removed:
    def __del__(self):
        os.kill(os.getpid(), {int(sent)})
        time.sleep(0.01)
def command():
    Removed()
    time.sleep(60)
sys.exit(exit_status(command, os.environ))
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True, timeout=50)
    assert (ended.returncode, ended.stderr) == (status, f"\n{process.STOPPED}\n")


def test_what_no_signal_raised_in_the_removal_of_an_object_is_shown_as_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[BaseException] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda dropped: shown.append(dropped.exc_value))

    class Wrong:
        def __del__(self) -> None:
            raise ValueError("wrong")

    process.stop_by_exception()
    Wrong()
    process.leave_signals_alone()
    Wrong()
    assert [str(error) for error in shown] == ["wrong", "wrong"]
