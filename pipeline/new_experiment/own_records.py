"""A user's TFRecords as the pipeline reads them, with CIFAR-10's classes. Imports acquisition, no TFX."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pydantic
from rich.console import Console

from acquisition.data_sources.locate_dataset import Dataset
from acquisition.image_folders.cifar_sources import PREFIX, cifar_images, foreign_domains, is_val
from acquisition.image_folders.image_folder import IMAGE_SUFFIXES
from acquisition.tfrecords.inspection import inspect_records
from acquisition.tfrecords.record_files import RecordFiles, find_record_files
from acquisition.tfrecords.record_layout import find_layout, unused_features
from acquisition.tfrecords.tfrecords import write_examples
from experiment.changes import changed
from experiment.config import Data
from experiment.errors import ThawError, listed, worded
from pipeline.new_experiment.output_folder import RECORDS
from pipeline.new_experiment.own_settings import chosen_target, own_domains
from pipeline.new_experiment.wanted import Wanted
from terminal.console import progress_in

FindCifar = Callable[[], Dataset | None]
"""Finds CIFAR-10; called if a source could be made of it."""

NAMED = 8
"""Most features that a message names."""
CIFAR_MOST_PX = 64
"""Most pixels of the longer side of images for which CIFAR-10's, of 32 pixels, can be a source."""


@dataclasses.dataclass(frozen=True)
class OwnData:
    """The records of an experiment on the user's images.

    Attributes:
      data: their layout and their final place.
      files: their current place.
      own_classes: the user's.
      target: classes to tell apart.
      domains: classes of each source.
      size_reason: why the images have their size.
      notes: what the user should know.
    """

    data: Data
    files: RecordFiles
    own_classes: tuple[str, ...]
    target: tuple[str, ...]
    domains: dict[str, tuple[str, ...]]
    size_reason: str
    notes: tuple[str, ...]


def holds_records(folder: Path) -> bool:
    """Whether the folder holds TFRecords rather than class folders of images.

    Raises:
      ThawError: it holds both.
    """
    deep = ["*/" * depth + "*tfrecord*" for depth in range(4)]
    records = next((path for path in _files(folder, deep) if not _is_image(path)), None)
    if records is None:
        return False
    images = next(filter(_is_image, _files(folder, ["*", "*/*"])), None)
    if images is not None:
        raise ThawError(f"{folder} holds both TFRecords ({records.relative_to(folder)}) and images "
                        f"({images.relative_to(folder)}). Give a folder with only one of the two.")  # fmt: skip
    return True


def _files(folder: Path, patterns: Iterable[str]) -> Iterator[Path]:
    return (path for pattern in patterns for path in sorted(folder.glob(pattern)) if path.is_file())


def _is_image(path: Path) -> bool:
    """Whether it has the name of an image and is not hidden, like the files that macOS adds."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def from_records(
    folder: Path, draft: Path, out: Path, wanted: Wanted, find_cifar: FindCifar, terminal: Console
) -> OwnData:
    """Determines the layout of TFRecords, which stay in their place; writes CIFAR-10's classes next to links to them.

    Args:
      folder: of the TFRecords.
      draft: where to write.
      out: where that will lie.
      wanted: see there.
      find_cifar: see FindCifar.
      terminal: for the progress bar.

    Raises:
      ThawError: a record or the folder can't be used, or `wanted` does not fit TFRecords.
    """
    if wanted.pictures.asked:
        raise ThawError(f"{folder} holds TFRecords, whose split and images stay as they are. Leave --group, "
                        "--near-duplicates, --keep-originals and names of columns out.")  # fmt: skip
    if wanted.image_size_px is not None:
        raise ThawError(f"{folder} holds TFRecords, whose images stay as they are. Leave --image-size out.")
    files = find_record_files(folder)
    data = _layout(files, wanted)
    *size, channels = data.image_shape
    if channels not in (1, 3):
        raise ThawError(f"The images in {files.folder} have {channels} channels. Expected 3 (RGB) or 1 (grey); convert "
                        "them.")  # fmt: skip
    with progress_in(terminal, transient=True) as bar:
        task = bar.add_task("checking every record", total=None)
        inspection = inspect_records(files, data, lambda done: bar.update(task, completed=done))
    own = data.classes
    target = chosen_target([name for name in own if inspection.train_counts[name]], wanted.target)
    reason = "all images have it"
    cifar, domains, notes = other_sources(own, size, find_cifar) if channels == 3 else (None, {}, ())
    notes += tuple(_on_unused(unused_features(files, data)))
    if cifar is not None:
        classes = (*own, *(PREFIX + name for names in domains.values() for name in names))
        labels = cifar_labels({name: label for label, name in enumerate(classes)})
        keys = data.image_key, data.label_key, data.id_key if inspection.has_ids else None
        val = (data.val_key, is_val) if data.val_key else None
        group = (data.group_key, lambda name: name) if data.group_key else None  # each image alone
        for split, paths in (("train", files.train), ("test", files.test)):
            linked = _link(paths, draft / RECORDS / split, f"{wanted.name}-{split}")
            write_examples(linked, cifar_images(cifar, split, labels, (size[0], size[1]), ()), keys, val, group)
        data = changed(data, path=out.absolute() / RECORDS, classes=classes)
        files = find_record_files(draft / RECORDS)
    return OwnData(data, files, own, target, all_domains(own, target, domains), reason, notes)


def _layout(files: RecordFiles, wanted: Wanted) -> Data:
    try:
        found = find_layout(files, wanted.keys, wanted.classes)
        return changed(found, val_key=wanted.keys.get("val"), group_key=wanted.keys.get("group"))
    except pydantic.ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ThawError(f"The features of the records in {files.folder} are inconsistent: {reason}. The options "
                        "are --image-key, --label-key, --id-key, --val-key and --group-key.") from error  # fmt: skip


def _on_unused(names: Sequence[str]) -> Iterator[str]:
    """A misspelt or forgotten --group-key would let images of a group be in train and in test."""
    if names:
        more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
        yield (f"Features of the records that are not used: {listed(names[:NAMED])}{more}. If one says which "
               "images belong together, such as a person, give it as --group-key, with --val-key.")  # fmt: skip


def other_sources(
    own: tuple[str, ...], size: Sequence[int], find_cifar: FindCifar
) -> tuple[RecordFiles | None, dict[str, tuple[str, ...]], tuple[str, ...]]:
    """CIFAR-10's files, the classes to take of it by domain, and what was left out.

    Much larger images use ImageNet's weights instead, which were learned at their size.
    """
    if max(size) > CIFAR_MOST_PX:
        return None, {}, ()
    domains, shared = foreign_domains(own)
    notes = tuple(
        f"CIFAR-10's {domain} is not a source: it also has your class {name!r}, so its gain would be overestimated."
        for domain, name in shared.items()
    )
    if not domains:
        return None, {}, notes
    dataset = find_cifar()
    if dataset is None or dataset.synthetic:
        return None, {}, (*notes, f"CIFAR-10 is not available, so {' and '.join(domains)} "
                          f"{worded(len(domains), 'is not a source', 'are not sources')}. Name its folder with "
                          f"CIFAR10_DIR to add {worded(len(domains), 'it', 'them')}.")  # fmt: skip
    return dataset.files, domains, notes


def all_domains(
    own: tuple[str, ...], target: tuple[str, ...], cifar: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """The classes of each source: those that are not the target's, and CIFAR-10's under their new names."""
    named = {domain: tuple(PREFIX + name for name in names) for domain, names in cifar.items()}
    return own_domains(own, target) | named


def cifar_labels(labels: Mapping[str, int]) -> dict[str, int]:
    """Labels of CIFAR-10's classes by CIFAR-10's own names."""
    return {name.removeprefix(PREFIX): label for name, label in labels.items() if name.startswith(PREFIX)}


def _link(paths: tuple[Path, ...], folder: Path, stem: str) -> Path:
    """Links the files as shards of one set, and returns the path of one more.

    Raises:
      ThawError: some are compressed and some are not.
    """
    endings = {".gz" if path.suffix == ".gz" else "" for path in paths}
    if len(endings) > 1:
        raise ThawError(f"{paths[0].parent} mixes compressed and plain TFRecords. Keep one kind there.")
    [ending] = endings
    folder.mkdir(parents=True)
    places: Iterator[Path] = (
        folder / f"{stem}.tfrecord-{number:05d}-of-{len(paths) + 1:05d}{ending}" for number in range(len(paths) + 1)
    )
    for path, place in zip(paths, places, strict=False):
        os.symlink(path.absolute(), place)
    return folder / f"{stem}.tfrecord-{len(paths):05d}-of-{len(paths) + 1:05d}{ending}"
