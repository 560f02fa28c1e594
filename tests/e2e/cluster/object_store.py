"""A bucket that is a folder, and how a launcher copies from and to it. Imports nothing from Thaw."""

from __future__ import annotations

import shutil
import time
from pathlib import Path


class BucketError(Exception):
    """The launcher's own failure, before or after the pod's program."""


class Bucket:
    """Objects by key.

    Args:
      folder: holds the objects.

    Attributes:
      markers: keys of zero-byte objects that stand for folders, as TensorFlow's GCS file system writes them.
      failures: so many further copies fail.
      fails_until: on time.monotonic's clock; before it copies fail, and pods can't write where it is mounted.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.markers: set[str] = set()
        self.failures = 0
        self.fails_until = 0.0

    @property
    def away(self) -> bool:
        """Whether it fails now, for as long as `fails_until` says."""
        return time.monotonic() < self.fails_until

    def download(self, key: str, target: Path) -> None:
        """Copies all objects below a key; a marker becomes a file, in whose place no folder can be made afterwards."""
        self._fail("download input artifact", key)
        for marker in sorted(found for found in self.markers if found.startswith(f"{key}/")):
            place = target / marker.removeprefix(f"{key}/").rstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
        source = self.folder / key
        for path in sorted(source.rglob("*")) if source.is_dir() else ():
            if path.is_file():
                place = target / path.relative_to(source)
                try:
                    place.parent.mkdir(parents=True, exist_ok=True)
                except (FileExistsError, NotADirectoryError) as error:
                    raise BucketError(f"failed to download: mkdir {place.parent}: not a directory") from error
                shutil.copyfile(path, place)

    def upload(self, source: Path, key: str) -> None:
        """Copies a folder's files; what a program did not write is passed over, and so are empty folders."""
        self._fail("upload output artifact", key)
        for path in sorted(source.rglob("*")) if source.is_dir() else ():
            if path.is_file():
                place = self.folder / key / path.relative_to(source)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)

    def _fail(self, what: str, key: str) -> None:
        if self.failures or self.away:
            self.failures = max(0, self.failures - 1)
            raise BucketError(f"failed to {what} {key}: bucket unavailable")
