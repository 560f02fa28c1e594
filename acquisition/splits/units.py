"""Units that stay in one split: pictures of a group or of a set of near-duplicates. Imports nothing from Thaw."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components


@dataclass(frozen=True)
class Unit:
    """Pictures that stay together.

    Attributes:
      key: the id of one of its pictures, which decides the order in which units are chosen.
      members: places of its pictures, ascending.
      counts: (class, pictures) of every class it has, ascending; classes are numbers.
    """

    key: str
    members: tuple[int, ...]
    counts: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        return len(self.members)


def joined_units(
    ids: Sequence[str], labels: Sequence[int], groups: Mapping[int, str], sets: Iterable[Sequence[int]]
) -> list[Unit]:
    """Puts every picture in one unit: pictures that share a group or a set, directly or through others, are together.

    Args:
      ids: of the pictures.
      labels: numbers of their classes.
      groups: name of the group by place of the picture; a picture without one is on its own.
      sets: places of pictures that belong together.
    """
    members: dict[str, list[int]] = {}
    for place, group in groups.items():
        members.setdefault(group, []).append(place)
    together = [*members.values(), *sets]
    first = [places[0] for places in together for _ in places]
    second = [place for places in together for place in places]
    graph = coo_matrix((np.ones(len(first), bool), (first, second)), shape=(len(ids), len(ids)))
    found: dict[int, list[int]] = {}
    for place, number in enumerate(connected_components(graph, directed=False)[1].tolist()):
        found.setdefault(number, []).append(place)
    return [
        Unit(
            min((ids[place] for place in places), key=_rank), tuple(places),
            tuple(sorted(Counter(labels[place] for place in places).items())),
        )
        for places in found.values()
    ]  # fmt: skip


def _rank(name: str) -> tuple[bytes, str]:
    """An order other than that of the names, in which large units would come first by their smallest id."""
    return hashlib.sha256(name.encode()).digest(), name


def joined_groups(sharing: Iterable[Collection[str]]) -> dict[str, str]:
    """By group, the one name of all groups that belong to it: the smallest.

    Args:
      sharing: groups that hold the same picture; a group that shares none keeps its name.
    """
    sets = [sorted(groups) for groups in sharing if groups]
    names = sorted({group for groups in sets for group in groups})
    number = {group: place for place, group in enumerate(names)}
    first = [number[groups[0]] for groups in sets for _ in groups]
    second = [number[group] for groups in sets for group in groups]
    graph = coo_matrix((np.ones(len(first), bool), (first, second)), shape=(len(names), len(names)))
    smallest: dict[int, str] = {}
    parts = connected_components(graph, directed=False)[1].tolist() if names else []
    return {name: smallest.setdefault(part, name) for name, part in zip(names, parts, strict=True)}
