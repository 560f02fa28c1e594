"""How many images val takes of a class. Imports nothing."""

from __future__ import annotations


def val_count(images: int, val_fraction: float) -> int:
    """Val images of a class with that many training images: the rounded share, yet one at least where there is any."""
    return min(images, max(1, round(images * val_fraction)))
