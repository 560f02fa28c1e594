"""Weights as values: initial, read, set, hashed. Imports architectures, no training code."""

from __future__ import annotations

import contextlib
import hashlib
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from experiment.errors import ThawError
from trainer_module.networks.architectures import Network

Weights = dict[str, np.ndarray]
"""Values of variables by their `paths_of`, including the statistics of BatchNormalization."""
UNNAMED = re.compile(r"variable(_\d+)?")


def model_variables(network: Network) -> list[keras.Variable]:
    """All weights and statistics, backbone first, head last; no seeds, no optimiser state."""
    return [*backbone_variables(network), *network.head.weights]


def backbone_variables(network: Network) -> list[keras.Variable]:
    return [weight for layer in network.backbone_layers for weight in layer.weights]


def paths_of(variables: Sequence[keras.Variable]) -> list[str]:
    """Each variable's path, the same in every process and for every copy of a network.

    A variable to which its layer gave no name, such as a scale of ConvNeXt, is called `variable_` and the count of such
    variables made so far. Here its number is that among those of its layer.
    """
    counts = Counter[str]()
    found = []
    for variable in variables:
        layer, _, name = variable.path.rpartition("/")
        if UNNAMED.fullmatch(name):
            name = f"variable_{counts[layer]}" if counts[layer] else "variable"
            counts[layer] += 1
        found.append(f"{layer}/{name}")
    return found


def read_weights(variables: Sequence[keras.Variable]) -> Weights:
    """Copies of the variables' values by path."""
    return {path: variable.numpy() for path, variable in zip(paths_of(variables), variables, strict=True)}


def set_weights(variables: Sequence[keras.Variable], weights: Weights) -> None:
    """Assigns each variable its value.

    Raises:
      KeyError: a variable has no value in `weights`.
    """
    for path, variable in zip(paths_of(variables), variables, strict=True):
        variable.assign(weights[path])


def initial_weights(layers: Sequence[keras.layers.Layer], seed: int) -> Weights:
    """Random weights and statistics as each layer's own initialisers make them, determined by the seed alone.

    Every layer is built again from its settings, so that its variables start as in Keras: scales at one, kernels from
    their initialiser. Seeds in the settings are ignored, or two draws would be equal.

    Args:
      layers: built; they are not changed.
      seed: non-negative; each layer derives its own from it.

    Raises:
      ThawError: a layer can't be built again.
    """
    weights: Weights = {}
    for place, layer in enumerate(layers):
        with _keras_seeded(f"{seed}/{place}"):
            fresh = layer.__class__.from_config(_without_seeds(layer.get_config()))
            fresh.build_from_config(layer.get_build_config() or {})
        if [tuple(weight.shape) for weight in fresh.weights] != [tuple(weight.shape) for weight in layer.weights]:
            raise ThawError(f"The layer {layer.name} ({type(layer).__name__}) has other weights when it is built again "
                            "from its settings, so it can't start from random weights. Expected get_config and build "
                            "to say all that decides its weights; change them, or leave the layer out.")  # fmt: skip
        weights |= {path: new.numpy() for path, new in zip(paths_of(layer.weights), fresh.weights, strict=True)}
    return weights


@contextlib.contextmanager
def _keras_seeded(seed: str) -> Iterator[None]:
    """Fixes the seeds that initialisers without one take: Keras draws them from Python's own generator."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


def _without_seeds(settings: Any) -> Any:
    """A layer's settings with None for every seed, including those of its initialisers."""
    if isinstance(settings, dict):
        return {name: None if name == "seed" else _without_seeds(value) for name, value in settings.items()}
    return [_without_seeds(value) for value in settings] if isinstance(settings, list) else settings


def weights_hash(weights: Weights) -> str:
    """SHA-256 of names, shapes and values, shortened to 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in sorted(weights):
        value = np.ascontiguousarray(weights[path])
        digest.update(f"{path.rsplit('/', 2)[-2:]}{value.shape}{value.dtype}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()[:16]


def seed_dropout(model: keras.Model, seed: int) -> None:
    """Restarts the random numbers of every layer that draws any, each layer from its own stream."""
    generators = [layer.seed_generator for layer in model.layers if getattr(layer, "seed_generator", None) is not None]
    for place, generator in enumerate(generators):
        generator.state.assign([seed % 2**32, place * 2**20])
