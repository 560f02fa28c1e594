"""A user's pictures as the TFRecords that the pipeline reads, with CIFAR-10's classes. Imports acquisition, no TFX."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from rich.console import Console

from acquisition.image_folders import image_folder
from acquisition.image_folders.cifar_sources import PREFIX, cifar_images, is_val
from acquisition.image_folders.image_files import Header
from acquisition.image_folders.label_table import is_table, read_labels
from acquisition.image_folders.labelled_files import LabelledFile
from acquisition.image_folders.own_images import OwnImage, PicturesRead
from acquisition.image_folders.picture_reading import read_pictures, reduces
from acquisition.image_folders.reading_journal import ReadingJournal, reading_journal
from acquisition.splits.division import Division, Pictures, divide
from acquisition.splits.names import SPLITS, TEST, TRAIN, VAL
from acquisition.splits.units import joined_units
from acquisition.tfrecords.record_files import find_record_files
from acquisition.tfrecords.tfrecords import write_examples
from experiment.config import Data
from experiment.errors import ThawError, counted
from pipeline.new_experiment.output_folder import RECORDS
from pipeline.new_experiment.own_records import FindCifar, OwnData, all_domains, cifar_labels, other_sources
from pipeline.new_experiment.own_settings import chosen_target
from pipeline.new_experiment.picture_options import PictureOptions
from pipeline.new_experiment.picture_tables import notes_on, notes_on_hidden, write_tables
from pipeline.new_experiment.wanted import Wanted
from terminal.console import progress_in

RESUMED_FROM = 500
"""From this many pictures on, the results of reading are kept until the experiment is made; fewer are read again in
seconds."""
VAL_KEY = "in_val"
"""Feature of the records: 1 if a training image is val."""
GROUP_KEY = "group"
"""Feature of the records: the name of the image's group or set of near-duplicates, its own id if it has neither."""


def from_images(
    folder: Path, draft: Path, out: Path, wanted: Wanted, find_cifar: FindCifar, terminal: Console
) -> OwnData:
    """Writes pictures as TFRecords, images.csv, and near_duplicates.csv if there are any.

    Args:
      folder: of class folders, or of splits with class folders; or a CSV file.
      draft: where to write.
      out: its final place.
      wanted: see there.
      find_cifar: see FindCifar.
      terminal: for the progress bar.

    Raises:
      ThawError: an image, the folder or the CSV file can't be used, or `wanted` does not fit images.
    """
    files = _found(folder, wanted)
    own = tuple(sorted({one.class_name for one in files}))
    target = chosen_target(own, wanted.target)
    with _told(terminal, "reading every image's header", len(files)) as tell:
        headers = image_folder.image_headers(files, tell)
    sizes = image_folder.sizes_of(headers)
    size, reason = image_folder.choose_size(sizes, wanted.image_size_px)
    journal_folder = out.parent / f".{out.name}-reading" if len(files) >= RESUMED_FROM else None
    # Beside the records: /tmp may be small, or in memory.
    with reading_journal(journal_folder, draft) as journal:
        read, division = _read_and_divided(files, headers, journal, own, target, wanted.pictures, terminal)
        cifar, domains, notes = other_sources(own, size, find_cifar)
        classes = (*own, *(PREFIX + name for names in domains.values() for name in names))
        labels = {name: label for label, name in enumerate(classes)}
        splits, groups = _by_split(read.images, division), _groups(read, division)
        group = (GROUP_KEY, lambda name: groups.get(name, name.decode()).encode()) if groups else None
        for split in (TRAIN, TEST):
            images = sorted(splits[TRAIN] + splits[VAL], key=_id) if split == TRAIN else splits[TEST]
            with _told(terminal, f"writing {split}", len(images)) as tell:
                shards = [(_examples(images, labels, journal.written, tell), _among(splits[VAL]))]
                if cifar is not None:
                    others = cifar_images(cifar, split, cifar_labels(labels), size, {*map(_id, read.images)})
                    shards.append((others, is_val))
                for number, (shard, in_val) in enumerate(shards):
                    file = f"{wanted.name}-{split}.tfrecord-{number:05d}-of-{len(shards):05d}"
                    write_examples(draft / RECORDS / split / file, shard, val=(VAL_KEY, in_val), group=group)
        write_tables(draft, read.images, division)
    # A PNG's orientation is known only after reading, so a re-encoded one may have swapped its sides.
    turned = size[0] != size[1] and any(image.start is not None for image in read.images)
    # Records of a fixed shape have three channels; a grey file has one.
    grey = any(header.grey for header in headers)
    same = not (read.reduced or turned or grey) and set(sizes) == {(size[1], size[0])}
    data = Data(
        path=out.absolute() / RECORDS, image_shape=(*size, 3), resize=not same, classes=classes, val_key=VAL_KEY,
        group_key=GROUP_KEY if groups else None,
    )  # fmt: skip
    found = find_record_files(draft / RECORDS)
    notes += (*notes_on_hidden(folder), *notes_on(read, division))
    return OwnData(data, found, own, target, all_domains(own, target, domains), reason, notes)


def _found(folder: Path, wanted: Wanted) -> list[LabelledFile]:
    options = wanted.pictures
    if wanted.classes or any(wanted.keys.values()):
        raise ThawError("--classes, --image-key, --val-key and the like describe TFRecords; "
                        f"{folder} has none. Leave them out: the classes of images come from the names "
                        "of their folders, or from a CSV file.")  # fmt: skip
    if is_table(folder):
        return read_labels(folder, options.columns, options.ignored, options.grouping)
    if options.of_table:
        raise ThawError(f"--ignore-column, --file-column and the like describe a CSV file; {folder} is a folder. Leave "
                        "them out, or give the CSV file in its place.")  # fmt: skip
    return image_folder.find_images(folder, options.grouping)


def _read_and_divided(
    files: Sequence[LabelledFile], headers: Sequence[Header], journal: ReadingJournal, own: Sequence[str],
    target: Sequence[str], options: PictureOptions, terminal: Console,
) -> tuple[PicturesRead, Division]:  # fmt: skip
    if len(journal):
        were = counted(len(journal), "image was read before and is", "images were read before and are")
        terminal.print(f"{were} not read again.")
    with _told(terminal, "reading every image", len(files)) as tell:
        read = read_pictures(files, headers, journal, reduce=reduces(headers, options.keep_originals), on_progress=tell)
    pictures = Pictures(
        [image.image_id for image in read.images],
        [own.index(image.source.class_name) for image in read.images],
        read.groups,
        [image.source.split for image in read.images],
        read.fingerprints,
    )
    with _told(terminal, "looking for near-duplicates", len(read.images)) as tell:
        labels = [own.index(name) for name in target]
        return read, divide(pictures, own, together=options.together, target=labels, on_progress=tell)


def _groups(read: PicturesRead, division: Division) -> dict[bytes, str]:
    """Name of the group, by id, of pictures that belong to one.

    Names differ between splits: near-duplicates that are left out, and copies of one picture, may join groups of two of
    the user's splits, but no group of the records may be in both.
    """
    found: dict[bytes, str] = {}
    for split in SPLITS:
        places = [place for place, given in enumerate(division.splits) if given == split]
        number = {place: position for position, place in enumerate(places)}
        ids = [read.images[place].image_id for place in places]
        named = {number[place]: group for place in places if (group := read.groups[place]) is not None}
        sets = [[number[one] for one in members if one in number] for members in division.near.sets]
        units = joined_units(ids, [0] * len(ids), named, filter(None, sets))
        found |= {ids[place].encode(): unit.key for unit in units if unit.size > 1 for place in unit.members}
    return found


@contextlib.contextmanager
def _told(terminal: Console, label: str, total: int) -> Iterator[Callable[[int], None]]:
    with progress_in(terminal, transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.update(task, completed=done)


def _by_split(images: Sequence[OwnImage], division: Division) -> dict[str, list[OwnImage]]:
    found: dict[str, list[OwnImage]] = {TRAIN: [], VAL: [], TEST: []}
    for image, split in zip(images, division.splits, strict=True):
        if split in found:
            found[split].append(image)
    return found


def _examples(
    images: Sequence[OwnImage], labels: Mapping[str, int], kept: BinaryIO, tell: Callable[[int], None]
) -> Iterator[tuple[bytes, int, bytes]]:
    """(PNG or JPEG, label, id) of each image, one in memory at a time."""
    for done, image in enumerate(images, start=1):
        yield image.encoded(kept), labels[image.source.class_name], image.image_id.encode()
        tell(done)


def _among(images: Sequence[OwnImage]) -> Callable[[bytes], bool]:
    ids = {image.image_id.encode() for image in images}
    return lambda image_id: image_id in ids


def _id(image: OwnImage) -> str:
    return image.image_id
