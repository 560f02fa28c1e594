"""Header and rows of a ledger, and their form in JSON. Imports no TensorFlow and no pipeline."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Collection
from typing import Any

import numpy as np

from experiment.errors import ThawError
from experiment.stack import Stack
from ledger.sealed_lines import SealedLines

FLOAT = np.dtype("<f4")
"""Of stored probabilities, on every machine: as many bits as they are computed with, so that no two become equal."""

ROW_COUNT = "rows"
"""In the header of a ledger that was written as a whole: how many it has. One that grows can't say so."""

TRAIN_IMAGES = 200
"""The most images of a row's train_accuracy: enough to tell whether the network learned what it was trained on."""


@dataclasses.dataclass(frozen=True)
class Header:
    """What holds for every row of one ledger: who was swept, on what, and the truth about the test images.

    Attributes:
      sweep: the transfer's id, or `baseline__<architecture>`.
      source: the source's name; empty for a baseline.
      architecture: the architecture's name.
      baseline: that of the network from random weights that the sweep is compared with; a baseline's own name.
      data: name of the data; begins with `SYNTHETIC` where Thaw generated the images.
      classes: target class names in the order of their labels.
      source_hash: hash of the source model's weights; empty for a baseline.
      content_hash: hash of all images, labels and ids of the target's splits.
      test_labels: label of each test image, in the order of every row's probabilities.
      test_ids_hash: hash of the test images' ids in that order; equal in ledgers that can be paired.
      val_images: number of val images of each class.
      max_freeze_count: layers or parts that can be frozen.
      family: of the backbone in keras.applications; empty for one of a .keras file, and for the report's networks.
      stack: software and device that trained.
      test_groups: number of each test image's group, in the same order; images of one group (near-duplicates, a
        person, a burst) depend on each other. Empty: each image is on its own.
    """

    sweep: str
    source: str
    architecture: str
    baseline: str
    data: str
    classes: tuple[str, ...]
    source_hash: str
    content_hash: str
    test_labels: tuple[int, ...]
    test_ids_hash: str
    val_images: tuple[int, ...]
    max_freeze_count: int
    family: str
    stack: Stack
    test_groups: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Row:
    """One execution: a cell (n, freeze_count, fine_tune, held_from) trained on one draw.

    Attributes:
      key: hash of everything that decided the result; a row with this key is never computed again.
      n, freeze_count, fine_tune, held_from, draw: the cell and its draw.
      val_accuracy, val_loss, test_accuracy, test_loss: after the last step; selection reads only val.
      train_accuracy: on TRAIN_IMAGES of the images that it was trained on, or all where there are fewer; no copies.
      steps: optimiser steps, both phases together.
      seconds: wall time of this execution; shared work (cached prefix, phase 1) counts where it was done.
      curve: (step, val_accuracy) pairs along training, step 0 being before any.
      frozen_hash: hash of the frozen and held weights and statistics, the same before and after (else training raised).
      test_probabilities: float32 array of shape (test images, classes), as `test_accuracy` and `test_loss` were
        computed from: computing them again gives the same.
      outcome: `trained`; `retried`: at a lower learning rate, after a phase that diverged; `diverged`: in both
        attempts, and all figures are those of the weights that the phase began with; `kept`: fine-tuning ended below
        its start on val, and all figures but steps and seconds are those of its start.
    """

    key: str
    n: int
    freeze_count: int
    fine_tune: bool
    draw: int
    val_accuracy: float
    val_loss: float
    test_accuracy: float
    test_loss: float
    train_accuracy: float
    steps: int
    seconds: float
    curve: tuple[tuple[int, float], ...]
    frozen_hash: str
    test_probabilities: np.ndarray
    outcome: str
    held_from: int = 0


def header_values(header: Header) -> dict[str, Any]:
    """The header as JSON holds it."""
    return dataclasses.asdict(header)


def header_of(lines: SealedLines) -> Header:
    """The header of lines that were read.

    Raises:
      ThawError: it is not one, or of another version.
    """
    _check_version(lines, lines.header.keys() - {ROW_COUNT}, Header)
    try:
        lists = {name: tuple(lines.header[name]) for name in ("classes", "test_labels", "val_images", "test_groups")}
        named = {name: value for name, value in lines.header.items() if name != ROW_COUNT}
        _check_version(lines, lines.header["stack"].keys(), Stack)
        return Header(**{**named, **lists, "stack": Stack(**lines.header["stack"])})
    except (AttributeError, KeyError, TypeError) as error:
        raise ThawError(f"{lines.path} is not a ledger of Thaw: its first line should be the header, with "
                        f"{_fields(Header)}. Move it away, or use another workspace.") from error  # fmt: skip


def _check_version(lines: SealedLines, found: Collection[str], expected: type[Header | Row | Stack]) -> None:
    """Refuses content that another version of Thaw wrote: its digest is right, and some names are ours, not all.

    Raises:
      ThawError: the names are not those of this version.
    """
    names = set(_fields(expected))
    optional = {one.name for one in dataclasses.fields(expected) if one.default is not dataclasses.MISSING}
    lacking, surplus = sorted(names - optional - set(found)), sorted(set(found) - names)
    if names & set(found) and (lacking or surplus):
        parts = [f"{words} {', '.join(some)}" for words, some in (("lacks", lacking), ("has also", surplus)) if some]
        raise ThawError(
            f"{lines.path} was written by another version of Thaw: its {expected.__name__.lower()} "
            f"{' and '.join(parts)}. Expected a ledger of this version. Move the file away, or use another workspace, "
            "to train again what is in it; or run the version that wrote it."
        )


def _fields(of: type[Header | Row | Stack]) -> list[str]:
    return [field.name for field in dataclasses.fields(of)]


def row_values(row: Row) -> dict[str, Any]:
    """The row as JSON holds it."""
    values = {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
    probabilities = np.asarray(row.test_probabilities, FLOAT)  # [test images, classes]
    values["test_probabilities"] = {
        "shape": list(probabilities.shape),
        "float32": base64.b64encode(probabilities.tobytes()).decode(),
    }
    return values


def row_of(lines: SealedLines, values: dict[str, Any]) -> Row:
    """The row that was read last.

    Raises:
      ThawError: it is not one, or of another version.
    """
    _check_version(lines, values.keys(), Row)
    try:
        packed = values["test_probabilities"]
        flat = np.frombuffer(base64.b64decode(packed["float32"]), FLOAT)
        curve = tuple((int(step), float(accuracy)) for step, accuracy in values["curve"])
        return Row(**{**values, "curve": curve, "test_probabilities": flat.reshape(packed["shape"])})
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise lines.damaged(f"a row does not have the expected fields: {error!r}") from error
