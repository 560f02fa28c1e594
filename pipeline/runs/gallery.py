"""Test images with what a model said of them, as pictures. Imports ledgers and matplotlib; no TensorFlow, no pyplot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from analysis.cells.paired_ledgers import Sweep
from ledger.rows import Row

COLUMNS = 8
PICTURE_INCHES = 1.35


def mistakes(sweep: Sweep, row: Row) -> np.ndarray:
    """Places of the test images that an execution called wrongly, int [mistakes], the surest mistake first."""
    wrong = np.flatnonzero(~sweep.correct([row])[0])
    sureness = row.test_probabilities.max(axis=1)[wrong]
    return wrong[np.argsort(-sureness, kind="stable")]


def captions(sweep: Sweep, row: Row, places: Sequence[int]) -> list[str]:
    """What each test image is and what the execution called it, with the probability of that call."""
    classes, called = sweep.header.classes, sweep.called([row])[0]
    return [
        f"{classes[sweep.labels[place]]}\n→ {classes[called[place]]} {row.test_probabilities[place].max():.0%}"
        for place in places
    ]


def picture_sheet(images: np.ndarray, titles: Sequence[str] | None = None, columns: int = COLUMNS) -> Figure:
    """Images side by side.

    Args:
      images: uint8 [images, height, width, 3], or one channel for grey.
      titles: one an image, of one or two lines; none: no titles.
      columns: images in a row.

    Raises:
      ValueError: images and titles differ in number.
    """
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"{len(images)} images, but {len(titles)} titles")
    rows = max(1, -(-len(images) // columns))
    height = PICTURE_INCHES * (1.4 if titles else 1.05)
    figure = Figure(figsize=(PICTURE_INCHES * columns, height * rows), layout="constrained")
    for place, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.axis("off")
        if place < len(images):
            axes.imshow(images[place], cmap="gray", interpolation="nearest")
            axes.set_title(titles[place] if titles else "", fontsize=8, parse_math=False)
    return figure
