"""Sets of near-duplicates: found, kept from growing over a class, and counted. Imports no TensorFlow."""

from __future__ import annotations

import numpy as np

from acquisition.splits import near_duplicates
from acquisition.splits.fingerprints import LENGTH, mirrored
from acquisition.splits.near_duplicates import find_near_duplicates


def normed(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def unrelated(count: int, seed: int = 0) -> np.ndarray:
    return normed(np.random.default_rng(seed).standard_normal((count, LENGTH)))


def chain(length: int, angle: float) -> np.ndarray:
    """Fingerprints each turned by that angle (radians) from the one before, in one plane."""
    one, other = unrelated(2, 7)
    other = normed(other - (one @ other) * one)
    turns = angle * np.arange(length)[:, None]
    return normed(np.cos(turns) * one + np.sin(turns) * other)


def test_unrelated_pictures_are_in_no_set() -> None:
    found = find_near_duplicates(unrelated(200), [0, 1] * 100)
    assert (found.sets, found.nearest, found.tightened) == ((), {}, 0)


def test_none_and_one_picture_have_no_duplicates() -> None:
    assert find_near_duplicates(unrelated(0), []).sets == find_near_duplicates(unrelated(1), [0]).sets == ()


def test_copies_and_mirror_images_are_one_set() -> None:
    first = unrelated(60)
    copies = normed(first[:2] + 0.01 * unrelated(2, 1))
    found = find_near_duplicates(np.concatenate([first, copies, mirrored(first[:1])]), [0, 1] * 31 + [0])
    assert found.sets == ((0, 60, 62), (1, 61))
    place, similarity = found.nearest[61]
    assert place == 1 and similarity > 0.99


def test_many_copies_of_one_picture_are_one_set() -> None:
    copies = normed(unrelated(1)[[0] * 120] + 0.01 * unrelated(120, 1))
    found = find_near_duplicates(np.concatenate([copies, unrelated(300, 2)]), [0] * 420)
    assert found.sets == (tuple(range(120)),)


def test_a_pair_stands_out_among_different_pictures_and_not_among_similar_ones() -> None:
    pair = chain(2, np.arccos(0.85))
    assert find_near_duplicates(np.concatenate([pair, unrelated(60)]), [0] * 62).sets == ((0, 1),)
    wall = normed(pair[0] + 0.7 * unrelated(60))  # what all have in common
    assert find_near_duplicates(np.concatenate([pair, wall]), [0] * 62).sets == ()


def test_a_chain_that_would_join_most_of_a_class_is_taken_apart_and_counted() -> None:
    fingerprints = np.concatenate([chain(20, np.arccos(0.96)), unrelated(40)])
    found = find_near_duplicates(fingerprints, [0] * 20 + [1] * 40)
    assert (found.sets, found.tightened) == ((), 20)
    in_a_large_class = find_near_duplicates(fingerprints, [0] * 60)
    assert in_a_large_class.tightened == 0 and in_a_large_class.sets == (tuple(range(20)),)


def test_true_copies_stay_together_however_many() -> None:
    copies = normed(unrelated(1)[[0] * 30] + 0.001 * unrelated(30, 1))
    found = find_near_duplicates(np.concatenate([copies, unrelated(40, 2)]), [0] * 30 + [1] * 40)
    assert (found.sets, found.tightened) == ((tuple(range(30)),), 30)


def test_blocks_give_what_one_block_gives(monkeypatch) -> None:
    fingerprints = np.concatenate([unrelated(50), normed(unrelated(50) + 0.02 * unrelated(50, 1))])
    whole, told = find_near_duplicates(fingerprints, [0] * 100), []
    monkeypatch.setattr(near_duplicates, "_BLOCK", 7)
    assert find_near_duplicates(fingerprints, [0] * 100, told.append).sets == whole.sets
    assert len(whole.sets) == 50 and told[-1] == 100
