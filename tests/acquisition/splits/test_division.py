"""Who is train, val and test: properties of every division, with groups, near-duplicates and the user's splits."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquisition.splits.division import Division, Pictures, divide
from acquisition.splits.fingerprints import LENGTH
from acquisition.splits.names import LEAST, LEFT_OUT, SPLITS
from experiment.errors import ThawError

CLASSES = ("rose", "tulip")
DIFFERENT = np.linalg.qr(np.random.default_rng(0).standard_normal((LENGTH, LENGTH)))[0].astype(np.float32)
"""Rows of fingerprints that have nothing in common."""


def pictures(
    labels: list[int], groups: list[int] | None = None, shows: list[int] | None = None, splits: list[str] | None = None
) -> Pictures:
    """Pictures of classes; in groups if not 0; near-duplicates if `shows` is the same."""
    count = len(labels)
    return Pictures(
        [f"{place * 7919 % 65536:04x}" for place in range(count)], labels,
        [str(group) if group else None for group in groups or [0] * count], splits or [None] * count,
        DIFFERENT[np.array(shows or range(count))],
    )  # fmt: skip


@st.composite
def grouped(draw: st.DrawFn) -> Pictures:
    """Two classes of 20 to 60 pictures, groups of a few across both, and some that show the same."""
    counts = draw(st.tuples(st.integers(20, 60), st.integers(20, 60)))
    labels = [0] * counts[0] + [1] * counts[1]
    groups = draw(st.lists(st.integers(0, 25), min_size=len(labels), max_size=len(labels)))
    shows = [draw(st.integers(0, place)) if draw(st.integers(0, 9)) == 0 else place for place in range(len(labels))]
    return pictures(labels, groups, shows)


def divided(given_pictures: Pictures) -> Division | None:
    """The division; None if it is rejected."""
    try:
        return divide(given_pictures, CLASSES, together=True)
    except ThawError:
        return None


@given(grouped())
def test_every_picture_has_one_split_and_no_group_or_set_has_two(given_pictures: Pictures) -> None:
    division = divided(given_pictures)
    if division is None:
        return
    assert len(division.splits) == len(given_pictures.ids) and set(division.splits) <= set(SPLITS)
    for group in set(given_pictures.groups) - {None}:
        inside = {split for split, one in zip(division.splits, given_pictures.groups, strict=True) if one == group}
        assert len(inside) == 1
    for places in division.near.sets:
        assert len({division.splits[place] for place in places}) == 1
    counts = Counter(zip(division.splits, given_pictures.labels, strict=True))
    assert all(counts[split, label] >= LEAST[split] for split in SPLITS for label in (0, 1))


@given(st.integers(8, 60), st.integers(8, 60))
def test_single_pictures_give_a_quarter_and_a_fifth_of_each_class_exactly(first: int, second: int) -> None:
    found = pictures([0] * first + [1] * second)
    division = divide(found, CLASSES, together=True)
    counts = Counter(zip(division.splits, found.labels, strict=True))
    for label, count in enumerate((first, second)):
        test = max(2, round(count / 4))
        assert counts["test", label] == test and counts["val", label] == max(1, round((count - test) / 5))
    assert division.drawn == ("test", "val")


@given(st.lists(st.integers(1, 6), min_size=12, max_size=20))
def test_groups_give_sizes_within_half_the_smallest_that_would_be_nearer(sizes: list[int]) -> None:
    labels = [0] * sum(sizes) + [1] * 20
    groups = [number + 1 for number, size in enumerate(sizes) for _ in range(size)] + [0] * 20
    division = divided(pictures(labels, groups))
    assert division is not None
    test = Counter(zip(division.splits, labels, strict=True))["test", 0]
    assert abs(test - round(sum(sizes) / 4)) <= min(sizes)


@given(st.integers(20, 60))
def test_more_pictures_move_few_of_the_others(count: int) -> None:
    few, more = (divide(pictures([0] * n + [1] * 20), CLASSES, together=False) for n in (count, count + 4))
    assert sum(one != other for one, other in zip(few.splits[:count], more.splits[:count], strict=True)) <= 8


def test_the_users_splits_stay_and_what_lacks_is_drawn_from_train() -> None:
    splits = ["train"] * 20 + ["test"] * 5
    both = pictures([0] * 25 + [1] * 25, splits=splits * 2)
    division = divide(both, CLASSES, together=True)
    assert division.drawn == ("val",)
    for place, split in enumerate(splits * 2):
        assert division.splits[place] == split or (split, division.splits[place]) == ("train", "val")
    assert Counter(division.splits) == {"train": 32, "val": 8, "test": 10}


def test_near_duplicates_in_several_of_the_users_splits_are_left_out_of_the_earlier() -> None:
    splits = (["train"] * 14 + ["val"] * 4 + ["test"] * 4) * 2
    shows = list(range(44))
    shows[0] = shows[1] = shows[14] = shows[18]  # two of train, one of val and one of test
    shows[2] = shows[15]  # one of train and one of val
    shows[3] = shows[4]  # two of train
    division = divide(pictures([0] * 22 + [1] * 22, shows=shows, splits=splits), CLASSES, together=True)
    left_out = [place for place, split in enumerate(division.splits) if split == LEFT_OUT]
    assert left_out == [0, 1, 2, 14] and division.duplicated == 1
    assert all(division.splits[place] == splits[place] for place in range(44) if place not in left_out)
    ignored = divide(pictures([0] * 22 + [1] * 22, shows=shows, splits=splits), CLASSES, together=False)
    assert ignored.splits == splits and ignored.near.sets == ()


def test_too_few_groups_are_refused_with_the_counts() -> None:
    labels, groups = [0] * 20 + [1] * 20, [1] * 10 + [2] * 10 + [0] * 20
    with pytest.raises(ThawError, match=r"The class 'rose' has .*Its images are in 2 groups"):
        divide(pictures(labels, groups), CLASSES, together=False)


def test_groups_that_near_duplicates_join_are_counted_as_joined() -> None:
    """Five groups of four in a chain: the last picture of each shows what the first of the next shows."""
    labels, groups = [0] * 20 + [1] * 40, [1 + place // 4 for place in range(20)] + [0] * 40
    shows = [place - 1 if place % 4 == 0 and 0 < place < 20 else place for place in range(60)]
    with pytest.raises(ThawError, match=r"in 5 groups, which near-duplicates join to 1; groups are not split\."):
        divide(pictures(labels, groups, shows), CLASSES, together=True)


@pytest.mark.parametrize(("persons", "tested"), [(4, 2), (3, 1)])
def test_test_has_two_groups_of_the_target_if_four_have_all_classes(persons: int, tested: int) -> None:
    """Persons with ten pictures of both classes each; further groups have a third class, not of the target."""
    labels = [0, 1] * 10 * persons + [2] * 20
    groups = [1 + place // 20 for place in range(20 * persons)] + [50 + place // 4 for place in range(20)]
    division = divide(pictures(labels, groups), (*CLASSES, "fern"), together=False, target=[0, 1])
    inside = {group for group, split in zip(groups, division.splits, strict=True) if split == "test"}
    assert len({group for group in inside if group < 50}) == tested
    assert len({group for group in inside if group >= 50}) == 1


def test_too_few_pictures_that_are_no_near_duplicates_are_refused() -> None:
    splits = (["train"] * 8 + ["val"] * 2 + ["test"] * 5) * 2
    shows = list(range(30))
    shows[:4] = shows[10:14]
    with pytest.raises(ThawError, match=r"'rose' has 4 train, 2 val, 5 test images \(4 near-duplicates"):
        divide(pictures([0] * 15 + [1] * 15, shows=shows, splits=splits), CLASSES, together=True)
