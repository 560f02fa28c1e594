"""A pod's own view of the file system: empty but for what an image and the launcher bring. Imports nothing from Thaw.

Run as `python pod_view.py VIEW COMMAND...`; a fork calls `enter` itself. Needs root and Linux.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

NEW_MOUNTS, BIND, REMOUNT, READ_ONLY, PRIVATE = 0x20000, 0x1000, 0x20, 0x1, 0x44000
KEEP_PROC_OPEN = 4
IMAGE = ("/usr", "/bin", "/lib", "/lib64", "/etc", "/dev", "/proc")
"""What stands in for the image's own system; the rest of it is the interpreter and our sources."""
USER = 10001
"""As kubeflow/Dockerfile says."""


def can_enter() -> bool:
    """Whether this process may make such views: root, with a file system root whose mounts can be made private."""
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0


def view_of(root: Path, read: list[Path], write: dict[str, Path], full: Sequence[str] = ()) -> dict:
    """What `enter` is to make: a folder as root, what can be read at its own place, and what can be written where.

    Args:
      root: an empty folder.
      read: of this machine.
      write: by path in the pod, a folder of this machine.
      full: those paths of `write` at which the pod has a disk without room instead.
    """
    return {"root": str(root), "read": [str(path) for path in read], "write": {k: str(p) for k, p in write.items()},
            "full": list(full)}  # fmt: skip


def enter(view: dict) -> None:
    """Makes the view this process's file system, and this process the image's user."""
    libc = ctypes.CDLL(None, use_errno=True)

    def call(done: int) -> None:
        if done:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def mount(source: str | None, target: str, kind: str | None, flags: int, options: str = "") -> None:
        told = [text.encode() if text else None for text in (source, target, kind)]
        call(libc.mount(*told, ctypes.c_ulong(flags), options.encode() or None))

    call(libc.unshare(NEW_MOUNTS))
    mount(None, "/", None, PRIVATE)
    root = view["root"]
    mount("pod", root, "tmpfs", 0)
    places = dict(view["write"])
    # /tmp comes first: what lies below it on this machine is bound into it.
    for target, source in [*places.items(), *((path, path) for path in (*IMAGE, *view["read"]))]:
        if not os.path.exists(source):
            continue
        os.makedirs(root + target, exist_ok=True)
        if target in view["full"]:
            mount("disk", root + target, "tmpfs", 0, "size=64k,mode=1777")
            with open(f"{root}{target}/of_others", "wb") as file:
                os.posix_fallocate(file.fileno(), 0, 2**16)
        else:
            mount(source, root + target, None, BIND)
        if target not in places and target not in ("/dev", "/proc"):
            mount(None, root + target, None, BIND | REMOUNT | READ_ONLY)
    mount("shm", f"{root}/dev/shm", "tmpfs", 0, "size=64m,mode=1777")  # what Kubernetes gives a pod
    os.makedirs(f"{root}/home/thaw", exist_ok=True)
    mount(None, root, None, REMOUNT | READ_ONLY)
    os.chroot(root)
    os.chdir("/home/thaw")
    os.setgroups([])
    os.setgid(USER)
    os.setuid(USER)
    libc.prctl(KEEP_PROC_OPEN, 1)  # else a process that has changed its user can't read its own /proc


if __name__ == "__main__":
    enter(json.loads(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
