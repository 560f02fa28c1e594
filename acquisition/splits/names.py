"""The names of the splits, and how many pictures each needs. Imports nothing."""

from __future__ import annotations

TRAIN, VAL, TEST = SPLITS = ("train", "val", "test")
LEFT_OUT = "left out"
"""In place of a split: pictures that no split has."""
OTHER_NAMES = {
    "train": TRAIN, "training": TRAIN, "val": VAL, "valid": VAL, "validation": VAL, "dev": VAL, "test": TEST,
    "testing": TEST, "eval": TEST,
}  # fmt: skip
"""What people call the splits, in small letters."""
LEAST = {TRAIN: 5, VAL: 1, TEST: 2}
"""Pictures of a class: to train the smallest experiment on, to choose on, and to test on."""
