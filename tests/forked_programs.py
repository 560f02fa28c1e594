"""Runs Python programs as forks of one process that has TFX imported: each starts at once, not after ten seconds.

A fork is a process of its own, with the arguments, environment, folder and output that it is given; it only finds
modules imported. What is to be seen of a program's own imports takes a new process.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import arbitrary_address
from pathlib import Path
from typing import IO, Any

IMPORTED = (
    "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor", "tfx.orchestration.local.local_dag_runner",
    "pipeline.dag.dag", "trainer_module.trainer", "trainer_module.tuner", "trainer_module.worker_pools.process_pool",
    "trainer_module.sweep.model_jobs",
)  # fmt: skip
"""What every fork finds; importing these computes nothing and starts no thread that a fork would miss."""

HOLD, PROGRAM = b"h", b"p"
"""First byte of a connection: whoever opens it needs the server until it is closed, or asks for a program."""


class ForkedProgram:
    """A program that runs; what is asked of subprocess.Popen.

    Attributes:
      pid: its process, which leads a process group.
      returncode: as Popen's.
    """

    def __init__(self, connection: socket.socket):
        self._connection, self._reading = connection, threading.Lock()
        self.pid = read_number(connection)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The return code; none while the program runs, and while somebody waits for it."""
        if self._reading.acquire(blocking=False):
            try:
                if self.returncode is None and select.select([self._connection], [], [], 0)[0]:
                    self._read()
            finally:
                self._reading.release()
        return self.returncode

    def wait(self) -> int:
        """The return code; a signal's number is negative."""
        with self._reading:
            return self._read() if self.returncode is None else self.returncode

    def _read(self) -> int:
        self.returncode = read_number(self._connection)
        self._connection.close()
        return self.returncode


def read_number(connection: socket.socket) -> int:
    """The next number that `send_number` sent."""
    return int.from_bytes(connection.recv(4, socket.MSG_WAITALL), "big", signed=True)


def send_number(connection: socket.socket, number: int) -> None:
    """Sends four bytes."""
    connection.sendall(number.to_bytes(4, "big", signed=True))


def start_server() -> str:
    """Starts the process that is forked, and returns its address; it ends when the last of ForkedPrograms is closed."""
    address = str(Path(tempfile.mkdtemp()) / "forks")  # a socket's path has to be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        command = [sys.executable, __file__, "serve", str(listener.fileno())]
        subprocess.Popen(command, pass_fds=[listener.fileno()], start_new_session=True)
    return address


class ForkedPrograms:
    """Asks a server for programs; to be closed.

    Args:
      address: what `start_server` returned.
    """

    def __init__(self, address: str):
        self.address = address
        self._held = self._connect(HOLD)

    @property
    def shell_command(self) -> str:
        """What a shell script runs a program by, before `python` and its arguments."""
        return shlex.join([sys.executable, __file__, "run", self.address])

    def _connect(self, kind: bytes, *files: IO[Any]) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self.address)
        socket.send_fds(connection, [kind], [file.fileno() for file in files])
        return connection

    def close(self) -> None:
        """Lets the server go; programs that run continue."""
        self._held.close()

    def start(
        self,
        command: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        stdout: IO[Any],
        stderr: IO[Any],
        view: dict[str, Any] | None = None,
    ) -> ForkedProgram:
        """Starts a program as `subprocess.Popen(command, ..., start_new_session=True)` does.

        Args:
          command: Python's own, with a file or `-m` and a module, and arguments.
          cwd, env, stdout, stderr: as Popen's.
          view: its file system, as `tests/e2e/cluster/pod_view.py` makes it; none: this machine's.
        """
        assert command[0] == sys.executable
        request = {"arguments": list(command[1:]), "cwd": str(cwd), "env": dict(env), "view": view}
        connection = self._connect(PROGRAM, stdout, stderr)
        connection.sendall(json.dumps(request).encode() + b"\n")
        return ForkedProgram(connection)

    def run(self, command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Runs a program to its end, as `subprocess.run(command, ..., capture_output=True, text=True)` does."""
        with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
            returncode = self.start(command, cwd, env, stdout, stderr).wait()
            stdout.seek(0)
            stderr.seek(0)
            return subprocess.CompletedProcess(list(command), returncode, stdout.read(), stderr.read())


def serve(listener: socket.socket) -> None:
    """Forks until nobody holds the server; comes back in the forks too, as the program that was asked for ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # leaves no zombies
    holders: list[socket.socket] = []
    while True:
        ready, _, _ = select.select([listener, *holders], [], [])
        holders = [holder for holder in holders if holder not in ready]  # they say nothing before they close
        if listener in ready:
            connection, _ = listener.accept()
            kind, output, _, _ = socket.recv_fds(connection, 1, 2)
            if kind == HOLD:
                holders.append(connection)
                continue
            if os.fork() == 0:
                for other in (listener, *holders):
                    other.close()
                watch(connection, output)
                return
            for number in output:
                os.close(number)
            connection.close()
        elif not holders:
            return


def watch(connection: socket.socket, output: list[int]) -> None:
    """In a process between server and program: forks the program, tells its process and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with connection.makefile() as asked:
        request = json.loads(asked.readline())
    process = os.fork()
    if process == 0:
        connection.close()
        become(request["arguments"], request["cwd"], request["env"], output, request["view"])
        return
    for number in output:
        os.close(number)
    while os.getpgid(process) != process:  # a signal to its group must find it
        time.sleep(0.001)
    send_number(connection, process)
    _, status = os.waitpid(process, 0)
    send_number(connection, os.waitstatus_to_exitcode(status))
    os._exit(0)


def start_fork_server() -> None:
    """Forks multiprocessing's own fork server, which Thaw's workers come from, where it would import TensorFlow again.

    To be called before TensorFlow is used. What multiprocessing keeps of a server that runs has no public name.
    """
    resource_tracker.ensure_running()
    kept: Any = forkserver._forkserver
    with socket.socket(socket.AF_UNIX) as listener:
        address = arbitrary_address("AF_UNIX")
        listener.bind(address)
        listener.listen()
        lives, alive = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(alive)
            # A real fork server does not hold the tracker's pipe either; from Python 3.13 on its owner waits for the
            # tracker, which waits until nobody holds the pipe.
            tracker: Any = resource_tracker._resource_tracker
            os.close(tracker._fd)
            tracker._fd = tracker._pid = None
            # The program prepares its own process before it starts a server. Without, workers of a processor without
            # AVX-512 would compute without oneDNN, and the program with it.
            from pipeline.runner.process import prepare_process

            prepare_process(os.environ)
            with contextlib.suppress(SystemExit):  # raised when this process has ended
                forkserver.main(listener.detach(), lives, [])
            os._exit(0)
        os.close(lives)
    kept._forkserver_address, kept._forkserver_alive_fd, kept._forkserver_pid = address, alive, process


def become(arguments: list[str], cwd: str, env: dict[str, str], output: list[int], view: dict[str, Any] | None) -> None:
    """Makes this process what `python ARGUMENTS` is, and runs the program."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # where pytest runs in the background, it is ignored
    os.chdir(cwd)
    if view:
        # Before the fork server, whose processes are to see the same files.
        runpy.run_path(str(Path(__file__).parent / "e2e" / "cluster" / "pod_view.py"))["enter"](view)
        cwd = str(Path.cwd())
    os.environ.clear()
    os.environ.update(env)
    tempfile.tempdir = None  # it is read from TMPDIR again
    for own, number in zip([os.open(os.devnull, os.O_RDONLY), *output], range(3), strict=True):
        os.dup2(own, number)
        os.close(own)
    # Python's own remember whether what they were opened on could be sought in.
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", closefd=False, buffering=1 if os.isatty(1) else -1)
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", closefd=False, buffering=1, errors="backslashreplace")
    start_fork_server()
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path[0] = cwd
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        sys.path[0] = str(Path(arguments[0]).parent)
        runpy.run_path(arguments[0], run_name="__main__")


def main(told: list[str]) -> int:
    """`serve SOCKET`, or `run ADDRESS COMMAND`, which ends as the command does."""
    if told[0] == "run":
        return ForkedPrograms(told[1]).start(told[2:], Path.cwd(), os.environ, sys.stdout, sys.stderr).wait()
    sys.path[0] = str(Path(__file__).parents[1])
    from pipeline.runner.process import prepare_process

    prepare_process(os.environ)
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()  # else the first collection in a fork copies all that the modules hold
    serve(socket.socket(fileno=int(told[1])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
