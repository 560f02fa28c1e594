"""Histograms of edge directions, which a mirror permutes. Imports numpy and Pillow, nothing from Thaw."""

from __future__ import annotations

import numpy as np
from PIL import Image

SIDE = 64
"""Pixels of the square of grey levels that a picture is averaged to, whatever its proportions."""
CELLS = 8, 4, 1
"""Squares per direction, each with its own histogram: fine, coarse, the whole picture."""
DIRECTIONS = 16
"""Directions in a full turn; light to dark differs from dark to light."""
LENGTH = DIRECTIONS * sum(count**2 for count in CELLS)


def orientation_histograms(image: Image.Image) -> np.ndarray:
    """Square roots of the shares of edge strength by place and direction, as in a histogram of oriented gradients.

    Dalal and Triggs, Histograms of oriented gradients for human detection, CVPR 2005, with squares of three sizes and
    each size scaled as a whole.

    Args:
      image: RGB, any size.

    Returns:
      float32 [LENGTH]; zeros if the whole picture has one colour.
    """
    grey = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX).convert("L"), np.float32)
    down, right = np.gradient(grey)  # [SIDE, SIDE] each
    strength = np.hypot(down, right)
    turns = np.arctan2(down, right) / (2 * np.pi)
    direction = np.round(turns * DIRECTIONS).astype(int) % DIRECTIONS
    by_direction = (direction[..., None] == np.arange(DIRECTIONS)) * strength[..., None]  # [SIDE, SIDE, DIRECTIONS]
    found = []
    for count in CELLS:
        edge = SIDE // count
        cells = by_direction.reshape(count, edge, count, edge, DIRECTIONS).sum(axis=(1, 3))
        found.append(np.sqrt(cells / max(float(cells.sum()), 1e-6)).ravel())
    return np.concatenate(found).astype(np.float32)


def mirrored(histograms: np.ndarray) -> np.ndarray:
    """Histograms [..., LENGTH] of the same pictures with left and right exchanged."""
    return histograms[..., _MIRROR]


def _mirror() -> np.ndarray:
    """The place of each value of a mirrored picture in the picture's own histograms."""
    places, start = [], 0
    for count in CELLS:
        size = count * count * DIRECTIONS
        own = np.arange(start, start + size).reshape(count, count, DIRECTIONS)
        # An angle a becomes half a turn minus a.
        opposite = (DIRECTIONS // 2 - np.arange(DIRECTIONS)) % DIRECTIONS
        places.append(own[:, ::-1][..., opposite].ravel())
        start += size
    return np.concatenate(places)


_MIRROR = _mirror()
