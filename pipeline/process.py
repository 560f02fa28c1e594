"""What a process must be told before it imports TensorFlow, and its temporary folder. Imports nothing of ours."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import MutableMapping
from pathlib import Path

_CLEANERS: list[subprocess.Popen[bytes]] = []
"""Held, for a Popen that is forgotten warns."""


def prepare_process(environment: MutableMapping[str, str]) -> None:
    """Sets what TensorFlow and its friends read from the environment when they are imported.

    Args:
      environment: the process's.
    """
    # TensorFlow Transform would else switch this process to Keras 2.
    environment["TF_USE_LEGACY_KERAS"] = "0"
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow uses oneDNN by itself on newer Intel CPUs alone; on AMD it trains a quarter faster with it (measured).
    environment.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    warnings.filterwarnings("ignore", category=FutureWarning, module="google")


def own_temporary_folder(environment: MutableMapping[str, str]) -> Path:
    """Gives this process and its children a folder for temporary files, which goes away with the process.

    TensorFlow's autograph, Beam and multiprocessing leave files in the temporary folder where a process is ended by a
    signal. A shell waits for this process to end, in whatever way, and removes the folder; it belongs to a session of
    its own, so that Ctrl-C does not reach it.

    Args:
      environment: the process's; TMPDIR is set.

    Returns:
      The folder.
    """
    folder = Path(tempfile.mkdtemp(prefix="thaw-"))
    environment["TMPDIR"] = tempfile.tempdir = str(folder)
    # Workers that outlive the process for a moment may still write: hence twice.
    script = 'cat >/dev/null; rm -rf -- "$0"; sleep 2; rm -rf -- "$0"'
    cleaner = subprocess.Popen(
        ["/bin/sh", "-c", script, str(folder)], cwd="/", start_new_session=True, stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _CLEANERS.append(cleaner)
    # Registered before those of TensorFlow and multiprocessing, and so called after them.
    atexit.register(_remove, folder, os.getpid())
    return folder


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # no child that was forked
        shutil.rmtree(folder, ignore_errors=True)
