"""Estimators of a source's features on the target, at every cut, before any training on it. Imports training, no
sweep."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from experiment.random_streams import Stream, stream_generator
from trainer_module.data import draws
from trainer_module.data.input_pipeline import Records, read_split
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import Network
from trainer_module.sources import source
from trainer_module.training.activation_cache import Activations, Budget, InMemory, kept, read_batch
from trainer_module.training.training_loop import class_probabilities
from transferability.estimators import DOMAIN_ESTIMATORS, LABEL_ESTIMATORS
from transferability.leep import leep

CELLS = 4
"""Feature maps are averaged over CELLS x CELLS parts: at most 2,048 features for `original`, whose deepest map has
4 x 4 places anyway."""


@dataclasses.dataclass(frozen=True)
class Estimate:
    """One estimator's value for one point of the grid.

    Attributes:
      n, freeze_count, draw: which images, and the cut at which their features were taken.
      estimator: a name of LABEL_ESTIMATORS or DOMAIN_ESTIMATORS, or `leep`, which has one value for all freeze counts.
      value: higher is better; never NaN: cases that an estimator rejects, such as too few images, are left out.
      seconds: the estimator's own, without those for the features.
    """

    n: int
    freeze_count: int
    draw: int
    estimator: str
    value: float
    seconds: float


def features_at(
    network: Network, images: np.ndarray, freeze_counts: Sequence[int], budget: Budget
) -> Iterator[tuple[int, np.ndarray]]:  # fmt: skip
    """Runs the images through the backbone once, from cut to cut, in inference mode.

    Args:
      network: holds the source's weights.
      images: uint8 [images, height, width, channels].
      freeze_counts: ascending.
      budget: memory for activations; the rest goes to disk.

    Yields:
      (freeze_count, float32 [images, features]), maps averaged over CELLS x CELLS parts.
    """
    unlabelled = np.zeros(len(images), np.int64)
    at = 0
    activations: Activations = InMemory(images, unlabelled)
    for freeze_count in freeze_counts:
        if freeze_count > at:
            part = network.segment(at, freeze_count)
            inputs = part.inputs[0]
            run = tf.function(
                lambda batch, part=part: part(batch, training=False),
                input_signature=[tf.TensorSpec([None, *inputs.shape[1:]], inputs.dtype)],
                autograph=False,
            )
            spill = 4 * len(images) * math.prod(part.outputs[0].shape[1:]) > budget.share_bytes
            walked = (run(batch) for batch in activations.batches())
            at, activations = freeze_count, kept(walked, unlabelled, budget, spill=spill)
        yield freeze_count, np.concatenate([_averaged(batch.numpy()) for batch in activations.batches()])


def source_probabilities(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Probabilities of the source's own classes, float32 [images, classes]; one logit stands for two classes."""
    return class_probabilities(model.predict(images, batch_size=read_batch(images.shape[1:]), verbose=0))


def estimates(
    network: Network, target: Records, ranks: dict[int, np.ndarray], sizes: Sequence[int],
    freeze_counts: Sequence[int], domain: np.ndarray | None, probabilities: np.ndarray | None, budget: Budget,
) -> Iterator[Estimate]:  # fmt: skip
    """All estimates of one source.

    Args:
      network: holds the source's weights.
      target: training images without their copies.
      ranks: for each draw, every image's place in its class's queue (draws.class_ranks).
      sizes: n; each draws its first n / classes of every class, as the sweep does.
      freeze_counts: ascending.
      domain: uint8 [images, height, width, channels], the source's own training images; None for no distances.
      probabilities: float64 [target images, source classes]; None for no LEEP.
      budget: memory for activations.
    """
    classes = int(target.labels.max()) + 1
    subsets = {(n, draw): np.flatnonzero(draws.draw_subset(rank, n, classes))
               for draw, rank in ranks.items() for n in sizes}  # fmt: skip
    if probabilities is not None:
        for (n, draw), places in subsets.items():
            yield from _timed(n, 0, draw, "leep", leep, probabilities[places], target.labels[places])
    images = target.images if domain is None else np.concatenate([target.images, domain])
    for freeze_count, features in features_at(network, images, freeze_counts, budget):
        own = features[len(target) :]
        for (n, draw), places in subsets.items():
            for name, of_labels in LABEL_ESTIMATORS.items():
                yield from _timed(n, freeze_count, draw, name, of_labels, features[places], target.labels[places])
            if n <= len(own):
                for name, of_domains in DOMAIN_ESTIMATORS.items():
                    yield from _timed(n, freeze_count, draw, name, of_domains, features[places], own[:n])


def _timed(
    n: int, freeze_count: int, draw: int, name: str, estimator: Callable[[np.ndarray, np.ndarray], float],
    first: np.ndarray, second: np.ndarray,
) -> Iterator[Estimate]:  # fmt: skip
    began = time.perf_counter()
    try:
        value = float(estimator(first, second))
    except ValueError:  # too few images for it; transferability.checks
        return
    if math.isfinite(value):
        yield Estimate(n, freeze_count, draw, name, value, time.perf_counter() - began)


def _averaged(activations: np.ndarray) -> np.ndarray:
    """[images, height, width, channels] averaged over CELLS x CELLS parts and flattened; others flattened."""
    if activations.ndim != 4:
        return np.asarray(activations, np.float32).reshape(len(activations), -1)
    parts = [
        part.mean(axis=(1, 2), dtype=np.float32)  # [images, channels]
        for row in np.array_split(activations, min(CELLS, activations.shape[1]), axis=1)
        for part in np.array_split(row, min(CELLS, activations.shape[2]), axis=2)
    ]
    return np.concatenate(parts, axis=1)


DOMAIN_IMAGES = 400
"""Of a source's own training images, drawn at random, for the distances: these are computed up to n = 400."""


def read_originals(domain: str, image_shape: Sequence[int]) -> Records:
    """A domain's training images without their copies.

    Args:
      domain: folder of the examples.
      image_shape: height, width, channels.
    """
    train = read_split([f"{domain}/Split-train/*"], image_shape)
    return train.select(train.copies == 0)


def some_images(domain: str, image_shape: Sequence[int], seed: int) -> np.ndarray:
    """DOMAIN_IMAGES training images of a source's domain at random, uint8 [images, height, width, channels]."""
    own = read_originals(domain, image_shape)
    return np.asarray(own.images[stream_generator(seed, Stream.DOMAIN_SAMPLE).permutation(len(own))[:DOMAIN_IMAGES]])


def drawn(
    target: Records, classes: int, sizes: Sequence[int], count: int, seed: int
) -> tuple[Records, dict[int, np.ndarray]]:
    """The images that any draw uses, and each one's place in its class's queue, by draw.

    Args:
      target: training images without copies.
      classes: of the target.
      sizes: n.
      count: draws.
      seed: the experiment's.
    """
    ranks = {draw: draws.class_ranks(target.ids.tolist(), target.labels, seed, draw) for draw in range(count)}
    used = np.any([rank < max(sizes) // classes for rank in ranks.values()], axis=0)
    return target.select(used), {draw: rank[used] for draw, rank in ranks.items()}


def estimates_of_source(
    model: Path, network: Network, target: Records, ranks: Mapping[int, np.ndarray], sizes: Sequence[int],
    freeze_counts: Sequence[int], domain: np.ndarray | None, budget: Budget,
) -> Iterator[Estimate]:  # fmt: skip
    """See estimates.estimates.

    Args:
      model: folder of the exported source.
      network: of its architecture, with the target's head; its backbone is overwritten.
      target, ranks: as `drawn` returns them.
      sizes: n.
      freeze_counts: ascending.
      domain: some of the source's own images; None if it has no classes and images of the data (ImageNet).
      budget: memory for activations.

    Raises:
      ThawError: the source does not fit the architecture.
    """
    weight_values.set_weights(weight_values.backbone_variables(network), source.source_weights(str(model), network))
    probabilities = None
    if domain is not None:
        trained = keras.saving.load_model(model / source.KERAS_FILE, compile=False, safe_mode=True)
        probabilities = source_probabilities(trained, target.images)
    return estimates(network, target, dict(ranks), sizes, freeze_counts, domain, probabilities, budget)
