"""Targets to calibrate `thaw advise` on: CIFAR-10, hand signs, ants and bees. Imports no engine."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from pathlib import Path

import numpy as np
import tensorflow as tf

from acquisition.data_sources.locate_dataset import Dataset
from benchmarks.inputs.target import SEED, find_dataset
from experiment.config import CIFAR10_CLASSES
from trainer_module.cell_training.target_data import TargetData, drawn_records
from trainer_module.data.input_pipeline import Records

CIFAR = (
    ("deer", "horse"), ("bird", "frog"), ("automobile", "frog"), ("truck", "bird"), ("cat", "frog"), ("dog", "horse"),
    ("ship", "truck"), ("airplane", "deer"), ("automobile", "truck"), ("bird", "deer", "frog"),
    ("automobile", "horse", "frog"), ("cat", "deer", "truck"), ("ship", "automobile", "truck"),
)  # fmt: skip
SIGNS = (
    ("0", "1"), ("4", "5"), ("2", "3", "4"), ("6", "7", "8", "9"), ("0", "1", "2", "3", "4"),
    ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"),
)  # fmt: skip
PHOTOS = (("ants", "bees"),)
SMALL_PX, LARGE_PX = 32, 96
"""Sides of the images for the report's networks, and of photos for MobileNetV2."""
POOL, VAL, TEST = 1000, 100, 500
"""Images of a class of CIFAR-10: train, val, test."""
TEST_SHARE, VAL_SHARE = 1 / 4, 1 / 5
"""Shares of photos: test, and val of the rest."""


@dataclasses.dataclass(frozen=True)
class Target:
    """A target and its kind, which is left out as a whole in the stricter test."""

    kind: str
    classes: tuple[str, ...]

    @property
    def name(self) -> str:
        """Such as `cifar10 cat frog`."""
        return " ".join((self.kind, *self.classes))


TARGETS = tuple(
    target
    for group in itertools.zip_longest(
        (Target("cifar10", some) for some in CIFAR),
        (Target("signs", some) for some in SIGNS),
        (Target("ants_bees", some) for some in PHOTOS),
    )
    for target in group
    if target
)
"""All targets, in an order with some of each kind early."""


@dataclasses.dataclass(frozen=True)
class Images:
    """Images of one kind: uint8 [images, side, side, 3], names of classes, and one of train, val and test for each
    image."""

    images: np.ndarray
    classes: np.ndarray
    split: np.ndarray


def data_of(target: Target, side: int, per_class: int, draw: int, photos: Path, cache: Path) -> TargetData:
    """A target as a sweep reads it, with mirror images, narrowed to one draw.

    Args:
      target: see TARGETS.
      side: pixels.
      per_class: images a class of the largest n.
      draw: number of the draw.
      photos: folder with `signs` and `ants_bees`.
      cache: where decoded images are kept.
    """
    source = images_of(target.kind, side, photos, cache)
    splits = {}
    for split in ("train", "val", "test"):
        places, labels = [], []
        for label, name in enumerate(target.classes):
            found = np.flatnonzero((source.classes == name) & (source.split == split))
            places.append(found)
            labels.append(np.full(len(found), label))
        splits[split] = records(source.images, np.concatenate(places), np.concatenate(labels), split == "train")
    count = len(target.classes)
    train = drawn_records(splits["train"], per_class * count, count, SEED, [draw])
    return TargetData(train, splits["val"], splits["test"], count, content_hash="")


def records(images: np.ndarray, places: np.ndarray, labels: np.ndarray, mirrored: bool) -> Records:
    """Some images as records ordered by id and copy, the second copy being the mirror image."""
    order = np.argsort(places)
    places, labels = places[order], np.asarray(labels, np.int64)[order]
    ids = np.array([f"{place:06d}" for place in places])
    if not mirrored:
        return Records(images[places], labels, ids, np.zeros(len(places), np.int64))
    both = np.stack([images[places], images[places][:, :, ::-1]], axis=1).reshape(-1, *images.shape[1:])
    return Records(both, labels.repeat(2), ids.repeat(2), np.tile([0, 1], len(places)).astype(np.int64))


@functools.cache
def images_of(kind: str, side: int, photos: Path, cache: Path) -> Images:
    """All images of `cifar10` or of a folder of photos, squares of that side; decoded once, and kept in `cache`."""
    path = cache / f"{kind}_{side}.npz"
    if not path.exists():
        made = _cifar(find_dataset(), side) if kind == "cifar10" else _photos(photos / kind, side)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, images=made.images, classes=made.classes, split=made.split)
    with np.load(path) as kept:
        return Images(kept["images"], kept["classes"], kept["split"])


def _cifar(dataset: Dataset, side: int) -> Images:
    """The first images of each class in the order of the files: train and val, and test."""
    assert side == SMALL_PX
    images, classes, split = [], [], []
    for files, parts in (
        (dataset.files.train, (("val", VAL), ("train", POOL))),
        (dataset.files.test, (("test", TEST),)),
    ):
        seen = dict.fromkeys(CIFAR10_CLASSES, 0)
        queue = [part for part, count in parts for _ in range(count)]
        for serialized in tf.data.TFRecordDataset([str(file) for file in files]):
            feature = tf.train.Example.FromString(serialized.numpy()).features.feature
            name = CIFAR10_CLASSES[feature["label"].int64_list.value[0]]
            if seen[name] < len(queue):
                images.append(tf.io.decode_image(feature["image"].bytes_list.value[0], channels=3).numpy())
                classes.append(name)
                split.append(queue[seen[name]])
                seen[name] += 1
            elif min(seen.values()) >= len(queue):
                break
    return Images(np.stack(images), np.array(classes), np.array(split))


def _photos(folder: Path, side: int) -> Images:
    """Photos cut to squares; a random quarter of each class is test, a fifth of the rest val."""
    images, classes, split = [], [], []
    for number, inner in enumerate(sorted(path for path in folder.iterdir() if path.is_dir())):
        files = sorted(inner.iterdir())
        order = np.random.default_rng(number).permutation(len(files))
        tests = round(TEST_SHARE * len(files))
        vals = round(VAL_SHARE * (len(files) - tests))
        parts = np.full(len(files), "train", dtype="<U5")
        parts[order[:tests]], parts[order[tests : tests + vals]] = "test", "val"
        for file, part in zip(files, parts, strict=True):
            images.append(_square(file, side))
            classes.append(inner.name)
            split.append(part)
    return Images(np.stack(images), np.array(classes), np.array(split))


def _square(file: Path, side: int) -> np.ndarray:
    image = tf.io.decode_image(file.read_bytes(), channels=3, expand_animations=False)
    shortest = min(image.shape[:2])
    cut = tf.image.resize_with_crop_or_pad(image, shortest, shortest)
    resized = tf.image.resize(cut, (side, side), antialias=True)
    return np.clip(np.rint(resized.numpy()), 0, 255).astype(np.uint8)
