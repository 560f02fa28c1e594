"""A process's settings before TensorFlow, its temporary folder, and messages at its end. Imports no TensorFlow."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, MutableMapping
from multiprocessing import util
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from experiment.errors import ThawError
from pipeline.runner.failed_run import check_working_folder, interruption, refused
from pipeline.runner.quiet_tensorflow import QuietTensorFlow, write_to_terminal
from terminal.output import Output, flushed, open_closed_streams

STOPPED = "Stopped. Run the same command again: what was finished is not repeated."
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""SIGHUP: a terminal or connection was closed."""
MOMENT_S = 0.05
_OWN_FOLDERS: dict[int, tuple[Path, subprocess.Popen[bytes]]] = {}
"""Process id -> its temporary folder and the shell that removes it; kept, since a Popen that is deleted warns."""


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP arrived: the process ends as on Ctrl-C, with its own exit status.

    Args:
      number: the signal.
    """

    def __init__(self, number: int = signal.SIGTERM):
        super().__init__()
        self.number = number


class _SendAgain:
    """Sends a signal again if Python dropped its exception, as it does in `__del__` and in callbacks of weak
    references.

    TensorFlow has many of both: without this, two of twelve signals to `thaw advise` were lost, and it continued.

    Args:
      usual: is called with what no signal raised.
    """

    def __init__(self, usual: Callable[[Any], Any]):
        self.usual = usual

    def __call__(self, dropped: Any) -> None:
        if not isinstance(dropped.exc_value, KeyboardInterrupt):
            self.usual(dropped)
            return
        # Not at once: it would be raised in this call, and dropped too.
        again = threading.Timer(MOMENT_S, os.kill, (os.getpid(), _number_of(dropped.exc_value)))
        again.daemon = True
        again.start()


def stop_at_once(said: str = STOPPED) -> None:
    """Makes Ctrl-C, SIGTERM and SIGHUP end the process at once with the line `said`; for imports.

    An exception in the middle of an import would be a traceback of files that the user does not know.
    """
    _handle_by(lambda number, _frame: _end(number, said))


def stop_by_exception() -> None:
    """Makes Ctrl-C raise KeyboardInterrupt, and SIGTERM and SIGHUP Terminated, so that files are closed and children
    end."""
    _handle_by(_raise)
    if not isinstance(sys.unraisablehook, _SendAgain):
        sys.unraisablehook = _SendAgain(sys.unraisablehook)


def leave_signals_alone() -> None:
    """Restores Python's own behaviour, for code that imports an entry point."""
    _handle_by(None)
    if isinstance(sys.unraisablehook, _SendAgain):
        sys.unraisablehook = sys.unraisablehook.usual


def exit_status(command: Callable[[], object], environment: MutableMapping[str, str]) -> int:
    """Runs a process's command in its own temporary folder, and prints what ended it.

    Args:
      command: raises what ends it early.
      environment: the process's; TMPDIR is set.

    Returns:
      0; 1 if the user must act (a message says how); 128 plus the signal's number, as in shells.

    Raises:
      Exception: a bug that no input should cause.
    """
    stop_by_exception()
    try:
        return _status_of(command, environment)
    finally:
        stop_by_exception()


def end_with(run: Callable[[], int]) -> NoReturn:
    """Ends the process with the status that `run` returns. A signal while Python ends would be a traceback."""
    try:
        sys.exit(run())
    finally:
        stop_at_once()


def _status_of(command: Callable[[], object], environment: MutableMapping[str, str]) -> int:
    status = 0
    try:
        try:
            check_working_folder()
            own_temporary_folder(environment)
            command()
        finally:
            stop_at_once()  # an exception after this would be a traceback
    except ThawError as error:
        print(f"\nthaw: {error}", file=sys.stderr)
        status = 1
    except (Exception, KeyboardInterrupt) as error:
        if error is not Output.lost:
            status = _status_of_ended(error)
    finally:
        lost = flushed()
    if lost is None or isinstance(lost, BrokenPipeError):  # the reader closed its end, as `head` does
        return status
    print(f"\nthaw: Can't write to standard output: {lost.strerror}. Expected a terminal, or a file with room. Make "
          "room, or redirect the output elsewhere, and run the same command again: what was finished is not repeated.",
          file=sys.stderr)  # fmt: skip
    return status or 1


def _status_of_ended(error: BaseException) -> int:
    """Prints that a signal stopped the process, or a system error; raises any other error."""
    if (cause := interruption(error)) is not None:
        with contextlib.suppress(OSError):  # after SIGHUP there may be no terminal
            print(f"\n{STOPPED}", file=sys.stderr, flush=True)
        return 128 + _number_of(cause)
    if (words := refused(error)) is not None:
        print(f"\nthaw: {words}", file=sys.stderr)
        return 1
    raise error


def _number_of(cause: KeyboardInterrupt) -> int:
    """The number of the signal that raised it."""
    return cause.number if isinstance(cause, Terminated) else signal.SIGINT


def _handle_by(handler: Callable[[int, FrameType | None], Any] | None) -> None:
    if threading.current_thread() is not threading.main_thread():
        return  # Python handles signals only in the main thread
    for number in SIGNALS:
        usual: Any = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup, and shells for background processes, set it
            signal.signal(number, handler or usual)


def _end(number: int, said: str) -> NoReturn:
    with contextlib.suppress(OSError):
        write_to_terminal(f"\n{said}\n")
    os._exit(128 + number)


def _raise(number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)


def prepare_process(environment: MutableMapping[str, str]) -> None:
    """Sets the environment variables that TensorFlow and others read on import, equally in every process, machine and
    pod of a run, for the same arithmetic.

    Names of files that the terminal's encoding lacks are printed as escapes from here on, and closed standard streams
    are /dev/null.

    Args:
      environment: the process's.
    """
    # TensorFlow Transform would otherwise switch this process to Keras 2.
    environment["TF_USE_LEGACY_KERAS"] = "0"
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Otherwise the first process that uses a GPU takes all of its memory, and the one that trains finds none.
    environment.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    # TensorFlow uses oneDNN by itself only on newer Intel CPUs; on AMD it trains a quarter faster with it (measured).
    environment.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if not any(isinstance(finder, QuietTensorFlow) for finder in sys.meta_path):
        sys.meta_path.insert(0, QuietTensorFlow())
    open_closed_streams()
    for stream in (sys.__stdout__, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A notebook's kernel replaces the file by a pipe, of which the stream can't get its position.
            with contextlib.suppress(OSError):
                stream.reconfigure(errors="backslashreplace")
    warnings.filterwarnings("ignore", category=FutureWarning, module="google")


def own_temporary_folder(environment: MutableMapping[str, str]) -> Path:
    """Gives this process and its children a folder for temporary files, which is removed when the process ends.

    A second call in the same process returns the first one's folder: folders within folders would soon make paths that
    are too long for sockets. TensorFlow's autograph, Beam and multiprocessing leave files in the temporary folder if a
    signal ends the process. A shell waits until this process ends, in any way, and removes the folder; it belongs to a
    session of its own, so that Ctrl-C does not reach it.

    Args:
      environment: the process's; TMPDIR is set.

    Returns:
      The folder.

    Raises:
      ThawError: there is no writable folder for temporary files.
    """
    if os.getpid() in _OWN_FOLDERS:
        folder, _ = _OWN_FOLDERS[os.getpid()]
        environment["TMPDIR"] = tempfile.tempdir = str(folder)
        return folder
    try:
        folder = Path(tempfile.mkdtemp(prefix="thaw-"))
    except OSError as error:
        raise ThawError(f"Can't make a temporary folder: {error.strerror}. Expected one with room that can be written "
                        "to; name it with TMPDIR=...") from error  # fmt: skip
    environment["TMPDIR"] = tempfile.tempdir = str(folder)
    # Twice, since workers that live a little longer than the process may still write.
    script = 'cat >/dev/null; rm -rf -- "$0"; sleep 2; rm -rf -- "$0"'
    try:
        cleaner = subprocess.Popen(
            ["/bin/sh", "-c", script, str(folder)], cwd="/", start_new_session=True, stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    _OWN_FOLDERS[os.getpid()] = folder, cleaner
    # Not by atexit: whatever imported multiprocessing first would have it look for its own folder in this one when this
    # one is gone. Its finalizers remove that at priority -100; they run after TensorFlow's, and in no child.
    util.Finalize(None, shutil.rmtree, (folder,), {"ignore_errors": True}, exitpriority=-101)
    return folder
