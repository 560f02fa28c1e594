"""The process from which workers are forked, with TensorFlow imported and never used. Imports nothing heavy itself."""

from __future__ import annotations

import multiprocessing
import multiprocessing.forkserver

CONTEXT = multiprocessing.get_context("forkserver")


def start() -> None:
    """Starts the server, which imports TensorFlow in the background; does nothing when it runs.

    Whoever starts it early finds workers ready in a tenth of a second instead of ten.
    """
    # The server searches the working folder first; thaw_entry sees to it that a `pipeline.py` there is not ours.
    CONTEXT.set_forkserver_preload(["thaw_entry", "trainer_module.workers"])
    multiprocessing.forkserver.ensure_running()
