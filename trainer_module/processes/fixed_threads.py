"""Runs a function in a process of a fixed number of threads, so that its numbers do not depend on the cores. No TFX.

With another number of threads, sums are computed in another order, and after a thousand steps the model differs: at
high rates one may learn and the other diverge. So everything that decides weights, ledgers or choices has a fixed
number: one for each worker of a sweep, and SOURCE_THREADS for a source, which runs alone.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import tensorflow as tf
import threadpoolctl

from experiment.errors import ThawError
from trainer_module.processes import fork_server

Result = TypeVar("Result")

SOURCE_THREADS = 2
"""Threads of a source's training. On two cores a step takes 0.54 times as long as with one thread, on one core 1.02 to
1.04 times (docs/adr/0026-sources-on-two-threads.md)."""


class WorkerFailed(ThawError):
    """A worker process raised, or died repeatedly."""


class Failure:
    """The message that a worker sends before it ends because of an error.

    Args:
      message: for the user.
    """

    def __init__(self, message: str):
        self.message = message


def one_thread() -> None:
    """Limits TensorFlow and numpy to one thread in this process; call it before TensorFlow computes anything."""
    fix_threads(1)


def fix_threads(number: int) -> None:
    """Gives every operation of TensorFlow so many threads, and numpy one; call it as early as one_thread.

    The pool has this many threads even with fewer cores, since the number decides how sums are split. numpy's libraries
    would take fewer threads on fewer cores.
    """
    tf.config.threading.set_intra_op_parallelism_threads(number)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    threadpoolctl.threadpool_limits(1)


def run_alone(work: Callable[..., Result], *arguments: Any, task: str, threads: int = 1) -> Result:
    """Runs a function in a process of its own, which then ends and frees its memory.

    Args:
      work: a function of a module; its module should import no TFX, which the process would have to import too.
      arguments: of the function; they and its result are pickled.
      task: what the process does, for the message when it dies.
      threads: of each of TensorFlow's operations.

    Raises:
      WorkerFailed: the function raised, or its process died.
    """
    fork_server.start()  # if it does not run yet: it keeps its sockets under a short path
    here, there = fork_server.CONTEXT.Pipe()
    process = fork_server.CONTEXT.Process(target=_work_alone, args=(there, threads, work, arguments), daemon=True)
    try:
        process.start()
        there.close()
        message = here.recv()
    except (EOFError, ConnectionError) as error:
        process.join()
        raise WorkerFailed(
            f"The process that {task} died (exit code {process.exitcode}; -9: killed, most often because memory ran "
            "out). Run again on a machine with more memory."
        ) from error
    finally:
        here.close()
        if process.pid is not None:
            if sys.exc_info()[0] is not None:
                process.terminate()
            process.join()
    if isinstance(message, Failure):
        raise WorkerFailed(message.message)
    result: Result = message
    return result


def _work_alone(pipe: Connection, threads: int, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    with failures_told(pipe, threads):
        pipe.send(work(*arguments))


@contextlib.contextmanager
def failures_told(pipe: Connection, threads: int = 1) -> Iterator[None]:
    """Fixes this process's threads, and sends errors instead of raising them."""
    # Output of libraries goes to standard error, which is the log; the terminal is for the parent's own lines.
    sys.stdout = sys.stderr
    fix_threads(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        yield
    except (EOFError, ConnectionError, KeyboardInterrupt):
        return
    except Exception as error:
        traceback.print_exc()
        pipe.send(Failure(str(error) if isinstance(error, ThawError) else f"{type(error).__name__}: {error}"))


def _end_with_parent() -> None:
    """Ends this process when the one that started it was killed: nobody reads its results."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
