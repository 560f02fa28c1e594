"""The names of the splits, and how many pictures each needs. Imports nothing."""

from __future__ import annotations

TRAIN, VAL, TEST = SPLITS = ("train", "val", "test")
LEFT_OUT = "left out"
"""In place of a split: pictures in no split."""
OTHER_NAMES = {
    "train": TRAIN, "training": TRAIN, "val": VAL, "valid": VAL, "validation": VAL, "dev": VAL, "test": TEST,
    "testing": TEST, "eval": TEST,
}  # fmt: skip
"""Usual names of the splits, in lowercase."""
LEAST = {TRAIN: 5, VAL: 1, TEST: 2}
"""Fewest pictures of a class: for the smallest training, for the choice, and for the test."""
