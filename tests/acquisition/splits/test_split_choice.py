"""Units and splits: no unit split, nothing twice, sizes as near as units allow. Imports no TensorFlow."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.splits.split_choice import LACKING, Wish, chosen_units
from acquisition.splits.units import Unit, joined_units

PICTURES = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 8)), min_size=1, max_size=40)
"""(class, group) of each picture; group 0 is none."""
SETS = st.lists(st.lists(st.integers(0, 39), min_size=2, max_size=4, unique=True), max_size=4)


def units_of(pictures: list[tuple[int, int]], sets: list[list[int]]) -> list[Unit]:
    groups = {place: str(group) for place, (_, group) in enumerate(pictures) if group}
    inside = [[place for place in one if place < len(pictures)] for one in sets]
    ids = [f"{place * 7919 % 65536:04x}" for place in range(len(pictures))]
    return joined_units(ids, [label for label, _ in pictures], groups, [one for one in inside if one])


def cost(units: list[Unit], chosen: list[Unit], wishes: list[Wish]) -> int:
    """The definition, computed again."""
    total = 0
    for label, wish in enumerate(wishes):
        everything, taken = (sum(dict(unit.counts).get(label, 0) for unit in some) for some in (units, chosen))
        lacking = max(0, wish.least - taken) + max(0, wish.least_left - (everything - taken))
        total += abs(taken - wish.wanted) + LACKING * lacking
    return total


def wishes_for(units: list[Unit]) -> list[Wish]:
    counts = [sum(dict(unit.counts).get(label, 0) for unit in units) for label in range(3)]
    return [Wish(round(count / 4), min(count, 1), min(count, 2)) for count in counts]


@given(PICTURES, SETS)
def test_every_picture_is_in_one_unit_and_groups_and_sets_are_whole(
    pictures: list[tuple[int, int]], sets: list[list[int]]
) -> None:
    units = units_of(pictures, sets)
    assert sorted(place for unit in units for place in unit.members) == list(range(len(pictures)))
    unit_of = {place: unit.key for unit in units for place in unit.members}
    for places in sets:
        assert len({unit_of[place] for place in places if place in unit_of}) <= 1
    for group in range(1, 9):
        assert len({unit_of[place] for place, (_, found) in enumerate(pictures) if found == group}) <= 1


@given(PICTURES)
def test_what_nothing_joins_stays_apart(pictures: list[tuple[int, int]]) -> None:
    assert all(unit.size == 1 for unit in units_of([(label, 0) for label, _ in pictures], []))


@given(PICTURES, SETS)
def test_no_unit_more_less_or_exchanged_would_be_nearer(pictures: list[tuple[int, int]], sets: list[list[int]]) -> None:
    units = units_of(pictures, sets)
    wishes = wishes_for(units)
    chosen = chosen_units(units, wishes)
    assert len({unit.key for unit in chosen}) == len(chosen)
    rest = [unit for unit in units if unit not in chosen]
    reached = cost(units, chosen, wishes)
    for added, dropped in itertools.product([None, *rest], [None, *chosen]):
        other = [unit for unit in chosen if unit is not dropped] + ([added] if added else [])
        assert cost(units, other, wishes) >= reached


@given(st.lists(st.integers(1, 4), min_size=1, max_size=9))
def test_one_class_in_few_groups_is_within_a_picture_of_the_best(sizes: list[int]) -> None:
    pictures = [(0, number + 1) for number, size in enumerate(sizes) for _ in range(size)]
    units = units_of(pictures, [])
    wishes = [Wish(round(sum(sizes) / 4), 0, 0)]
    best = min(
        cost(units, list(some), wishes) for n in range(len(units) + 1) for some in itertools.combinations(units, n)
    )
    assert cost(units, chosen_units(units, wishes), wishes) <= best + 1


@given(PICTURES, SETS)
def test_the_order_of_units_does_not_matter(pictures: list[tuple[int, int]], sets: list[list[int]]) -> None:
    units = units_of(pictures, sets)
    chosen = [chosen_units(some, wishes_for(units)) for some in (units, units[::-1])]
    assert {unit.key for unit in chosen[0]} == {unit.key for unit in chosen[1]}


def test_single_pictures_are_taken_by_key() -> None:
    units = [Unit(f"{number:02}", (number,), ((number % 2, 1),)) for number in range(40)]
    chosen = chosen_units(units, [Wish(5, 2, 5), Wish(3, 2, 5)])
    assert sorted(unit.key for unit in chosen) == ["00", "01", "02", "03", "04", "05", "06", "08"]


def test_the_least_of_a_class_comes_before_its_share() -> None:
    units = [Unit("a", (0,), ((0, 6),)), Unit("b", (1,), ((0, 6),))]
    assert [unit.key for unit in chosen_units(units, [Wish(3, 2, 6)])] == ["a"]


@settings(max_examples=10)
@given(st.integers(2, 5), st.integers(0, 1000))
def test_large_units_do_not_gather_in_what_is_chosen(size: int, seed: int) -> None:
    """A quarter of 400 units, half of them of one picture and half of several: about a quarter of either."""
    ids = [f"{number:016x}" for number in np.random.default_rng(seed).integers(2**62, size=200 * (1 + size)).tolist()]
    sets = [list(range(200 + size * place, 200 + size * (place + 1))) for place in range(200)]
    units = joined_units(ids, [0] * len(ids), {}, sets)
    chosen = chosen_units(units, [Wish(len(ids) // 4, 2, 4)])
    shares = [sum((unit.size > 1) is large for unit in chosen) / 200 for large in (False, True)]
    # A binomial share of a quarter of 200 has a standard deviation of 3 points.
    assert all(0.25 - 0.15 < share < 0.25 + 0.15 for share in shares)


def test_the_largest_come_first_where_a_class_would_lack_pictures() -> None:
    """Of the three, a and b come first by key and leave 4 pictures of class 0 of the 5 that must stay."""
    units = [
        Unit("a", tuple(range(6)), ((1, 6),)),
        Unit("b", tuple(range(6, 12)), ((0, 6),)),
        Unit("c", tuple(range(12, 22)), ((0, 4), (1, 6))),
    ]
    assert [unit.key for unit in chosen_units(units, [Wish(2, 2, 5), Wish(3, 2, 5)])] == ["c"]
