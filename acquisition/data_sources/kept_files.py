"""Copies of weights files in the workspace, named by content, so that no key has their origin. Imports only config.

The keys of TFX's cache and of the ledgers have a node's parameters. A node gets the copy's path, which follows from
the workspace and the content; so the original may move, and a change of it during a run has no effect.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from acquisition.whole_files import written_whole
from experiment.changes import changed
from experiment.config import ExperimentConfig
from experiment.errors import ThawError

FOLDER = "backbones"


def kept_path(pipeline_folder: Path, sha256: str, original: Path) -> Path:
    """The path of the copy of a file with this content.

    Args:
      pipeline_folder: the experiment's part of the workspace.
      sha256: of the content.
      original: its ending is kept, for Keras.
    """
    return pipeline_folder / FOLDER / f"{sha256}{original.suffix}"


def with_kept_paths(config: ExperimentConfig) -> ExperimentConfig:
    """The configuration with the copies' paths, even before the copies exist.

    Args:
      config: with the files that a run found, and their hashes.
    """
    placed = {
        name: backbone.with_file(kept_path(config.pipeline_folder, backbone.sha256, backbone.file))
        for name, backbone in config.backbones.items()
        if backbone.sha256 and backbone.file
    }
    return changed(config, backbones={**config.backbones, **placed})


def keep_files(config: ExperimentConfig) -> None:
    """Copies the files where `with_kept_paths` says; a complete copy is not made again.

    Args:
      config: as in with_kept_paths.

    Raises:
      ThawError: a file has changed since it was hashed, or can't be copied.
    """
    placed = with_kept_paths(config).backbones
    for name, backbone in config.backbones.items():
        original, copy = backbone.file, placed[name].file
        if original is not None and copy is not None and original != copy:
            _keep(original, copy)


def _keep(original: Path, copy: Path) -> None:
    if copy.exists() and sha256_of(copy) == copy.stem:
        return
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(copy) as fresh:
            shutil.copyfile(original, fresh)
            if sha256_of(fresh) != copy.stem:
                raise ThawError(f"The file {original} changed while it was read: expected the SHA-256 {copy.stem}. Do "
                                "not change it during a run, and run again.")  # fmt: skip
    except OSError as error:
        raise ThawError(f"Can't copy {original} to {copy}: {error.strerror}. Make room, or correct the "
                        "folder's permissions, and run the same command again.") from error  # fmt: skip


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
