"""Test images with a model's answers, as pictures. Imports ledgers and matplotlib; no TensorFlow, no pyplot."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle

from analysis.cells.paired_ledgers import Sweep
from ledger.rows import Row

COLUMNS = 8
PICTURE_INCHES = 1.55
MOST_SHOWN = 24
LONGEST_NAME = 14
"""Characters of a class's name above a picture; a longer name is cut, and shown in full on hovering."""


@dataclasses.dataclass(frozen=True)
class TargetImages:
    """The target's images that a report shows.

    Attributes:
      pixels: of the test images, uint8 [images, height, width, channels], in the order of a ledger's test labels.
      ids: one a test image.
      others: by id, near-duplicates of any split, uint8 [height, width, channels], and the split's name.
    """

    pixels: np.ndarray
    ids: Sequence[str]
    others: Mapping[str, tuple[np.ndarray, str]] = dataclasses.field(default_factory=dict)


def mistakes(sweep: Sweep, row: Row) -> np.ndarray:
    """Places of the test images that an execution classified wrongly, int [mistakes], most confident first."""
    wrong = np.flatnonzero(~sweep.correct([row])[0])
    sureness = row.test_probabilities.max(axis=1)[wrong]
    return wrong[np.argsort(-sureness, kind="stable")]


def captions(sweep: Sweep, row: Row, places: Sequence[int]) -> list[str]:
    """Each test image's class, and the class that the execution predicts, with its probability."""
    classes, called = [_short(name) for name in sweep.header.classes], sweep.called([row])[0]
    return [
        f"{classes[sweep.labels[place]]}\n→ {classes[called[place]]} {row.test_probabilities[place].max():.0%}"
        for place in places
    ]


def mistakes_sheet(images: TargetImages, sweep: Sweep, row: Row) -> Figure:
    """The most confident mistakes of an execution, MOST_SHOWN at most; on hovering, ids and probabilities in full."""
    places = mistakes(sweep, row)[:MOST_SHOWN].tolist()
    figure = picture_sheet(images.pixels[places], captions(sweep, row, places), top_inches=0.45)
    called, classes = sweep.called([row])[0], sweep.header.classes
    for axes, place in zip(figure.axes, places, strict=False):
        truth, probabilities = sweep.labels[place], row.test_probabilities[place]
        said = f"{classes[called[place]]} {probabilities.max():.1%}, {classes[truth]} {probabilities[truth]:.1%}"
        axes.add_patch(
            Rectangle((0, 0), 1, 1, transform=axes.transAxes, fill=False, linewidth=0,
                      gid=f"{images.ids[place]}: {classes[truth]}; the model says {said}")
        )  # fmt: skip
    return figure


def near_duplicates_sheet(images: TargetImages, sets: Sequence[Sequence[str]]) -> Figure | None:
    """The pictures, set after set, with the set's number and their split."""
    shown = [
        (images.others[name], number)
        for number, ids in enumerate(sets, start=1)
        for name in [one for one in ids if one in images.others][:COLUMNS]
    ]
    if not shown:
        return None
    titles = [f"set {number}\n{split}" for (_, split), number in shown]
    return picture_sheet(np.stack([pixels for (pixels, _), _ in shown]), titles, top_inches=0.45)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def picture_sheet(
    images: np.ndarray, titles: Sequence[str] | None = None, columns: int = COLUMNS, top_inches: float = 0.0
) -> Figure:
    """Images side by side.

    Args:
      images: uint8 [images, height, width, 3], or one channel for grey.
      titles: one an image, of one or two lines; none: no titles.
      columns: images in a row.
      top_inches: left free above them.

    Raises:
      ValueError: images and titles differ in number.
    """
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"{len(images)} images, but {len(titles)} titles")
    rows = max(1, -(-len(images) // columns))
    height = PICTURE_INCHES * (1.4 if titles else 1.05)
    whole = height * rows + top_inches
    layout = ConstrainedLayoutEngine(rect=(0, 0, 1, 1 - top_inches / whole))
    figure = Figure(figsize=(PICTURE_INCHES * columns, whole), layout=layout)
    for place, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.axis("off")
        if place < len(images):
            axes.imshow(images[place], cmap="gray", interpolation="nearest")
            axes.set_title(titles[place] if titles else "", fontsize=8, parse_math=False)
    return figure
