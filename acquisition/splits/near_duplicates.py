"""Finds sets of near-duplicates by the pictures' fingerprints. Imports fingerprints, no Pillow itself.

The thresholds are chosen by measurement: docs/adr/0018-near-duplicates.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from acquisition.splits.fingerprints import mirrored

ALWAYS = 0.95
"""Pictures as similar as this (scalar product of their fingerprints) are near-duplicates, whatever their neighbours."""
LEAST, RATIO, RANK = 0.75, 0.25, 20
"""Others from LEAST on, if the distance between them is at most RATIO of the distance of either from its RANK-th
neighbour: two frames of a burst are outliers among varied photos, but not among photos of hands before one wall."""
STRICTER = (0.97, 0.985, 0.995)
"""Stricter values, tried in this order, for pictures that would otherwise join more than MOST_OF_A_CLASS of a class."""
MOST_OF_A_CLASS = 0.5
NEIGHBOURS = 50
"""Most similar pictures compared for each; further ones of the same burst are joined through them."""
_BLOCK = 512
"""Pictures compared with all others at once: 80 MB at 20,000."""


@dataclass(frozen=True)
class NearDuplicates:
    """Which pictures are near-duplicates.

    Attributes:
      sets: positions of the pictures of each set of two or more, ascending.
      nearest: by picture in a set, the place of the most similar one in the set, and their similarity.
      tightened: pictures that were joined to more than half of a class, so that a stricter threshold decided.
    """

    sets: tuple[tuple[int, ...], ...]
    nearest: dict[int, tuple[int, float]]
    tightened: int


@dataclass(frozen=True)
class _Links:
    """Pairs of neighbours: int32 [links] places of both, float32 [links] similarity."""

    first: np.ndarray
    second: np.ndarray
    similarity: np.ndarray

    def where(self, mask: np.ndarray) -> _Links:
        return _Links(self.first[mask], self.second[mask], self.similarity[mask])


def find_near_duplicates(
    fingerprints: np.ndarray, labels: Sequence[int], on_progress: Callable[[int], None] | None = None
) -> NearDuplicates:
    """Joins similar pictures, and those similar to them.

    Takes some 20 s and 150 MB for 20,000 pictures on two cores.

    Args:
      fingerprints: float32 [pictures, LENGTH].
      labels: of the pictures' classes, from 0.
      on_progress: called with the number of pictures compared so far.
    """
    count = len(fingerprints)
    if count < 2:
        return NearDuplicates((), {}, 0)
    links, unrelated = _nearest(fingerprints, on_progress)
    apart = 1 - np.maximum(unrelated[links.first], unrelated[links.second])
    close = (links.similarity >= LEAST) & (1 - links.similarity <= RATIO * apart)
    links = links.where((links.similarity >= ALWAYS) | close)
    sets = _joined(links, count)
    too_large = _too_large(sets, labels)
    tightened = int(np.isin(sets, list(too_large)).sum())
    for threshold in STRICTER:
        if not too_large:
            break
        links = links.where((links.similarity >= threshold) | ~np.isin(sets[links.first], list(too_large)))
        sets = _joined(links, count)
        too_large = _too_large(sets, labels)
    return NearDuplicates(_members(sets), _most_similar(links), tightened)


def _nearest(fingerprints: np.ndarray, on_progress: Callable[[int], None] | None) -> tuple[_Links, np.ndarray]:
    """Each picture's neighbours, and the similarity of its RANK-th, float32 [pictures]."""
    count, others = len(fingerprints), mirrored(fingerprints)
    kept, rank = min(NEIGHBOURS, count - 1), min(RANK, max(1, (count - 1) // 2))
    seconds, similarities = [], []
    for start in range(0, count, _BLOCK):
        rows = fingerprints[start : start + _BLOCK]
        alike = rows @ fingerprints.T  # [block, pictures]
        np.maximum(alike, rows @ others.T, out=alike)
        alike[np.arange(len(rows)), np.arange(start, start + len(rows))] = -1
        nearest = np.argpartition(alike, count - kept, axis=1)[:, count - kept :]
        seconds.append(nearest.astype(np.int32))
        similarities.append(np.take_along_axis(alike, nearest, axis=1))
        if on_progress:
            on_progress(start + len(rows))
    similarity = np.concatenate(similarities)  # [pictures, kept]
    unrelated = np.sort(similarity, axis=1)[:, -rank]
    first = np.repeat(np.arange(count, dtype=np.int32), kept)
    return _Links(first, np.concatenate(seconds).ravel(), similarity.ravel()), unrelated


def _joined(links: _Links, count: int) -> np.ndarray:
    """Number of the set of each picture, int32 [pictures]."""
    graph = coo_matrix((np.ones(len(links.first), bool), (links.first, links.second)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1])


def _too_large(sets: np.ndarray, labels: Sequence[int]) -> set[int]:
    """Numbers of the sets that hold two or more pictures and more than MOST_OF_A_CLASS of a class."""
    of_class = np.bincount(labels)
    single = np.bincount(sets) < 2
    pairs, counts = np.unique(np.stack([sets, np.asarray(labels)]), axis=1, return_counts=True)
    large = counts > MOST_OF_A_CLASS * of_class[pairs[1]]
    return {int(number) for number in pairs[0][large] if not single[number]}


def _members(sets: np.ndarray) -> tuple[tuple[int, ...], ...]:
    members: dict[int, list[int]] = {}
    for place, number in enumerate(sets.tolist()):
        members.setdefault(number, []).append(place)
    return tuple(tuple(places) for places in members.values() if len(places) > 1)


def _most_similar(links: _Links) -> dict[int, tuple[int, float]]:
    nearest: dict[int, tuple[int, float]] = {}
    for first, second, similarity in zip(
        links.first.tolist(), links.second.tolist(), links.similarity.tolist(), strict=True
    ):
        for one, other in ((first, second), (second, first)):
            if one not in nearest or similarity > nearest[one][1]:
                nearest[one] = other, similarity
    return nearest
