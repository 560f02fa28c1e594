"""Finds the images, in a fixed order of places, or makes them. Imports no TensorFlow itself, no component."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from acquisition.data_sources import cifar10
from acquisition.data_sources.base_folders import Places
from acquisition.data_sources.download import download
from acquisition.synthetic_images import synthetic
from acquisition.tfrecords.record_files import RecordFiles, find_record_files
from experiment.errors import ThawError, home_expanded

_SYNTHETIC = "SYNTHETIC"


@dataclass(frozen=True)
class Dataset:
    """The images of an experiment.

    Attributes:
      name: short, for tables and pictures; `SYNTHETIC` where Thaw drew the images.
      origin: one sentence that says where they were found.
      synthetic: whether Thaw drew them.
      files: their TFRecords.
    """

    name: str
    origin: str
    synthetic: bool
    files: RecordFiles


def locate_dataset(
    explicit: Path | None,
    places: Places,
    environment: Mapping[str, str],
    *,
    say: Callable[[str], None],
    download_timeout_s: float = 5.0,
    archive: cifar10.Archive = cifar10.OFFICIAL,
    synthetic_counts: tuple[int, int] = (1500, 300),
) -> Dataset:
    """Takes the first data there is, and says which.

    Looked for in this order: the explicit path; CIFAR10_DIR; `../shared/data/cifar10` from the project's
    root; the cache; a TFDS copy; a download of the official archive; last, images that Thaw draws itself.

    Args:
      explicit: a folder given by the user.
      places: where to look.
      environment: the process's environment; `CIFAR10_DIR` is read.
      say: told in one line which was taken, and in one line for each that was there but failed.
      download_timeout_s: how long to wait for the server.
      archive: what to download.
      synthetic_counts: training and test images per class of the synthetic set.

    Raises:
      ThawError: the explicit path or CIFAR10_DIR can't be used, or the cache can't be written.
    """
    if explicit is not None:
        return _taken(find_record_files(home_expanded(explicit)), "given explicitly", say)
    found = locate_cifar10(places, environment, say=say, download_timeout_s=download_timeout_s, archive=archive)
    if found is not None:
        return found
    drawn = places.cache / f"synthetic-{synthetic.VERSION}-{synthetic_counts[0]}-{synthetic_counts[1]}"
    if not drawn.exists():
        say("Data: no images found. Thaw draws a synthetic set, which takes about a minute.")
        _build(drawn, lambda folder: synthetic.write_synthetic(folder, *synthetic_counts))
    return _taken(find_record_files(drawn), "drawn by Thaw: no photographs", say)


def locate_cifar10(
    places: Places,
    environment: Mapping[str, str],
    *,
    say: Callable[[str], None],
    download_timeout_s: float = 5.0,
    archive: cifar10.Archive = cifar10.OFFICIAL,
) -> Dataset | None:
    """CIFAR-10 from CIFAR10_DIR or a place after it; None where neither has it; locate_dataset draws images then.

    Args:
      places, environment, say, download_timeout_s, archive: as in locate_dataset.

    Raises:
      ThawError: CIFAR10_DIR can't be used, or the cache can't be written.
    """
    if variable := environment.get("CIFAR10_DIR"):
        try:
            return _taken(find_record_files(home_expanded(Path(variable))), "named by CIFAR10_DIR", say)
        except ThawError as error:
            raise ThawError(f"CIFAR10_DIR can't be used. {error} Or unset CIFAR10_DIR.") from error
    cached = places.cache / "cifar10"
    folders = {"shared data": places.shared / "cifar10", "Thaw's cache": cached, "a TFDS copy": places.tfds / "cifar10"}
    for origin, folder in folders.items():
        if folder.exists():
            try:
                return _taken(find_record_files(folder), origin, say)
            except ThawError as error:
                say(f"Data: {origin} is not used. {error}")
    try:
        _fetch(archive, cached, download_timeout_s)
        return _taken(find_record_files(cached), f"downloaded from {archive.url}", say)
    except ThawError as error:
        say(f"Data: no download. {error}")
    return None


def _taken(files: RecordFiles, origin: str, say: Callable[[str], None]) -> Dataset:
    # Known by the names of its files, so that a copy of the drawn set never passes for photographs.
    drawn = all(path.name.startswith(f"{synthetic.NAME}-train.") for path in files.train)
    dataset = Dataset(
        name=_SYNTHETIC if drawn else _never_drawn(files.name),
        origin=f"{'SYNTHETIC images' if drawn else 'Images'} in {files.folder}, {origin}.",
        synthetic=drawn,
        files=files,
    )
    say(f"Data: {dataset.origin}")
    return dataset


def _never_drawn(name: str) -> str:
    """The name of images that Thaw did not draw, which must not read as if it had: a user's folder `synthetic`, say."""
    return f"own {name}" if name.upper().startswith(_SYNTHETIC) else name


def _fetch(archive: cifar10.Archive, folder: Path, timeout_s: float) -> None:
    """Downloads the archive, converts it into the folder, and removes it."""
    file = folder.parent / "downloads" / "cifar-10-python.tar.gz"
    try:
        download(archive.url, file, size_bytes=archive.size_bytes, md5=archive.md5, timeout_s=timeout_s)
    except OSError as error:
        raise _unwritable(file.parent, error) from error
    _build(folder, lambda temporary: cifar10.convert_archive(file, temporary))
    file.unlink()


def _build(folder: Path, write: Callable[[Path], None]) -> None:
    """Lets `write` fill a temporary folder and renames it, so that a half-written set is never found."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
            finished = Path(temporary) / folder.name
            write(finished)
            if folder.exists():
                shutil.rmtree(folder)  # our own cache, found unusable before
            os.replace(finished, folder)
    except OSError as error:
        raise _unwritable(folder.parent, error) from error


def _unwritable(folder: Path, error: OSError) -> ThawError:
    return ThawError(f"The cache {folder} can't be written ({error}). Expected a folder with room for the "
                     "data; free some space, or choose another cache.")  # fmt: skip
