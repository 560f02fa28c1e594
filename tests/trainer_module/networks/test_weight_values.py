"""Weights as values, and BatchNormalization held still. Builds small Keras models."""

import keras
import numpy as np
import pytest

from trainer_module.networks import normalization, weight_values
from trainer_module.networks.architectures import build_network

pytestmark = pytest.mark.slow  # builds networks


@pytest.fixture(scope="module")
def network():
    return build_network("remastered", (32, 32, 3), 2)


def test_initial_kernels_are_glorot_uniform_and_the_rest_is_neutral(network):
    weights = weight_values.initial_weights(network.weighted_layers, 5)
    kernel = weights["conv_2/kernel"]
    limit = np.sqrt(6 / (9 * (32 + 32)))
    assert np.abs(kernel).max() <= limit and np.abs(kernel).max() > 0.99 * limit
    assert kernel.var() == pytest.approx(limit**2 / 3, rel=0.05)
    assert not weights["conv_2/bias"].any() and not weights["norm_2/moving_mean"].any()
    assert (weights["norm_2/gamma"] == 1).all() and (weights["norm_2/moving_variance"] == 1).all()


def test_initial_weights_are_fixed_by_the_seed(network):
    layers = network.weighted_layers
    hashes = [weight_values.weights_hash(weight_values.initial_weights(layers, seed)) for seed in (1, 1, 2)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_weights_that_were_set_are_read_back(network):
    variables = weight_values.model_variables(network)
    weights = weight_values.initial_weights(network.weighted_layers, 9)
    weight_values.set_weights(variables, weights)
    assert weight_values.weights_hash(weight_values.read_weights(variables)) == weight_values.weights_hash(weights)


def test_a_hash_notices_one_changed_value_and_a_changed_shape():
    weights = {"a/kernel": np.zeros((2, 3), np.float32)}
    changed = {"a/kernel": np.array([[0, 0, 0], [0, 0, 1e-7]], np.float32)}
    reshaped = {"a/kernel": np.zeros((3, 2), np.float32)}
    assert len({weight_values.weights_hash(value) for value in (weights, changed, reshaped)}) == 3


def test_setting_without_a_value_for_each_variable_is_refused(network):
    with pytest.raises(KeyError, match="conv_1/kernel"):
        weight_values.set_weights(weight_values.model_variables(network), {})


def test_dropout_masks_start_anew_with_the_seed(network):
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    results = []
    for seed in (1, 1, 2):
        weight_values.seed_dropout(network.model, seed)
        with normalization.normalization_held(network.model):
            results.append(network.model(images, training=True).numpy())
    assert np.array_equal(results[0], results[1]) and not np.array_equal(results[0], results[2])


class Unnamed(keras.layers.Layer):
    """Names none of its two weights, as ConvNeXt's LayerScale does."""

    def build(self, shape):
        self.scale, self.offset = (self.add_weight(shape=shape[-1:], initializer="ones") for _ in range(2))
        super().build(shape)


def test_weights_without_a_name_have_the_same_path_in_every_copy():
    variables = []
    for _ in range(2):
        layers = [Unnamed(name=name) for name in "ab"]
        for layer in layers:
            layer.build((None, 3))
        variables.append([weight for layer in layers for weight in layer.weights])
    assert variables[0][0].path != variables[1][0].path  # Keras counts all that it made
    for copy in variables:
        assert weight_values.paths_of(copy) == ["a/variable", "a/variable_1", "b/variable", "b/variable_1"]
    weight_values.set_weights(variables[1], weight_values.read_weights(variables[0]))
    hashes = {weight_values.weights_hash(weight_values.read_weights(copy)) for copy in variables}
    assert len(hashes) == 1
