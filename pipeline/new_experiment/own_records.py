"""A user's images as the TFRecords that the pipeline reads, with CIFAR-10's classes. Imports acquisition, no TFX."""

from __future__ import annotations

import csv
import dataclasses
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from rich.console import Console

from acquisition.downloads.dataset import Dataset
from acquisition.image_folders import image_folder
from acquisition.image_folders.cifar_sources import PREFIX, cifar_images, foreign_domains
from acquisition.image_folders.image_folder import OwnImage
from acquisition.tfrecords.inspection import inspect_records
from acquisition.tfrecords.record_files import RecordFiles, find_record_files
from acquisition.tfrecords.record_layout import find_layout
from acquisition.tfrecords.tfrecords import write_examples
from experiment.changes import changed
from experiment.config import Data
from experiment.errors import ThawError
from pipeline.new_experiment.output_folder import IMAGES, RECORDS
from pipeline.new_experiment.own_settings import Wanted, chosen_target, own_domains
from terminal.console import progress_in

FindCifar = Callable[[], Dataset | None]
"""Finds CIFAR-10; it is called where a source could be made of it."""

CIFAR_MOST_PX = 64
"""Longer side of images that CIFAR-10's, of 32 pixels, can be a source for."""
_LOOSE_IMAGE = "{}*.png", "{}*.jpg", "{}*.jpeg", "{}*.bmp", "{}*.gif"


@dataclasses.dataclass(frozen=True)
class OwnData:
    """The records of an experiment on the user's images.

    Attributes:
      data: their layout and where they will lie.
      files: where they lie now.
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
    deep = [prefix + "*tfrecord*" for prefix in ("", "*/", "*/*/", "*/*/*/")]
    records = next((path for pattern in deep for path in sorted(folder.glob(pattern)) if path.is_file()), None)
    if records is None:
        return False
    patterns = [pattern.format(prefix) for pattern in _LOOSE_IMAGE for prefix in ("", "*/")]
    images = next((path for pattern in patterns for path in sorted(folder.glob(pattern))), None)
    if images is not None:
        raise ThawError(f"{folder} holds both TFRecords ({records.relative_to(folder)}) and images "
                        f"({images.relative_to(folder)}). Give a folder with one of the two.")  # fmt: skip
    return True


def from_images(
    folder: Path, draft: Path, out: Path, wanted: Wanted, find_cifar: FindCifar, terminal: Console
) -> OwnData:
    """Writes class folders of images as TFRecords, and images.csv.

    Args:
      folder: of the class folders.
      draft: where to write.
      out: where that will lie.
      wanted: see there.
      find_cifar: see FindCifar.
      terminal: for the progress bar.

    Raises:
      ThawError: an image or the folder can't be used, or `wanted` does not fit images.
    """
    if wanted.classes or any(wanted.keys.values()):
        raise ThawError("--classes, --image-key, --label-key and --id-key describe TFRecords; "
                        f"{folder} holds images, whose classes are the folders' names. Leave them out.")  # fmt: skip
    files = image_folder.find_images(folder)
    own = tuple(files)
    target = chosen_target(own, wanted.target)
    sizes = image_folder.image_sizes(files)
    size, reason = image_folder.choose_size(sizes, wanted.image_size_px)
    # Gone with the process, however it ends; 20,000 photos would not fit in memory.
    with tempfile.TemporaryFile(dir=draft) as kept:
        with progress_in(terminal, transient=True) as bar:
            task = bar.add_task("reading every image", total=sum(map(len, files.values())))
            images, repeated = image_folder.read_images(
                folder, files, kept, on_progress=lambda done: bar.update(task, completed=done)
            )
        cifar, domains, notes = _sources(own, size, find_cifar)
        if repeated:
            notes += (f"{len(repeated)} of the files repeat another of their class and are left out, "
                      f"{repeated[0]} among them.",)  # fmt: skip
        classes = (*own, *(PREFIX + name for names in domains.values() for name in names))
        labels = {name: label for label, name in enumerate(classes)}
        splits = _split(own, images)
        ids = {image.image_id for image in images}
        for split, chosen in splits.items():
            shards = [_examples(chosen, labels, kept)]
            if cifar is not None:
                shards.append(cifar_images(cifar, split, _cifar_labels(labels), size, ids))
            for number, shard in enumerate(shards):
                file = f"{wanted.name}-{split}.tfrecord-{number:05d}-of-{len(shards):05d}"
                write_examples(draft / RECORDS / split / file, shard)
    _write_table(draft / IMAGES, splits)
    same = set(sizes) == {(size[1], size[0])}
    data = Data(path=out.absolute() / RECORDS, image_shape=(*size, 3), resize=not same, classes=classes)
    found = find_record_files(draft / RECORDS)
    return OwnData(data, found, own, target, _all_domains(own, target, domains), reason, notes)


def from_records(
    folder: Path, draft: Path, out: Path, wanted: Wanted, find_cifar: FindCifar, terminal: Console
) -> OwnData:
    """Finds out the layout of TFRecords, which stay where they are; writes CIFAR-10's classes beside links to them.

    Args:
      folder: of the TFRecords.
      draft, out, wanted, find_cifar, terminal: as in from_images.

    Raises:
      ThawError: a record or the folder can't be used, or `wanted` does not fit TFRecords.
    """
    if wanted.image_size_px is not None:
        raise ThawError(f"{folder} holds TFRecords, whose images stay as they are. Leave --image-size out.")
    files = find_record_files(folder)
    data = find_layout(files, wanted.keys, wanted.classes)
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
    cifar, domains, notes = _sources(own, size, find_cifar) if channels == 3 else (None, {}, ())
    if cifar is not None:
        classes = (*own, *(PREFIX + name for names in domains.values() for name in names))
        labels = _cifar_labels({name: label for label, name in enumerate(classes)})
        keys = data.image_key, data.label_key, data.id_key if inspection.has_ids else None
        for split, paths in (("train", files.train), ("test", files.test)):
            linked = _link(paths, draft / RECORDS / split, f"{wanted.name}-{split}")
            write_examples(linked, cifar_images(cifar, split, labels, (size[0], size[1]), ()), keys)
        data = changed(data, path=out.absolute() / RECORDS, classes=classes)
        files = find_record_files(draft / RECORDS)
    return OwnData(data, files, own, target, _all_domains(own, target, domains), reason, notes)


def _sources(
    own: tuple[str, ...], size: Sequence[int], find_cifar: FindCifar
) -> tuple[RecordFiles | None, dict[str, tuple[str, ...]], tuple[str, ...]]:
    """CIFAR-10's files, the classes to take of it by domain, and what was left out.

    Images that are much larger than CIFAR-10's have ImageNet's weights to begin with, which were learnt at their size.
    """
    if max(size) > CIFAR_MOST_PX:
        return None, {}, ()
    domains, shared = foreign_domains(own)
    notes = tuple(
        f"CIFAR-10's {domain} is no source: it has your class {name!r} too, and would flatter the transfer."
        for domain, name in shared.items()
    )
    if not domains:
        return None, {}, notes
    dataset = find_cifar()
    if dataset is None or dataset.synthetic:
        return None, {}, (*notes, f"CIFAR-10 is not available, so {' and '.join(domains)} are no sources. Name its "
                          "folder with CIFAR10_DIR to have them.")  # fmt: skip
    return dataset.files, domains, notes


def _all_domains(
    own: tuple[str, ...], target: tuple[str, ...], cifar: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    named = {domain: tuple(PREFIX + name for name in names) for domain, names in cifar.items()}
    return own_domains(own, target) | named


def _cifar_labels(labels: Mapping[str, int]) -> dict[str, int]:
    return {name.removeprefix(PREFIX): label for name, label in labels.items() if name.startswith(PREFIX)}


def _examples(images: list[OwnImage], labels: Mapping[str, int], kept: BinaryIO) -> Iterator[tuple[bytes, int, bytes]]:
    """(PNG or JPEG, label, id) of each image, one in memory at a time."""
    for image in images:
        yield image.encoded(kept), labels[image.class_name], image.image_id.encode()


def _split(own: tuple[str, ...], images: list[OwnImage]) -> dict[str, list[OwnImage]]:
    """The images of each split, in the order of their ids."""
    test: set[str] = set()
    for name in own:
        test |= image_folder.chosen_for_test(image.image_id for image in images if image.class_name == name)
    return {
        "train": [image for image in images if image.image_id not in test],
        "test": [image for image in images if image.image_id in test],
    }


def _write_table(path: Path, splits: Mapping[str, list[OwnImage]]) -> None:
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(("split", "class", "file", "id"))
        for split, images in splits.items():
            writer.writerows((split, image.class_name, image.file, image.image_id) for image in images)


def _link(paths: tuple[Path, ...], folder: Path, stem: str) -> Path:
    """Links the files as shards of one set, and gives the path of one more.

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
