"""A user's picture with its file and its bytes, and the set of all pictures. Imports labelled_files, no TensorFlow."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from acquisition.image_folders.labelled_files import LabelledFile
from experiment.errors import ThawError

_AGAIN = "Do not change the images while Thaw reads them, and run the same command again."


@dataclass(frozen=True)
class OwnImage:
    """One image of the user's.

    Attributes:
      image_id: hash of its pixels, the same for any file with these pixels.
      source: its file.
      start: position of its bytes in the file of re-encoded pictures; none: the user's own file is used.
      size_bytes, checksum: of its bytes, PNG or JPEG.
    """

    image_id: str
    source: LabelledFile
    start: int | None
    size_bytes: int
    checksum: int

    def encoded(self, kept: BinaryIO) -> bytes:
        """Its bytes.

        Args:
          kept: the file that read_pictures wrote.

        Raises:
          ThawError: the user's file has changed.
        """
        if self.start is not None:
            kept.seek(self.start)
            return kept.read(self.size_bytes)
        try:
            content = self.source.path.read_bytes()
        except OSError as error:
            raise ThawError(f"{self.source.path} can no longer be read: {error.strerror}. {_AGAIN}") from error
        if zlib.crc32(content) != self.checksum:
            raise ThawError(f"{self.source.path} changed while Thaw read it. {_AGAIN}")
        return content


@dataclass(frozen=True)
class PicturesRead:
    """All pictures, each content once.

    Attributes:
      images: ordered by id.
      groups: of each image; groups that share a picture have one name here, since they belong together.
      fingerprints: float32 [images, LENGTH].
      repeated: files left out because another one of the class has the same pixels.
      copied: pictures of the user's test split whose pixels were also in another split.
      reduced: pictures whose records are smaller than the user's files.
    """

    images: list[OwnImage]
    groups: list[str | None]
    fingerprints: np.ndarray
    repeated: list[str]
    copied: int
    reduced: int

    @property
    def joined(self) -> list[list[str]]:
        """The user's groups that share a picture, directly or through others; names in order."""
        names: dict[str, set[str]] = {}
        for image, group in zip(self.images, self.groups, strict=True):
            if group is not None and image.source.group is not None:
                names.setdefault(group, set()).add(image.source.group)
        return sorted(sorted(found) for found in names.values() if len(found) > 1)

    @property
    def torn(self) -> list[dict[str, OwnImage]]:
        """For each set of joined groups that lies in several of the user's splits, one picture per split."""
        places: dict[str, dict[str, OwnImage]] = {}
        for image, group in zip(self.images, self.groups, strict=True):
            if group is not None and image.source.split is not None:
                places.setdefault(group, {}).setdefault(image.source.split, image)
        return [found for found in places.values() if len(found) > 1]
