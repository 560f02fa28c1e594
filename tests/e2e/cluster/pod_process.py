"""A pod's process: what it is started with, and how it is killed. Imports pod_view."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.e2e.cluster import pod_view

ROOT = Path(__file__).parents[3]


def environment(code: Path) -> dict[str, str]:
    """That of the image; nothing of this machine but where its Python is."""
    names = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": "/home/thaw"}
    return {**names, "PYTHONPATH": str(code), "PYTHONUNBUFFERED": "1", "KFP_POD_NAME": "pod", "LANG": "C.UTF-8"}


def start_new(command, cwd, env, stdout, stderr, view):
    """Starts a pod's process as a new one."""
    if view:
        command = [sys.executable, pod_view.__file__, json.dumps(view), *command]
    return subprocess.Popen(command, cwd=cwd, env=env, stdout=stdout, stderr=stderr, start_new_session=True)


def kill_when(process, killed_when) -> None:
    """Kills a process with all its children as soon as `killed_when` says so."""
    while process.poll() is None:
        if killed_when():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            return
        time.sleep(0.02)
