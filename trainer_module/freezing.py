"""Weights as values: initial, read, set, hashed. Imports architectures, no training code."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import keras
import numpy as np

from trainer_module.architectures import Network

Weights = dict[str, np.ndarray]
"""Values of variables by their path; statistics of BatchNormalization are among them."""


def model_variables(network: Network) -> list[keras.Variable]:
    """All weights and statistics, backbone first, head last; no seeds, no optimiser state."""
    return [*backbone_variables(network), *network.head.weights]


def backbone_variables(network: Network) -> list[keras.Variable]:
    return [weight for layer in network.backbone_layers for weight in layer.weights]


def read_weights(variables: Sequence[keras.Variable]) -> Weights:
    """Copies of the variables' values by path."""
    return {variable.path: variable.numpy() for variable in variables}


def set_weights(variables: Sequence[keras.Variable], weights: Weights) -> None:
    """Assigns each variable its value.

    Raises:
      KeyError: a variable has no value in `weights`.
    """
    for variable in variables:
        variable.assign(weights[variable.path])


def initial_weights(variables: Sequence[keras.Variable], seed: Sequence[int]) -> Weights:
    """Random weights as Keras initialises them, fixed by the seed alone.

    Kernels are Glorot uniform (Glorot and Bengio, AISTATS 2010): U(-a, a), a = sqrt(6 / (fan_in + fan_out)); scales
    and moving variances are 1; the rest is 0.

    Args:
      variables: the variables to make values for, in a fixed order.
      seed: non-negative integers.
    """
    generator = np.random.default_rng(list(seed))
    return {variable.path: _initial_value(variable, generator) for variable in variables}


def _initial_value(variable: keras.Variable, generator: np.random.Generator) -> np.ndarray:
    name, shape = variable.path.rsplit("/", 1)[-1], tuple(variable.shape)
    if "kernel" in name:
        receptive = math.prod(shape[:-2])
        limit = math.sqrt(6 / (receptive * (shape[-2] + shape[-1])))
        return generator.uniform(-limit, limit, shape).astype(np.float32)
    if name in ("gamma", "moving_variance"):
        return np.ones(shape, np.float32)
    return np.zeros(shape, np.float32)


def weights_hash(weights: Weights) -> str:
    """SHA-256 of names, shapes and values, shortened to 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in sorted(weights):
        value = np.ascontiguousarray(weights[path])
        digest.update(f"{path.rsplit('/', 2)[-2:]}{value.shape}{value.dtype}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()[:16]


def seed_dropout(model: keras.Model, seed: int) -> None:
    """Starts every dropout layer's random numbers anew, each layer from its own place."""
    dropouts = [layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    for index, layer in enumerate(dropouts):
        layer.seed_generator.state.assign([seed % 2**32, index * 2**20])
