"""Fingerprints that recognise re-saved, re-scaled and mirrored pictures. Imports numpy, scipy and Pillow."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy.fft import dctn

SIDE = 48
"""Pixels of the square of grey levels that a picture is averaged to, whatever its proportions."""
_FINER = 4
"""Pillow averages to a square this many times larger, in whole grey levels; numpy averages the rest."""
FREQUENCIES = 12
"""Frequencies of the cosine transform in each direction."""
LENGTH = FREQUENCIES**2 - 1
"""Length of a fingerprint: all frequencies but the mean."""

_ROWS, _COLUMNS = np.divmod(np.arange(1, LENGTH + 1), FREQUENCIES)
# A photograph's amplitudes fall in proportion to the frequency: weighted by it, all frequencies count alike.
_WEIGHTS = np.hypot(_ROWS, _COLUMNS).astype(np.float32)
_MIRROR = np.where(_COLUMNS % 2, -1, 1).astype(np.float32)


def fingerprint(image: Image.Image) -> np.ndarray:
    """The low frequencies of a picture's grey levels, weighted by frequency and scaled to the length 1.

    It is what perceptual hashes (`imagehash.phash`) take the signs of. With the values themselves the similarity of two
    pictures is their scalar product; docs/adr/0018-near-duplicates.md compares both.

    Args:
      image: RGB, any size.

    Returns:
      float32 [LENGTH]; zeros if the whole picture has one colour.
    """
    square = image.resize((SIDE * _FINER, SIDE * _FINER), Image.Resampling.BOX).convert("L")
    grey = np.asarray(square, np.float32).reshape(SIDE, _FINER, SIDE, _FINER).mean(axis=(1, 3))
    low = dctn(grey, norm="ortho")[:FREQUENCIES, :FREQUENCIES].ravel()[1:] * _WEIGHTS
    norm = float(np.linalg.norm(low))
    return (low / norm if norm > 1e-3 else np.zeros(LENGTH)).astype(np.float32)


def mirrored(fingerprints: np.ndarray) -> np.ndarray:
    """Fingerprints [..., LENGTH] of the same pictures with left and right exchanged."""
    return fingerprints * _MIRROR
