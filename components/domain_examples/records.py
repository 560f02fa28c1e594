"""What happens to one record on its way into a domain. Imports numpy and tf.train.Example; no Beam, no TFX."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pydantic
import tensorflow as tf

from experiment import features
from experiment.config import Augmentation
from experiment.domains import val_count
from experiment.errors import Damaged
from experiment.random_streams import Stream, stream_digest, stream_generator


class DomainSettings(pydantic.BaseModel):
    """What one domain is made of, as the node's JSON parameter."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    classes: tuple[str, ...]
    """The domain's classes in the order of their new labels."""
    data_classes: tuple[str, ...]
    """All classes of the data in the order of their labels."""
    image_shape: tuple[int, int, int]
    augmentation: Augmentation
    val_fraction: float
    given_val: bool = False
    """Whether the records say which training images are val; else val_fraction and the seed decide."""
    seed: int
    with_test: bool
    """True only for the target: no source ever holds a test image."""


READ_BATCH = 1024


def domain_records(path: str, settings: DomainSettings) -> Iterator[tf.train.Example]:
    """Reads the domain's records of a file that Transform wrote, relabelled.

    TensorFlow reads the labels of whole batches, so that records of other classes never reach Python.

    Args:
      path: TFRecords, compressed by gzip where the name ends in `.gz`.
      settings: the domain's.
    """
    wanted = [settings.data_classes.index(name) for name in settings.classes]
    files = tf.data.TFRecordDataset(path, compression_type="GZIP" if path.endswith(".gz") else "")
    spec = {features.LABEL: tf.io.FixedLenFeature([], tf.int64)}
    for batch in files.batch(READ_BATCH):
        labels = tf.io.parse_example(batch, spec)[features.LABEL].numpy()
        for serialized in batch.numpy()[np.isin(labels, wanted)]:
            yield relabelled(tf.train.Example.FromString(serialized), settings)


def relabelled(example: tf.train.Example, settings: DomainSettings) -> tf.train.Example:
    """Makes a transformed example one of the domain's: label within the domain, class name, plain pixels.

    Args:
      example: as Transform wrote it, of one of the domain's classes; changed in place and returned.
      settings: the domain's.

    Raises:
      Damaged: it lacks the image or the id, or the image has too few pixels.
    """
    content = example.features.feature
    _check(example, math.prod(settings.image_shape))
    name = settings.data_classes[content[features.LABEL].int64_list.value[0]]
    content[features.LABEL].int64_list.value[0] = settings.classes.index(name)
    content[features.CLASS_NAME].bytes_list.value.append(name.encode())
    content[features.COPY].int64_list.value.append(0)
    serialized = content[features.IMAGE].bytes_list.value[0]
    # A serialized tensor ends with its values.
    content[features.IMAGE].bytes_list.value[0] = serialized[-math.prod(settings.image_shape) :]
    return example


def _check(example: tf.train.Example, size_bytes: int) -> None:
    held = {name: example.features.feature[name].bytes_list.value for name in (features.IMAGE, features.ID)}
    for name, values in held.items():
        if len(values) != 1:
            raise Damaged(f"a record has {len(values)} values of the feature {name!r}; expected 1")
    if len(held[features.IMAGE][0]) < size_bytes:
        raise Damaged(f"an image has {len(held[features.IMAGE][0])} bytes; expected {size_bytes} or more")


def take_val(example: tf.train.Example) -> bool:
    """Whether the example, as Transform wrote it, is marked as val; removes the mark.

    Raises:
      Damaged: it does not have exactly one mark.
    """
    content = example.features.feature
    if features.VAL not in content:
        return False
    values = content[features.VAL].int64_list.value
    if len(values) != 1:
        raise Damaged(f"a record has {len(values)} values of the feature {features.VAL!r}; expected 1")
    in_val = values[0]
    del content[features.VAL]
    return bool(in_val)


def image_id(example: tf.train.Example) -> str:
    return example.features.feature[features.ID].bytes_list.value[0].decode()


def label(example: tf.train.Example) -> int:
    return int(example.features.feature[features.LABEL].int64_list.value[0])


def val_ids(ids: Sequence[str], val_fraction: float, seed: int) -> list[str]:
    """The ids of one class that become val: the first of a queue ordered by a hash of (seed, id).

    The same for every domain, so that no image is val in one and train in another.
    """
    queue = sorted(ids, key=lambda name: stream_digest(seed, Stream.VAL_SPLIT, name))
    return queue[: val_count(len(queue), val_fraction)]


def augmented(example: tf.train.Example, settings: DomainSettings) -> Iterator[tf.train.Example]:
    """Yields the example, its mirror image, and noisy copies (report: the copies join the training set).

    Noise is Gaussian in grey levels, rounded and clipped to 0..255, and fixed by (seed, id, copy).
    """
    yield example
    augmentation = settings.augmentation
    content = example.features.feature[features.IMAGE].bytes_list.value[0]
    image = np.frombuffer(content, np.uint8).reshape(settings.image_shape)
    copies = [image[:, ::-1]] if augmentation.mirror else []
    for number in range(augmentation.noisy_copies):
        generator = stream_generator(settings.seed, Stream.NOISE, image_id(example), number)
        noisy = image + generator.standard_normal(image.shape, np.float32) * augmentation.noise_stddev
        copies.append(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
    for number, copied in enumerate(copies, start=1):
        result = tf.train.Example()
        result.CopyFrom(example)
        result.features.feature[features.IMAGE].bytes_list.value[0] = copied.tobytes()
        result.features.feature[features.COPY].int64_list.value[0] = number
        yield result
