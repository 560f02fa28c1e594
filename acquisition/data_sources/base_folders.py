"""The folders in which Thaw looks for images and weights and keeps downloads. Imports nothing from Thaw."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """Folders, whether they exist or not.

    Attributes:
      shared: data that several checkouts share, `../shared/data` from the project's root.
      cache: Thaw's own, for downloaded and generated images.
      tfds: where TFDS keeps its data sets.
      keras: Keras's own, where downloaded weights are kept.
    """

    shared: Path
    cache: Path
    tfds: Path
    keras: Path


def usual_places(project_root: Path) -> Places:
    """Those of this user.

    Args:
      project_root: the project's root folder.
    """
    home = Path.home()
    return Places(
        shared=project_root.resolve().parent / "shared" / "data",
        cache=home / ".cache" / "thaw",
        tfds=home / "tensorflow_datasets",
        keras=home / ".keras",
    )
