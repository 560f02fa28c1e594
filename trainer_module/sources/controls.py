"""Sources that learned from no domain: initial weights, and permuted labels. Imports source, no sweep.

After Yosinski, Clune, Bengio and Lipson (How transferable are features in deep neural networks?, NIPS 2014): random
frozen features, and a network trained on its own task. Permuted labels after Zhang et al. (Understanding deep learning
requires rethinking generalization, ICLR 2017): such a network memorises real images, so it shows the effect of images
and of the scale of weights without classes.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from experiment.random_streams import Stream, stream_generator
from trainer_module.data.input_pipeline import Records
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import Network
from trainer_module.sources.source import source_initial_weights


def keep_initial_weights(network: Network, seed: int) -> None:
    """Gives every layer the weights that a source's training begins with; BatchNormalization's statistics too."""
    weight_values.set_weights(weight_values.model_variables(network), source_initial_weights(network, seed))


def with_permuted_labels(records: Records, seed: int) -> Records:
    """The records with labels permuted over the images; copies of an image keep one label.

    Args:
      records: with ids, copies among them.
      seed: of the permutation.

    Returns:
      The same images, in the same order; each label occurs among the originals as often as before.
    """
    ids = np.asarray(records.ids)
    originals = np.flatnonzero(records.copies == 0)
    originals = originals[np.argsort(ids[originals], kind="stable")]  # independent of the order of the files
    shuffled = stream_generator(seed, Stream.PERMUTED_LABELS).permutation(records.labels[originals])
    # For each record, the place of its image among the sorted originals.
    places = np.searchsorted(ids[originals], ids)
    return dataclasses.replace(records, labels=shuffled[places].astype(records.labels.dtype))


def some_originals(records: Records, count: int) -> Records:
    """At most that many images of a training set, without copies: on them memorisation is measured."""
    kept = np.zeros(len(records), bool)
    kept[np.flatnonzero(records.copies == 0)[:count]] = True
    return records.select(kept)
