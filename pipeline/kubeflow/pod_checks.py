"""The checks of a pod before its task, and its message if the task fails. Imports no TFX and no TensorFlow."""

from __future__ import annotations

import json
import platform
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

from experiment.errors import ThawError
from pipeline.dag.fingerprint import POD_CODE, source_fingerprint
from pipeline.runner.failed_run import DISK_FULL, reported_causes

ARGUMENT = "--thaw_expects"
"""Argument of every container in the compiled file; its value is JSON."""
PACKAGES = ("tfx", "tensorflow", "keras", "numpy", "scikit-learn", "scipy")
"""The packages of a result's stack, and TFX."""
PYTHON, CODE, GPUS, VOLUME = "python", "code", "gpus", "volume"
NEARLY_FULL_BYTES = 2**20


def expectations() -> dict[str, Any]:
    """What the process that compiles expects of an image: its Python, its packages and Thaw's own code."""
    return {
        PYTHON: ".".join(platform.python_version_tuple()[:2]),
        **{name: metadata.version(name) for name in PACKAGES},
        CODE: source_fingerprint(*POD_CODE),
    }


def without_expectations(arguments: list[str]) -> tuple[list[str], dict[str, Any]]:
    """The arguments that are TFX's, and what the compiled file expects; nothing if an older Thaw compiled it."""
    if ARGUMENT not in arguments[:-1]:
        return arguments, {}
    place = arguments.index(ARGUMENT)
    return arguments[:place] + arguments[place + 2 :], json.loads(arguments[place + 1])


def check_image(expected: dict[str, Any]) -> None:
    """Checks that this image has the version that compiled the file.

    Code is compared only if all packages are the same: its fingerprint depends on Python's version.

    Raises:
      ThawError: it has another one, so results would be stored under the key of another code or stack.
    """
    advice = "Build the image from the checkout that compiles, push it under a new tag, and compile with that tag."
    found = {PYTHON: ".".join(platform.python_version_tuple()[:2])}
    found |= {name: _version(name) for name in PACKAGES if name in expected}
    other = [f"{name} {version} ({expected[name]} in the file)" for name, version in found.items()
             if expected.get(name, version) != version]  # fmt: skip
    if other:
        raise ThawError("This image's packages differ from those of the machine that compiled the pipeline: "
                        f"{', '.join(other)}. Expected the same. {advice}")  # fmt: skip
    if CODE in expected and (code := source_fingerprint(*POD_CODE)) != expected[CODE]:
        raise ThawError(f"This image's version of Thaw (code {code}) differs from the compiled file's (code "
                        f"{expected[CODE]}). Expected the same. {advice}")  # fmt: skip


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "is not installed"


def explanation(error: BaseException, folders: list[Path]) -> str | None:
    """The message for an error that the user can correct; None for one that needs a traceback.

    Args:
      error: what ended the task, wherever TFX and Beam wrapped it.
      folders: those that the task writes to.
    """
    for cause in reported_causes(error):
        if isinstance(cause, ThawError):
            return str(cause)
        if any(words in str(cause) for words in DISK_FULL):
            return _disk_full(cause, folders)
    return None


def _disk_full(error: BaseException, folders: list[Path]) -> str:
    free = {folder: shutil.disk_usage(folder).free for folder in folders if folder.exists()}
    full = [str(folder) for folder, size in free.items() if size < NEARLY_FULL_BYTES]
    name = getattr(error, "filename", None) or ", ".join(full) or "a folder of this pod"
    room = ", ".join(f"{folder} {size / 1e6:.0f} MB" for folder, size in free.items())
    return (f"The disk is full: {name} can't be written. Expected room for outputs, temporary files and the volume; "
            f"free space now: {room}. Outputs and /tmp are on the node's disk: use nodes with more, or raise the "
            "namespace's limit of ephemeral storage. Enlarge the claim if it is the volume.")  # fmt: skip
