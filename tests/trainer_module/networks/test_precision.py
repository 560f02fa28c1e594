"""What a training step computes in bfloat16, and what stays float32. Trains a few steps."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from experiment.backbones import Backbone
from trainer_module.networks.architectures import build_network
from trainer_module.networks.normalization import FusedBatchNormalization
from trainer_module.networks.precision import computed_in
from trainer_module.networks.weight_values import initial_weights, model_variables, read_weights, set_weights
from trainer_module.training.activation_cache import InMemory
from trainer_module.training.training_loop import Program

pytestmark = pytest.mark.slow  # builds networks

IMAGES = np.random.default_rng(5).integers(0, 256, (16, 32, 32, 3), np.uint8)
LABELS = np.arange(16) % 2


def network_in(precision, architecture="original"):
    backbone = Backbone(family="MobileNetV2", image_size_px=32, alpha=0.35) if "mobile" in architecture else None
    network = build_network(architecture, (32, 32, 3), 2, backbone, precision)
    set_weights(network.backbone_layers and model_variables(network), initial_weights(network.weighted_layers, 7))
    return network


def traced_dtypes(function, operation):
    """Of an operation's inputs in a traced program, the bodies of its loops among them."""
    graph = function.get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(node for one in graph.library.function for node in one.node_def)]
    return {tf.dtypes.as_dtype(node.attr["T"].type).name for node in nodes if node.op == operation}


@pytest.mark.parametrize("architecture", ["original", "remastered", "mobilenet_v2"])
def test_training_steps_convolve_and_normalise_in_bfloat16_and_scores_and_recalibration_are_float32(architecture):
    network = network_in("bfloat16", architecture)
    trained = [weight for layer in network.weighted_layers for weight in layer.trainable_weights]
    program = Program(network.segment(0), trained, statistics_held=False, precision=network.precision)
    narrow = {"float32"} if architecture == "mobilenet_v2" else set()
    for operation in ("Conv2D", "Conv2DBackpropFilter", "FusedBatchNormV3"):
        assert traced_dtypes(program._train, operation) == {"bfloat16"} | narrow
    assert traced_dtypes(program._train, "DepthwiseConv2dNative") <= {"float32"}
    for function in (program._logits, program._recalibrate):
        assert traced_dtypes(function, "Conv2D") == {"float32"}
    assert {weight.dtype for weight in network.model.weights} <= {"float32", "uint32"}  # seeds of dropout
    assert {layer.compute_dtype for layer in network.model.layers[1:]} == {"float32"}  # as before the trace


def test_the_head_and_its_logits_are_float32_in_a_training_step():
    network = network_in("bfloat16")
    with computed_in("bfloat16", network.model.layers):
        dtypes = {layer.name: layer.compute_dtype for layer in network.model.layers}
        assert network.model(IMAGES, training=True).dtype == tf.float32
    assert dtypes["dense_1"] == dtypes["conv_1"] == "bfloat16"
    assert dtypes["head"] == dtypes["dropout_2"] == "float32"


def test_a_narrow_convolution_and_what_follows_it_are_float32():
    """1 x 1 from 16 to 96 channels: 16 * 96 / 112 = 13.7 products a value; from 24 to 144: 24 * 144 / 168 = 20.6."""
    inputs = keras.Input((8, 8, 16))
    found = FusedBatchNormalization(name="after_narrow")(keras.layers.Conv2D(96, 1, name="narrow")(inputs))
    found = keras.layers.ReLU(name="relu")(keras.layers.Conv2D(24, 1, name="between")(found))
    found = FusedBatchNormalization(name="after_wide")(keras.layers.Conv2D(144, 1, name="wide")(found))
    found = keras.layers.DepthwiseConv2D(3, name="depthwise")(found)
    model = keras.Model(inputs, keras.layers.MaxPooling2D(name="after_depthwise")(found))
    with computed_in("bfloat16", model.layers):
        dtypes = {layer.name: layer.compute_dtype for layer in model.layers[1:]}
    # 96 * 24 / 120 = 19.2
    assert {name for name, dtype in dtypes.items() if dtype == "bfloat16"} == {"between", "wide", "after_wide"}


def test_a_network_is_float32_throughout_where_nothing_is_said():
    network = build_network("original", (32, 32, 3), 2)
    program = Program(network.segment(0), network.head.trainable_weights, statistics_held=False)
    assert traced_dtypes(program._train, "Conv2D") == {"float32"} and network.precision == "float32"


def test_layers_compute_in_float32_again_after_an_error():
    network = network_in("bfloat16")
    with pytest.raises(KeyError), computed_in("bfloat16", network.model.layers):
        raise KeyError
    assert {layer.compute_dtype for layer in network.model.layers[1:]} == {"float32"}


def test_both_precisions_have_the_same_features_and_scores_bit_for_bit_until_they_are_trained():
    one, other = (network_in(precision) for precision in ("float32", "bfloat16"))
    assert np.array_equal(*(network.segment_to_head(0)(IMAGES, training=False) for network in (one, other)))
    assert read_weights(model_variables(one)).keys() == read_weights(model_variables(other)).keys()


def test_features_of_a_step_differ_by_the_rounding_of_bfloat16():
    """A product's factors are rounded to 8 bits each; rounding errors of eight layers add up to few times that."""
    part = network_in("float32").segment_to_head(0)
    one = part(IMAGES, training=False)
    with computed_in("bfloat16", part.layers):
        other = tf.cast(part(IMAGES, training=False), tf.float32)
    assert 0 < np.linalg.norm(other - one) / np.linalg.norm(one) < 8 * 2**-7


@pytest.mark.parametrize("held", [False, True])
def test_held_and_remembered_statistics_normalise_as_in_float32(held):
    layer = FusedBatchNormalization(dtype="mixed_bfloat16")
    layer.build((None, 4, 4, 3))
    gamma, beta, mean, variance = ([2.0, 1.0, 0.5], [0.0, 1.0, -1.0], [1.0, 2.0, 3.0], [4.0, 1.0, 0.25])
    layer.set_weights([np.array(value, np.float32) for value in (gamma, beta, mean, variance)])
    layer.trainable = not held
    found = layer(tf.fill((2, 4, 4, 3), 3.0), training=held)
    expected = [2 * (3 - 1) / 2.0, 1 + (3 - 2) / 1.0, -1 + 0.5 * (3 - 3) / 0.5]
    assert found.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(found, tf.float32)[0, 0, 0], expected, atol=2**-7)
    np.testing.assert_array_equal(layer.moving_mean, mean)


@pytest.mark.parametrize("cut", [0, pytest.param(3, marks=pytest.mark.exhaustive)])
def test_a_part_above_a_cut_learns_in_bfloat16_from_float32_activations_and_keeps_float32_weights(cut):
    network = network_in("bfloat16")
    below = IMAGES if not cut else np.asarray(network.segment(0, cut)(IMAGES))
    variables = [one for group in network.freezable[cut:] for layer in group for one in layer.trainable_weights]
    variables = [*variables, *network.head.trainable_weights]
    program = Program(network.segment(cut), variables, statistics_held=False, precision=network.precision)
    data = InMemory(below, LABELS)
    before, order = read_weights(variables), np.tile(np.arange(16, dtype=np.int32), (15, 1))
    program.reset(1)
    first, last = (
        program.train(data, steps, np.full(len(steps), 1e-3, np.float32)) for steps in (order[:1], order[1:])
    )
    after = read_weights(variables)
    assert last < first / 2
    assert all(np.any(before[path] != after[path]) and after[path].dtype == np.float32 for path in before)
