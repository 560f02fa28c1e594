"""Artifacts as local folders, wherever TFX keeps them. Imports only TFX's file layer."""

from __future__ import annotations

import contextlib
import fnmatch
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfx.dsl.io import fileio
from tfx.utils import io_utils

SERVING_FOLDER = "Format-Serving"
"""The folder of an exported model within its artifact."""
Artifacts = dict[str, list[Any]]
"""As executors get them: lists of TFX's artifacts by name."""


def is_remote(uri: str) -> bool:
    """Whether the URI names an object store, such as s3://bucket/model, rather than a local folder."""
    return "://" in uri


def matching_files(pattern: str) -> list[str]:
    """Files whose names match the last part of a pattern, sorted; the folder's name is taken literally.

    A glob would read `[2024]` in a folder's name as a set of characters, and so read another folder's files.

    Args:
      pattern: a folder or URI, and after its last slash a pattern of names, such as /data/[2024]/Split-train/*.
    """
    folder, _, names = pattern.rpartition("/")
    if not fileio.isdir(folder):
        return []
    found = (name.rstrip("/") for name in fileio.listdir(folder))
    return sorted(f"{folder}/{name}" for name in found if fnmatch.fnmatchcase(name, names))


@contextlib.contextmanager
def read_folder(uri: str) -> Iterator[Path]:
    """The artifact's folder, or a copy of it for as long as the context lasts."""
    if not is_remote(uri):
        yield Path(uri)
        return
    with tempfile.TemporaryDirectory() as temporary:
        io_utils.copy_dir(uri, f"{temporary}/artifact")
        yield Path(temporary, "artifact")


@contextlib.contextmanager
def written_folder(uri: str) -> Iterator[Path]:
    """A folder to write the artifact to; its content at the end becomes the artifact, unless an error was raised."""
    if not is_remote(uri):
        yield Path(uri)
        return
    with tempfile.TemporaryDirectory() as temporary:
        yield Path(temporary)
        io_utils.copy_dir(temporary, uri)


@contextlib.contextmanager
def artifacts_as_folders(inputs: Artifacts, outputs: Artifacts) -> Iterator[None]:
    """Gives artifacts in an object store the URIs of folders, for an executor that works with files.

    Args:
      inputs, outputs: of the executor; changed in place until the context ends.
    """
    remote = [
        (artifact, artifact.uri, folder)
        for artifacts, folder in ((inputs, read_folder), (outputs, written_folder))
        for named in artifacts.values()
        for artifact in named
        if is_remote(artifact.uri)
    ]
    try:
        with contextlib.ExitStack() as stack:
            for artifact, uri, folder in remote:
                artifact.uri = str(stack.enter_context(folder(uri)))
            yield
    finally:
        for artifact, uri, _ in remote:
            artifact.uri = uri
