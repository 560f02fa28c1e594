"""Architectures: weight counts of the report's tables, cuts, freezable layers. Builds real Keras models."""

import keras
import numpy as np
import pytest

from experiment.config import Backbone
from experiment.errors import ThawError
from tests.trainer_module.keras_models import SHIPPED, built
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import build_network, weight_counts

pytestmark = pytest.mark.slow  # builds networks

CONVOLUTIONS = [896, 128, 9248, 128, 18496, 256, 36928, 256, 73856, 512, 147584, 512]


def test_original_has_the_weights_of_table_1_layer_by_layer():
    assert weight_counts(built("original")) == [*CONVOLUTIONS, 524544, 32896, 129]


def test_remastered_has_the_weights_of_table_2_layer_by_layer():
    assert weight_counts(built("remastered")) == [*CONVOLUTIONS, 2049]


def test_mobilenet_v2_of_alpha_1_has_kerass_weights_below_a_new_head():
    network = build_network("mobilenet_v2", (32, 32, 3), 2, Backbone(family="MobileNetV2", image_size_px=96))
    assert sum(weight_counts(network)[:-1]) == 2_257_984
    assert weight_counts(network)[-1] == 1281


@pytest.mark.parametrize(
    ("shape", "seen"), [((32, 32), (32, 32)), ((16, 32), (16, 32)), ((64, 64), (32, 32)), ((96, 224), (14, 32))]
)
def test_the_reports_networks_see_at_most_32_pixels(shape, seen):
    """At 64 pixels they had a quarter of the steps in the same time, and lost 2 to 6 points on photos."""
    network = build_network("original", (*shape, 3), 2)
    assert network.model.get_layer("conv_1").input.shape[1:3] == seen
    assert network.model.input_shape[1:3] == shape


def test_eight_classes_change_the_head_alone():
    two, eight = built("original"), built("original", classes=8)
    assert weight_counts(two)[:-1] == weight_counts(eight)[:-1]
    assert weight_counts(eight)[-1] == 128 * 8 + 8


@pytest.mark.parametrize("architecture", SHIPPED)
def test_every_cut_splits_the_network_into_two_parts_with_its_logits(architecture):
    network = built(architecture)
    variables = weight_values.model_variables(network)
    weight_values.set_weights(variables, weight_values.initial_weights(network.weighted_layers, 3))
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    whole = network.model(images, training=False).numpy()
    counts = range(1, network.max_freeze_count + 1)
    for freeze_count in counts if architecture != "mobilenet_v2" else (1, 9, 17, 18):
        activations = network.segment(0, freeze_count)(images, training=False)
        logits = network.segment(freeze_count)(activations, training=False).numpy()
        np.testing.assert_array_equal(logits, whole)  # the same operations


@pytest.mark.parametrize("architecture", SHIPPED)
def test_layers_below_a_cut_are_exactly_the_frozen_ones(architecture):
    network = built(architecture)
    for freeze_count in range(1, network.max_freeze_count + 1):
        below = {layer for layer in network.segment(0, freeze_count).layers if layer.weights}
        assert below == set(network.frozen_layers(freeze_count))


def test_dropout_at_a_cut_is_trained_above_it_and_pooling_is_cached_below_it():
    network = built("original")
    below = {layer.name for layer in network.segment(0, 2).layers}
    above = {layer.name for layer in network.segment(2).layers}
    assert "pool_2" in below and "dropout_2" not in below
    assert "dropout_2" in above and "pool_2" not in above


def test_mobilenet_features_are_pooled_below_the_last_cut():
    assert built("mobilenet_v2").segment(18).input.shape == (None, 1280)


@pytest.mark.parametrize("architecture", SHIPPED)
def test_moving_statistics_follow_within_tens_of_steps(architecture):
    layers = built(architecture).model.layers
    momenta = {layer.momentum for layer in layers if isinstance(layer, keras.layers.BatchNormalization)}
    assert momenta == {0.9}


def test_logits_have_no_activation():
    assert built("original").head.activation is keras.activations.linear


def test_freezing_more_layers_than_there_are_is_refused():
    with pytest.raises(ValueError, match="0 to 8, got 9"):
        built("original").frozen_layers(9)


def test_mobilenet_refuses_grey_images():
    with pytest.raises(ThawError, match="32 pixels takes images of 3 channels, and the data has 1"):
        built("mobilenet_v2", shape=(32, 32, 1))


@pytest.mark.parametrize("architecture", ["original", "remastered", "mobilenet_v2"])
def test_multiply_adds_fall_with_every_frozen_layer_to_the_head_s(architecture):
    network = built(architecture)
    counts = network.multiply_adds
    assert len(counts) == network.max_freeze_count + 1
    assert list(counts) == sorted(counts, reverse=True)
    assert counts[-1] == np.prod(network.head.kernel.shape)


def test_multiply_adds_of_table_1_worked_out_by_hand():
    counts = build_network("original", (32, 32, 3), 2).multiply_adds
    first = 32 * 32 * 3 * 3 * 3 * 32
    assert counts[0] - counts[1] == first
    assert counts[6] == 2048 * 256 + 256 * 128 + 128
