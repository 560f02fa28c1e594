"""Uses classes of CIFAR-10 as sources for another target, at its image size. Imports TensorFlow lazily."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from acquisition.image_folders.image_files import content_id, fitted, load_image, png_bytes
from acquisition.tfrecords.record_files import RecordFiles
from acquisition.tfrecords.tfrecords import RecordPosition, read_batches
from experiment.config import CIFAR10_CLASSES
from experiment.errors import ThawError

PREFIX = "cifar10_"
"""Prefix of CIFAR-10's class names, which distinguishes them from the user's."""
DOMAINS = {"cats_dogs": ("cat", "dog"), "ships_planes": ("ship", "airplane")}
"""The sources of the preset `quick`."""
TRAIN_PER_CLASS, TEST_PER_CLASS = 2500, 100
"""Half of CIFAR-10's images, for the few hundred steps of a source; test images are only counted."""

_ALSO_CALLED = {"ship": {"boat"}, "airplane": {"plane", "aeroplane", "aircraft"}, "cat": {"kitten"}, "dog": {"puppy"}}


def foreign_domains(own_classes: Collection[str]) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """The domains that share no class name with the user's data.

    Returns:
      CIFAR-10's classes by domain; and for each domain left out, the class that it shares with the user's data.
    """
    own = {_singular(name): name for name in own_classes}
    taken: dict[str, tuple[str, ...]] = {}
    shared: dict[str, str] = {}
    for domain, classes in DOMAINS.items():
        names = set(classes).union(*(_ALSO_CALLED[name] for name in classes))
        common = sorted(names & own.keys())
        if common:
            shared[domain] = own[common[0]]
        else:
            taken[domain] = classes
    return taken, shared


def cifar_images(
    files: RecordFiles, split: str, labels: Mapping[str, int], size: tuple[int, int], own_ids: Collection[str]
) -> Iterator[tuple[bytes, int, bytes]]:
    """The first images of each class, as (PNG bytes, new label, id).

    Args:
      files: CIFAR-10.
      split: `train` or `test`.
      labels: new label by CIFAR-10's name of the class; other classes are ignored.
      size: height and width to fit images to, in pixels.
      own_ids: content ids of the user's images; these are left out.

    Raises:
      ThawError: a record does not have CIFAR-10's layout.
    """
    paths, most = (files.train, TRAIN_PER_CLASS) if split == "train" else (files.test, TEST_PER_CLASS)
    taken: Counter[str] = Counter()
    for path in paths:
        for first, batch in read_batches(path):
            for number, raw in enumerate(batch, start=first):
                encoded, name = _parsed(path, number, raw)
                if name not in labels or taken[name] >= most:
                    continue
                image = fitted(load_image(encoded, str(RecordPosition(path, number))), *size)
                if content_id(image) in own_ids:
                    continue
                yield png_bytes(image), labels[name], f"{PREFIX}{split}_{name}_{taken[name]:05d}".encode()
                taken[name] += 1
        if all(taken[name] >= most for name in labels):
            return


def is_val(image_id: bytes) -> bool:
    """Whether an image of cifar_images is val, by its id: every fifth training image of a class."""
    return image_id.startswith(f"{PREFIX}train_".encode()) and int(image_id.rpartition(b"_")[2]) % 5 == 0


def _parsed(path: Path, number: int, raw: bytes) -> tuple[bytes, str]:
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        features = tf.train.Example.FromString(raw).features.feature
        [encoded] = features["image"].bytes_list.value
        [label] = features["label"].int64_list.value
        return bytes(encoded), dict(enumerate(CIFAR10_CLASSES))[label]
    except (DecodeError, SystemError, ValueError, KeyError) as error:
        raise ThawError(f"{RecordPosition(path, number)}: not a record of CIFAR-10. Expected one image and one label "
                        "from 0 to 9; copy the data again, or unset CIFAR10_DIR.") from error  # fmt: skip


def _singular(name: str) -> str:
    return name.lower().strip().removesuffix("s")
