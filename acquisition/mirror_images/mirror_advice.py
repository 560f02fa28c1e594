"""Whether to add mirror images to a user's training images, judged from the images. Imports tfrecords and the check."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from acquisition.image_folders.image_files import load_image
from acquisition.mirror_images.mirror_check import check_mirror
from acquisition.mirror_images.orientation_histograms import SIDE, orientation_histograms
from acquisition.tfrecords.record_files import RecordFiles
from acquisition.tfrecords.tfrecords import RecordPosition, read_batches
from experiment.config import Data

MOST_IMAGES = 1000
"""Images of all classes together, equally many of each."""
LEAST_PER_CLASS = 10
"""Fewest images per class, even if there are many classes."""


@dataclass(frozen=True)
class MirrorAdvice:
    """What to do with mirror images.

    Attributes:
      mirror: whether they are added to the training images.
      reason: why, for the user.
    """

    mirror: bool
    reason: str


def mirror_advice(
    files: RecordFiles, data: Data, target: Sequence[str], asked: bool | None,
    on_progress: Callable[[int], None] | None = None,
) -> MirrorAdvice:  # fmt: skip
    """Compares training images of the target with their mirror images; test images are not read.

    Args:
      files: records that passed inspect_records.
      data: their layout; without a group_key each image stands alone.
      target: classes to look at.
      asked: the user's choice; none: it is determined from the images.
      on_progress: called with the number of images read so far.
    """
    if asked is not None:
        return MirrorAdvice(asked, f"as --{'' if asked else 'no-'}mirror says")
    check = check_mirror(*_sampled(files, data, target, on_progress))
    if check is None:
        return MirrorAdvice(True, "too few images to find out whether left and right matter; if so, use --no-mirror")
    counts = (f"a simple classifier recognises {check.recognized:,} of {check.images:,} images of train and val and "
              f"{check.mirrored_recognized:,} of their mirror images")  # fmt: skip
    if check.swaps:
        return MirrorAdvice(False, f"they look like images of other classes: {counts}; --mirror adds them")
    if check.differs:
        return MirrorAdvice(True, f"{counts}, so they look different; compare with --no-mirror")
    return MirrorAdvice(True, f"{counts}; if left and right matter, use --no-mirror")


def _sampled(
    files: RecordFiles, data: Data, target: Sequence[str], on_progress: Callable[[int], None] | None
) -> tuple[np.ndarray, np.ndarray, list[str]]:  # fmt: skip
    """Histograms float32 [images, LENGTH], labels and groups of the first training images of each class."""
    import tensorflow as tf

    wanted = {data.classes.index(name) for name in target}
    each = max(LEAST_PER_CLASS, math.ceil(MOST_IMAGES / len(wanted)))
    histograms, labels, names = [], [], []
    taken: Counter[int] = Counter()
    for path in files.train:
        for first, batch in read_batches(path):
            for number, raw in enumerate(batch, start=first):
                features = tf.train.Example.FromString(raw).features.feature
                label = features[data.label_key].int64_list.value[0]
                if label not in wanted or taken[label] == each:
                    continue
                taken[label] += 1
                place = str(RecordPosition(path, number))
                histograms.append(orientation_histograms(
                    load_image(features[data.image_key].bytes_list.value[0], place, 2 * SIDE)
                ))  # fmt: skip
                labels.append(label)
                names.append(features[data.group_key].bytes_list.value[0].decode() if data.group_key else place)
                if on_progress:
                    on_progress(len(labels))
    return np.array(histograms), np.array(labels), names
