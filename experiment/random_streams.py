"""Random numbers: one named stream for every use, fixed by the experiment's seed. Imports only numpy.

numpy takes `s`, `[s]` and `[s, 0]` for the same seed, so lists of integers keep two uses apart only by chance. A stream
is named instead: its seed is the SHA-256 of the use's name, the experiment's seed and the place.
"""

from __future__ import annotations

import enum
import hashlib
import json

import numpy as np


class Stream(enum.Enum):
    """Every use of random numbers. Its value names the stream; in brackets: the place that a caller gives."""

    VAL_SPLIT = "which images are val (id)"
    NOISE = "noise of augmented copies (id, copy)"
    SOURCE_WEIGHTS = "initial weights of a source"
    SOURCE_BATCHES = "batches of a source"
    SOURCE_DROPOUT = "dropout masks of a source"
    SOURCE_SHIFT = "shifts of a source's images"
    PERMUTED_LABELS = "labels of a control"
    DOMAIN_SAMPLE = "images of a source's domain for estimates"
    SUBSETS = "which images a draw holds (draw, id)"
    HEAD_WEIGHTS = "initial weights of the head (draw)"
    BACKBONE_WEIGHTS = "initial weights of a baseline's backbone (draw)"
    PHASE_1_BATCHES = "batches of phase 1 (draw, n)"
    PHASE_1_DROPOUT = "dropout masks of phase 1 (draw)"
    PHASE_2_BATCHES = "batches of phase 2 (draw, n)"
    PHASE_2_DROPOUT = "dropout masks of phase 2 (draw)"
    ORACLE = "choices of the search's oracle"
    """One sequence for the oracles of all n and transfers: each is random in itself, and no figure compares what two of
    them tried. A place here would change what every search so far has tried."""
    FORESIGHT = "what the oracle expects to ask for, for the time left"
    SYNTHETIC_LABELS = "labels of synthetic images (split)"
    SYNTHETIC_IMAGES = "pixels of synthetic images (split, index)"


def stream_digest(seed: int, stream: Stream, *place: int | str) -> bytes:
    """The 32 bytes that begin a stream; they also order ids into a queue that depends on no other id.

    Args:
      seed: the experiment's.
      stream: what the numbers are for.
      place: which of the stream's sequences, such as the draw's number.
    """
    return hashlib.sha256(json.dumps([stream.value, seed, *place]).encode()).digest()


def stream_generator(seed: int, stream: Stream, *place: int | str) -> np.random.Generator:
    """A generator at the beginning of a stream; arguments as stream_digest's."""
    return np.random.default_rng(int.from_bytes(stream_digest(seed, stream, *place), "big"))


def stream_seed(seed: int, stream: Stream, *place: int | str) -> int:
    """A seed of 32 bits for generators that are not numpy's; arguments as stream_digest's."""
    return int.from_bytes(stream_digest(seed, stream, *place)[:4], "big")
