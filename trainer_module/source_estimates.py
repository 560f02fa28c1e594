"""All estimates of one exported source for a target, on every draw's images. Imports estimates and source, no sweep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from experiment.random_streams import Stream, stream_generator
from trainer_module import draws, freezing, source
from trainer_module.activations import Budget
from trainer_module.architectures import Network
from trainer_module.estimates import Estimate, estimates, source_probabilities
from trainer_module.input_pipeline import Records, read_split

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
      domain: some of the source's own images; none: it has no classes and images of the data (ImageNet).
      budget: memory for activations.

    Raises:
      ThawError: the source does not fit the architecture.
    """
    freezing.set_weights(freezing.backbone_variables(network), source.source_weights(str(model), network))
    probabilities = None
    if domain is not None:
        trained = keras.saving.load_model(model / source.KERAS_FILE, compile=False, safe_mode=True)
        probabilities = source_probabilities(trained, target.images)
    return estimates(network, target, dict(ranks), sizes, freeze_counts, domain, probabilities, budget)
