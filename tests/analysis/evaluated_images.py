"""Test images and ledgers, for tests of metrics and of SweepEvaluator. No TensorFlow until a file is written."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from analysis.cells.cell_metrics import SlicedImages
from experiment import features
from ledger.cell_selection import Cell
from ledger.ledger import LEDGER_FILE, content_key, write_ledger
from ledger.rows import Header, Row
from tests.analysis.report_ledgers import MOST_FROZEN
from tests.stacks import STACK

Ledger = tuple[Header, list[Row]]
CLASSES = ("automobile", "truck", "ship", "airplane", "bird")


def make_images(count: int, classes: int = 2) -> SlicedImages:
    """Images whose labels and bands are drawn at random."""
    rng = np.random.default_rng(count)
    labels = rng.integers(classes, size=count)
    bands = {
        features.CLASS_NAME: np.array(CLASSES)[labels],
        features.BRIGHTNESS: rng.choice(["dark", "medium", "bright"], count),
        features.CONTRAST: rng.choice(["low", "medium", "high"], count),
    }
    return SlicedImages(np.array([f"id{i:06d}" for i in range(count)]), labels, bands)


def make_probabilities(images: SlicedImages, classes: int, skill: float, *seed: object) -> np.ndarray:
    """float32 [images, classes]: the higher the skill, the more often right and sure; images differ in difficulty."""
    rng = np.random.default_rng(zlib.crc32(repr(seed).encode()))
    difficulty = np.random.default_rng(7).normal(size=len(images.ids))
    logits = rng.normal(size=(len(images.ids), classes))
    logits[np.arange(len(images.ids)), images.labels] += skill - 0.5 * difficulty
    powers = np.exp(2 * (logits - logits.max(axis=1, keepdims=True)))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def make_row(cell: Cell, draw: int, probabilities: np.ndarray) -> Row:
    """A row of a ledger; fields that no evaluation reads are 0 or empty."""
    return Row(f"{cell}-{draw}", **vars(cell), draw=draw, val_accuracy=0.5, val_loss=0.5, test_accuracy=0.5,
               test_loss=0.5, train_accuracy=1.0, steps=1, seconds=1.0, curve=((0, 0.5),), frozen_hash="f",
               test_probabilities=probabilities, outcome="trained")  # fmt: skip


def make_ledger(
    sweep: str, images: SlicedImages, cells: Iterable[Cell], draws: int, classes: int = 2, skill: float = 1.0
) -> Ledger:
    """A sweep of which every execution has the same skill, with a little more for more images."""
    source, architecture = sweep.split("__")
    header = Header(
        sweep=sweep,
        source="" if source == "baseline" else source,
        architecture=architecture,
        baseline=architecture,
        data="CIFAR-10",
        classes=CLASSES[:classes],
        source_hash="",
        test_labels=tuple(images.labels.tolist()),
        test_ids_hash=content_key(ids=images.ids.tolist()),
        val_images=(250, 250),
        content_hash="c" * 32,
        max_freeze_count=MOST_FROZEN.get(architecture, 8),
        family="MobileNetV2" if architecture.startswith("mobilenet_v2") else "",
        stack=STACK,
        test_groups=(),
    )
    rows = [
        make_row(cell, draw, make_probabilities(images, classes, skill + cell.n / 1000, sweep, cell, draw))
        for cell in cells
        for draw in range(draws)
    ]
    return header, rows


def write_examples(folder: Path, images: SlicedImages) -> str:
    """Writes the images, in another order than by id, as a domain's test split; returns the domain's address."""
    import tensorflow as tf

    split = folder / "Split-test"
    split.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(split / "examples-00000-of-00001")) as writer:
        for place in np.random.default_rng(3).permutation(len(images.ids)):
            example = tf.train.Example()
            content = example.features.feature
            content[features.ID].bytes_list.value.append(str(images.ids[place]).encode())
            content[features.LABEL].int64_list.value.append(int(images.labels[place]))
            for name, values in images.features.items():
                content[name].bytes_list.value.append(str(values[place]).encode())
            writer.write(example.SerializeToString())
    return str(folder)


def write_ledgers(folder: Path, ledgers: Sequence[Ledger]) -> list[Path]:
    """Writes each ledger into a folder of its own; returns the folders."""
    folders = []
    for header, rows in ledgers:
        place = folder / header.sweep
        place.mkdir(parents=True)
        write_ledger(place / LEDGER_FILE, header, rows)
        folders.append(place)
    return folders


@pytest.fixture(scope="session")
def images_of() -> Callable[..., SlicedImages]:
    return make_images


@pytest.fixture(scope="session")
def probabilities_of() -> Callable[..., np.ndarray]:
    return make_probabilities


@pytest.fixture(scope="session")
def row_of() -> Callable[..., Row]:
    return make_row


@pytest.fixture(scope="session")
def ledger_of() -> Callable[..., Ledger]:
    return make_ledger


@pytest.fixture(scope="session")
def examples_at() -> Callable[..., str]:
    return write_examples


@pytest.fixture(scope="session")
def ledgers_at() -> Callable[..., list[Path]]:
    return write_ledgers
