"""Models of the user's own of unusual build: blocks that normalise first, names used twice, ends of bare operations."""

import keras
import numpy as np
import pytest
from keras import layers

from experiment.config import Schedule
from experiment.errors import ThawError
from ledger.cell_selection import Cell
from tests.trainer_module.keras_models import IMAGES, chain, network_of
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.networks import weight_values
from trainer_module.sweep.engine import SweepEngine

pytestmark = pytest.mark.slow  # builds networks


def normalised_first():
    """As ResNetV2 and DenseNet: what a block begins with lies above the place where the one before it can be cut."""
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 3, strides=4, name="stem")(layers.Rescaling(1 / 255)(inputs))
    for block in range(2):
        y = layers.ReLU()(layers.BatchNormalization(name=f"norm_{block}")(x))
        x = layers.Add()([x, layers.Conv2D(4, 3, padding="same", name=f"conv_{block}")(y)])
    return keras.Model(inputs, x)


def attention():
    """As a vision transformer: tokens, LayerNormalization first."""
    inputs = keras.Input((32, 32, 3))
    x = layers.Reshape((16, 8))(layers.Conv2D(8, 8, strides=8, name="patches")(layers.Rescaling(1 / 255)(inputs)))
    y = layers.LayerNormalization(name="norm")(x)
    x = layers.Add()([x, layers.MultiHeadAttention(2, 4, name="attention")(y, y)])
    return keras.Model(inputs, layers.GlobalAveragePooling1D()(x))


@pytest.mark.parametrize("model", [normalised_first, attention])
def test_what_is_frozen_with_a_part_lies_below_its_cut(saved, model):
    network = network_of(saved(model()))
    assert network.max_freeze_count > 1
    for cut in range(1, network.max_freeze_count + 1):
        below = {layer.name for layer in network.segment(0, cut).layers if layer.weights}
        assert below == {layer.name for layer in network.frozen_layers(cut)}
        above = {layer.name for layer in network.segment(cut).layers if layer.weights}
        assert above == {layer.name for group in network.freezable[cut:] for layer in group} | {"head"}


def test_a_network_that_normalises_first_is_trained_above_each_cut(saved, target_data):
    network = network_of(saved(normalised_first()))
    source = weight_values.read_weights(weight_values.backbone_variables(network))
    engine = SweepEngine(network, source, target_data, StepSchedule(Schedule(epochs=1, batch_size=16)), seed=1)
    for count in range(network.max_freeze_count + 1):
        assert engine.run(Cell(8, count, True), 0).outcome != "diverged"  # FrozenWeightsChanged would be raised


def test_layers_of_two_models_within_may_have_one_name(saved):
    def block():
        return keras.Sequential([keras.Input((None, None, 4)), layers.Conv2D(4, 3, name="conv")])

    inputs = keras.Input((32, 32, 3))
    x = block()(block()(layers.Conv2D(4, 3, name="stem")(layers.Rescaling(1 / 255)(inputs)) + 1.0) + 1.0)
    model = keras.Model(inputs, layers.GlobalAveragePooling2D()(x))
    network = network_of(saved(model))
    assert [[layer.name for layer in group] for group in network.freezable] == [["stem"], ["conv"], ["conv_2"]]
    assert len(weight_values.read_weights(weight_values.model_variables(network))) == 8
    found = network.segment(0, 3)(IMAGES, training=False)
    np.testing.assert_allclose(found, np.array(model(IMAGES.astype(np.float32))), rtol=1e-4, atol=1e-6)


def ended(*ends):
    inputs = keras.Input((32, 32, 3))
    x = keras.ops.mean(layers.Conv2D(8, 3, name="a")(layers.Rescaling(1 / 255)(inputs)), axis=[1, 2])
    for end in ends:
        x = end(x)
    return keras.Model(inputs, x)


SCORES = layers.Dense(5, name="scores")


@pytest.mark.parametrize(
    "ends",
    [
        (), (SCORES,), (SCORES, keras.ops.softmax), (SCORES, keras.activations.sigmoid),
        (SCORES, lambda x: keras.ops.reshape(x, (-1, 5)), layers.Activation("log_softmax")),
    ],
)  # fmt: skip
def test_the_classification_layer_is_left_out_whatever_makes_probabilities_of_it(saved, ends):
    network = network_of(saved(ended(*ends)))
    assert "scores" not in {layer.name for layer in network.model.layers}
    features = network.segment(0, network.max_freeze_count)  # a bare operation, the mean, is cut behind as well
    assert features.output.shape == (None, 8)


def test_probabilities_of_every_place_are_no_features(saved):
    ends = [layers.Conv2D(5, 1, activation="softmax", name="scores"), layers.GlobalAveragePooling2D()]
    network = network_of(saved(chain(layers.Conv2D(8, 3, name="a"), end=ends)))
    assert "scores" not in {layer.name for layer in network.model.layers}


def separable():
    return chain(layers.SeparableConv2D(4, 3, use_bias=False), layers.SeparableConv2D(8, 3), layers.Flatten())


def wrapped():
    return chain(layers.SpectralNormalization(layers.Conv2D(4, 3)), layers.Flatten())


def upsampled():
    return chain(layers.Conv2D(4, 3, strides=2), layers.Conv2DTranspose(2, 3), layers.Flatten())


@pytest.mark.parametrize(
    ("model", "backbone"),
    [
        (separable, 30 * 30 * (3 * 9 + 3 * 4) + 28 * 28 * (4 * 9 + 4 * 8)),
        (wrapped, 30 * 30 * 27 * 4),
        (upsampled, 15 * 15 * 27 * 4 + 15 * 15 * 9 * 4 * 2),
        # Four projections of 8 to 8 channels for each of 16 tokens.
        (attention, 4 * 4 * 64 * 3 * 8 + 16 * 4 * 64),
    ],
)
def test_every_kind_of_kernel_counts_in_the_arithmetic(saved, model, backbone):
    """Steps and rate of fine-tuning, the bound on cheap trainings and the plan's times go by it."""
    network = network_of(saved(model()))
    *_, head = network.multiply_adds
    assert network.multiply_adds[0] - head == backbone


def test_a_normalisation_within_a_layer_is_refused(saved):
    """Its statistics would move while they are to be held, and would not converge before a network is scored."""
    model = chain(layers.Conv2D(4, 3), layers.TimeDistributed(layers.BatchNormalization()), layers.Flatten())
    with pytest.raises(ThawError, match=r"time_distributed.*contains a BatchNormalization"):
        network_of(saved(model))


def test_a_layer_called_as_thaw_s_own_input_is_refused(saved):
    with pytest.raises(ThawError, match="the name of the layer image is reserved"):
        network_of(saved(chain(layers.Conv2D(3, 3, name="image"), layers.Flatten())))
