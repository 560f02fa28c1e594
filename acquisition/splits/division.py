"""Divides pictures into train, val and test, whole units at a time. Imports the modules beside it and errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from acquisition.splits.names import LEAST, LEFT_OUT, SPLITS, TEST, TRAIN, VAL
from acquisition.splits.near_duplicates import NearDuplicates, find_near_duplicates
from acquisition.splits.split_choice import Wish, chosen_units
from acquisition.splits.units import Unit, joined_units
from experiment.errors import ThawError

TEST_FRACTION, VAL_FRACTION = 0.25, 0.2
"""Shares of test among all pictures, and of val among the rest."""


@dataclass(frozen=True)
class Pictures:
    """The input of a division, one entry per picture.

    Attributes:
      ids: all different.
      labels: numbers of the classes, from 0.
      groups: names; none: no group.
      splits: the user's; none: the user gave none.
      fingerprints: float32 [pictures, LENGTH].
    """

    ids: Sequence[str]
    labels: Sequence[int]
    groups: Sequence[str | None]
    splits: Sequence[str | None]
    fingerprints: np.ndarray


@dataclass(frozen=True)
class Division:
    """The split of every picture.

    Attributes:
      splits: of each picture: train, val, test or left out.
      near: sets of near-duplicates.
      drawn: the splits that Thaw chose.
      duplicated: test pictures that had a near-duplicate in another split of the user's.
    """

    splits: list[str]
    near: NearDuplicates
    drawn: tuple[str, ...]
    duplicated: int


def divide(
    pictures: Pictures, classes: Sequence[str], *, together: bool, target: Collection[int] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Division:  # fmt: skip
    """Divides pictures so that no group and no set of near-duplicates is in two splits.

    The user's splits stay; a missing test or val is drawn from train. If near-duplicates lie in several of the user's
    splits, those in test stay, else those in val; the others are left out.

    Args:
      pictures: to divide.
      classes: names by number.
      together: whether to look for near-duplicates.
      target: classes of which a drawn test split gets at least two units, if there are enough; none: all.
      on_progress: called with the number of pictures compared so far.

    Raises:
      ThawError: a split has too few pictures of a class.
    """
    near = NearDuplicates((), {}, 0)
    if together:
        near = find_near_duplicates(pictures.fingerprints, pictures.labels, on_progress)
    given = {split for split in pictures.splits if split is not None}
    splits = [split or TRAIN for split in pictures.splits]
    duplicated = _leave_out(splits, near) if given else 0
    drawn = tuple(split for split in (TEST, VAL) if split not in given)
    for split in drawn:
        _draw(split, splits, pictures, near, range(len(classes)) if target is None else target)
    _check(splits, pictures, classes, drawn, near)
    return Division(splits, near, drawn, duplicated)


def _leave_out(splits: list[str], near: NearDuplicates) -> int:
    """Leaves out pictures with a near-duplicate in a later split; counts test pictures with one in another split."""
    duplicated = 0
    for places in near.sets:
        last = max((splits[place] for place in places), key=SPLITS.index)
        earlier = [place for place in places if splits[place] != last]
        duplicated += len(places) - len(earlier) if earlier and last == TEST else 0
        for place in earlier:
            splits[place] = LEFT_OUT
    return duplicated


def _draw(
    split: str, splits: list[str], pictures: Pictures, near: NearDuplicates, target: Collection[int]
) -> None:  # fmt: skip
    """Moves whole units from train to a split."""
    places = [place for place, found in enumerate(splits) if found == TRAIN]
    labels = [pictures.labels[place] for place in places]
    units = _units(places, pictures, near)
    counts, count = Counter(labels), max(pictures.labels) + 1
    wishes = [_wish(split, counts[label]) for label in range(count)]
    chosen = chosen_units(units, wishes)
    for unit in _two_at_least(chosen, units, target) if split == TEST else chosen:
        for member in unit.members:
            splits[places[member]] = split


def _units(places: Sequence[int], pictures: Pictures, near: NearDuplicates) -> list[Unit]:
    """Units of some of the pictures; their members are positions in `places`."""
    number = {place: position for position, place in enumerate(places)}
    return joined_units(
        [pictures.ids[place] for place in places], [pictures.labels[place] for place in places],
        {number[place]: group for place in places if (group := pictures.groups[place]) is not None},
        [inside for places_ in near.sets if len(inside := [number[one] for one in places_ if one in number]) > 1],
    )  # fmt: skip


def _two_at_least(chosen: Sequence[Unit], units: Sequence[Unit], target: Collection[int]) -> Sequence[Unit]:
    """The chosen units, plus the next by key if only one has target classes: one unit shows no variation."""
    of_target = [unit for unit in units if any(label in target for label, _ in unit.counts)]
    keys = {unit.key for unit in chosen}
    if sum(unit.key in keys for unit in of_target) != 1:
        return chosen
    for unit in sorted((unit for unit in of_target if unit.key not in keys), key=lambda unit: unit.key):
        left = [dict(other.counts) for other in units if other.key not in keys | {unit.key}]
        for label, _ in unit.counts:
            counts = [counts[label] for counts in left if label in counts]
            if len(counts) < 2 or sum(counts) < LEAST[TRAIN] + LEAST[VAL]:
                break  # train and val would lack this class
        else:
            return [*chosen, unit]
    return chosen


def _wish(split: str, count: int) -> Wish:
    fraction = TEST_FRACTION if split == TEST else VAL_FRACTION
    least_left = LEAST[TRAIN] + (LEAST[VAL] if split == TEST else 0)
    return Wish(max(LEAST[split], round(fraction * count)), LEAST[split], least_left)


def _check(
    splits: Sequence[str], pictures: Pictures, classes: Sequence[str], drawn: Sequence[str], near: NearDuplicates
) -> None:  # fmt: skip
    counts = Counter(zip(splits, pictures.labels, strict=True))
    for label, name in enumerate(classes):
        lacking = next((split for split in LEAST if counts[split, label] < LEAST[split]), None)
        if lacking is None:
            continue
        found = ", ".join(f"{counts[split, label]} {split}" for split in LEAST)
        without = counts[LEFT_OUT, label]
        left_out = f" ({without} near-duplicates of other splits are left out)" if without else ""
        why = _why_whole(label, pictures, near) if drawn else ""
        raise ThawError(
            f"The class {name!r} has {found} images{left_out}. Expected at least {LEAST[TRAIN]} train, {LEAST[VAL]} "
            f"val and {LEAST[TEST]} test.{why} Add images that are not near-duplicates of others, in further groups "
            "if there are groups; or leave the class out; or, if they are not near-duplicates, use "
            "--near-duplicates ignore."
        )


def _why_whole(label: int, pictures: Pictures, near: NearDuplicates) -> str:
    """A sentence on a class whose pictures have groups, joined by near-duplicates; empty without groups."""
    groups = [pictures.groups[place] for place, found in enumerate(pictures.labels) if found == label]
    if not any(groups):
        return ""
    count = len(set(groups) - {None}) + groups.count(None)
    units = sum(label in dict(unit.counts) for unit in _units(range(len(pictures.ids)), pictures, near))
    joined = f", which near-duplicates join to {units}" if units < count else ""
    return f" Its images are in {count} group{'s' if count > 1 else ''}{joined}; groups are not split."
