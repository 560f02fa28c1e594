"""images.csv and near_duplicates.csv, and `thaw init`'s messages about a split. Imports acquisition."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from acquisition.image_folders.image_folder import hidden_images
from acquisition.image_folders.label_table import is_table
from acquisition.image_folders.own_images import OwnImage, PicturesRead
from acquisition.image_folders.picture_reading import MOST_BYTES, REDUCED_PX
from acquisition.splits.division import Division
from acquisition.splits.names import LEFT_OUT, SPLITS, TEST, TRAIN, VAL
from acquisition.splits.near_duplicates_file import NEAR
from acquisition.splits.units import joined_units
from experiment.errors import counted, printable, worded
from pipeline.new_experiment.output_folder import IMAGES

UNBALANCED = 2
"""Ratio of the largest class to the smallest from which on there is a message."""
OFF_POINTS = 5
"""Percentage points by which a class's share of test may differ from the wanted one without a message."""
ORDER = (*SPLITS, LEFT_OUT)


def write_tables(folder: Path, images: Sequence[OwnImage], division: Division) -> None:
    """Writes images.csv, with a row per image, and, if there are any sets, near_duplicates.csv, with a row per
    image in one."""
    rows = [
        (split, image.source.class_name, image.source.file, image.image_id, image.source.group or "")
        for image, split in zip(images, division.splits, strict=True)
    ]
    rows.sort(key=lambda row: ORDER.index(row[0]))
    _write(folder / IMAGES, ("split", "class", "file", "id", "group"), rows)
    if not division.near.sets:
        return
    near = []
    for number, places in enumerate(division.near.sets, start=1):
        for place in places:
            nearest, similarity = division.near.nearest[place]
            image = images[place]
            near.append((number, division.splits[place], image.source.class_name, image.source.file, image.image_id,
                         images[nearest].source.file, f"{similarity:.3f}"))  # fmt: skip
    _write(folder / NEAR, ("set", "split", "class", "file", "id", "nearest", "similarity"), near)


def _write(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)


def notes_on_hidden(folder: Path) -> Iterator[str]:
    """A message on files left out because a name begins with a dot."""
    hidden = [] if is_table(folder) else hidden_images(folder)
    if hidden:
        whose = worded(len(hidden), "its name or that of its", "their name or that of their")
        yield (f"{counted(len(hidden), 'image is', 'images are')} left out, since {whose} folder begins with a dot, "
               f"such as {printable(hidden[0])}. Rename those to be used.")  # fmt: skip


def notes_on(read: PicturesRead, division: Division) -> Iterator[str]:
    """Messages for the user about the images read and their splits."""
    if read.repeated:
        copies = counted(len(read.repeated), "file is a copy of another of its class and is",
                         "files are copies of another of their class and are")  # fmt: skip
        yield f"{copies} left out, such as {read.repeated[0]}."
    if read.copied:
        yield (f"{read.copied:,} of your test images {worded(read.copied, 'was', 'were')} also in train or val, "
               f"pixel for pixel; {worded(read.copied, 'it stays', 'they stay')} only in test.")  # fmt: skip
    if read.reduced:
        yield (f"All records would take more than {MOST_BYTES / 2**20:.0f} MiB, so "
               f"{counted(read.reduced, 'image is', 'images are')} kept smaller, with {REDUCED_PX} pixels on the "
               f"shorter side, as JPEG of quality 92. For {worded(read.reduced, 'this', 'these')} alone, served "
               "originals get probabilities that differ a little from evaluation's. --keep-originals keeps all as they "
               "are.")  # fmt: skip
    yield from _on_split(read, division)
    yield from _on_near_duplicates(read.images, division)
    counts = Counter(image.source.class_name for image in read.images)
    most, fewest = max(counts.values()), min(counts.values())
    if most >= UNBALANCED * fewest:
        yield (f"The classes have from {fewest:,} to {most:,} images. Every training takes as many of each, so the "
               "smallest class limits n. Test keeps your proportions: read accuracy by class together with "
               "accuracy.")  # fmt: skip


def _on_split(read: PicturesRead, division: Division) -> Iterator[str]:
    images = read.images
    if len(division.drawn) < 2:
        shares = {TEST: "a quarter", VAL: "a fifth"}
        drawn = [f"{shares[split]} of train is now {split}" for split in division.drawn]
        yield "Your own split is kept" + (f"; it lacks {division.drawn[0]}, so {drawn[0]}." if drawn else ".")
    groups: dict[str, set[str]] = {}
    for image, split in zip(images, division.splits, strict=True):
        if image.source.group is not None:
            groups.setdefault(image.source.group, set()).add(split)
    grouped = sum(image.source.group is not None for image in images)
    if groups and len(groups) == grouped:
        yield (f"Each of the {grouped:,} groups is a single image, so groups have no effect: if images of one "
               "person, place or moment are in train and test, every accuracy is too high.")  # fmt: skip
    elif groups:
        units = _joined_splits(images, division)
        joined = (
            f"; near-duplicates join them to {len(units):,} ({_by_split(units)})" if len(units) < len(groups) else ""
        )
        yield f"{counted(len(groups), 'group')}, each in one split ({_by_split(groups.values())}){joined}."
    yield from _on_joined_groups(read)
    yield from _uneven(images, division)


def _by_split(found: Iterable[set[str]]) -> str:
    """How many groups have images in train, in val and in test, in words."""
    parts = Counter(split for splits in found for split in splits)
    return ", ".join(f"{parts[split]:,} {split}" for split in SPLITS)


def _joined_splits(images: Sequence[OwnImage], division: Division) -> list[set[str]]:
    """The splits of each group, with groups that near-duplicates join as one."""
    kept = {place for place, split in enumerate(division.splits) if split != LEFT_OUT}
    named = {place: images[place].source.group for place in sorted(kept)}
    groups = {place: group for place, group in named.items() if group is not None}
    sets = [sorted(kept.intersection(places)) for places in division.near.sets]
    units = joined_units([image.image_id for image in images], [0] * len(images), groups, sets)
    return [{division.splits[place] for place in unit.members} for unit in units if groups.keys() & unit.members]


def _on_joined_groups(read: PicturesRead) -> Iterator[str]:
    """Messages on groups that contain the same image, in one of the user's splits or in several."""
    if read.torn:
        where = " and ".join(f"{image.source.group!r} in {split}" for split, image in read.torn[0].items())
        more = counted(len(read.torn), "set of groups with", "sets of groups with")
        yield (f"{more} the same image {worded(len(read.torn), 'is', 'are')} in several of your splits, such as "
               f"{where}. The image stays in one; if others of these groups are alike, test accuracy is too high. "
               "Move their files together, or leave the split to Thaw.")  # fmt: skip
    elif read.joined:
        first, second, *_ = read.joined[0]
        yield (f"{sum(map(len, read.joined)):,} of the groups contain the same image as another group and stay in "
               f"one split with it, such as {first!r} and {second!r}.")  # fmt: skip


def _uneven(images: Sequence[OwnImage], division: Division) -> Iterator[str]:
    """Classes whose share of test is far from a quarter, since groups and near-duplicates stay whole."""
    if TEST not in division.drawn:
        return
    every = Counter(image.source.class_name for image in images)
    tested = Counter(
        image.source.class_name for image, split in zip(images, division.splits, strict=True) if split == TEST
    )
    off = [name for name in sorted(every)
           if abs(tested[name] - every[name] / 4) > max(2, OFF_POINTS / 100 * every[name])]  # fmt: skip
    if off:
        words = ", ".join(f"{name} {tested[name]} of {every[name]}" for name in off[:5])
        more = f" and {len(off) - 5} more" if len(off) > 5 else ""
        yield f"Groups and near-duplicates stay whole, so test is not a quarter of every class: {words}{more}."


def _on_near_duplicates(images: Sequence[OwnImage], division: Division) -> Iterator[str]:
    near = division.near
    if near.tightened:
        yield (f"{near.tightened:,} images are so alike (one background?) that they would have joined most of a "
               "class. Thaw used a stricter threshold for them, which finds copies but may miss neighbouring frames; "
               "use --group for images that you know belong together.")  # fmt: skip
    if not near.sets:
        return
    first = [images[place].source.file for place in near.sets[0][:2]]
    inside = sum(map(len, near.sets))
    left_out = division.splits.count(LEFT_OUT)
    kept = "Each set is in one split" + (" alone" if not left_out else "")
    yield (f"{inside:,} images are near-duplicates (saved again, re-scaled, mirrored, frames of a burst), in "
           f"{_sets(len(near.sets))}, such as {first[0]} and {first[1]}. {kept}; {NEAR} lists them.")  # fmt: skip
    mixed = [places for places in near.sets if len({images[place].source.class_name for place in places}) > 1]
    if mixed:
        one, other = _of_two_classes(images, mixed[0])
        yield (f"{len(mixed):,} of {_sets(len(near.sets))} {worded(len(mixed), 'has', 'have')} images of different "
               f"classes, such as {one} and {other}: check their labels.")  # fmt: skip
    if left_out:
        total = division.splits.count(TEST)
        without = Counter(image.source.split for image, split in zip(images, division.splits, strict=True)
                          if split == LEFT_OUT)  # fmt: skip
        words = " and ".join(f"{count:,} of {split or TRAIN}" for split, count in sorted(without.items(), key=str))
        yield (f"{division.duplicated:,} of your {counted(total, 'test image')} "
               f"{worded(division.duplicated, 'has', 'have')} a near-duplicate in another split of yours. {words} "
               f"{worded(left_out, 'is left out, since it', 'are left out, since they')} would inflate every accuracy; "
               f"--near-duplicates ignore keeps {worded(left_out, 'it', 'them')}.")  # fmt: skip


def _sets(count: int) -> str:
    return counted(count, "set")


def _of_two_classes(images: Sequence[OwnImage], places: Sequence[int]) -> tuple[str, str]:
    first = images[places[0]].source
    other = next(images[place].source for place in places if images[place].source.class_name != first.class_name)
    return first.file, other.file
