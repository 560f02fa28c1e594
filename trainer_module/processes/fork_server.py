"""The process from which workers are forked, which has imported TensorFlow and never used it. Imports nothing heavy
itself."""

from __future__ import annotations

import multiprocessing
import multiprocessing.forkserver
import multiprocessing.util
import os
import tempfile

from experiment.errors import ThawError

CONTEXT = multiprocessing.get_context("forkserver")
PRELOADED = ("thaw_entry", "trainer_module.worker_pools.process_pool", "trainer_module.sweep.model_jobs")
"""Modules that every worker finds imported, by name: they import this one."""
MOST_BYTES = 70
"""Most bytes of the temporary folder's path: a socket's address has 107, and multiprocessing adds up to 33."""
SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")


def start() -> None:
    """Starts the server, which imports TensorFlow in the background; does nothing if it runs already.

    After an early start, workers are ready in a tenth of a second instead of ten.

    Raises:
      ThawError: the system's temporary folder has too long a path, and no other can be written.
    """
    _keep_sockets_in(socket_folder())
    # The server searches the working folder first; thaw_entry keeps a `pipeline.py` there from replacing ours.
    CONTEXT.set_forkserver_preload([*PRELOADED])
    multiprocessing.forkserver.ensure_running()


def socket_folder() -> str:
    """The system's temporary folder, or one with a path that is short enough for a socket's address.

    Raises:
      ThawError: no such folder can be written.
    """
    usual = tempfile.gettempdir()
    for folder in (usual, *SHORT_FOLDERS):
        if len(os.fsencode(folder)) <= MOST_BYTES and os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise ThawError(f"The temporary folder {usual} has a path of {len(os.fsencode(usual))} bytes; worker processes "
                    f"need one of at most {MOST_BYTES}, and none of {', '.join(SHORT_FOLDERS)} can be written. Set "
                    "TMPDIR to a folder with a shorter path.")  # fmt: skip


def _keep_sockets_in(folder: str) -> None:
    """Has multiprocessing make its temporary folder there, if it has none yet; it removes it when the process ends."""
    usual = tempfile.tempdir
    tempfile.tempdir = folder
    try:
        multiprocessing.util.get_temp_dir()
    finally:
        tempfile.tempdir = usual
