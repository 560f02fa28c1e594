"""Runs a function in a process of one thread, so that its numbers do not depend on the cores. Imports no sweep, no TFX.

With another number of threads, sums are computed in another order, and after a thousand steps the model differs: at
high rates one may learn and the other diverge. So everything that decides weights, ledgers or choices runs on one
thread.
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


class WorkerFailed(ThawError):
    """A worker process raised, or died repeatedly."""


class Failure:
    """What a worker sends before it ends because of an error.

    Args:
      message: for the user.
    """

    def __init__(self, message: str):
        self.message = message


def one_thread() -> None:
    """Lets TensorFlow and numpy use one thread in this process; to be called before TensorFlow computes anything."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    threadpoolctl.threadpool_limits(1)


def run_alone(work: Callable[..., Result], *arguments: Any, task: str) -> Result:
    """Runs a function in a process of one thread, which then ends and frees its memory.

    Args:
      work: a function of a module; its module should import no TFX, which the process would have to import too.
      arguments: of the function; they and its result are pickled.
      task: what the process does, for the message when it dies.

    Raises:
      WorkerFailed: the function raised, or its process died.
    """
    fork_server.start()  # where it does not run yet: it keeps its sockets under a short path
    here, there = fork_server.CONTEXT.Pipe()
    process = fork_server.CONTEXT.Process(target=_work_alone, args=(there, work, arguments), daemon=True)
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


def _work_alone(pipe: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    with failures_told(pipe):
        pipe.send(work(*arguments))


@contextlib.contextmanager
def failures_told(pipe: Connection) -> Iterator[None]:
    """Limits this process to one thread, and sends errors instead of raising them."""
    # What libraries print is for the log, where standard error goes; the terminal is for the parent's own lines.
    sys.stdout = sys.stderr
    one_thread()
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
