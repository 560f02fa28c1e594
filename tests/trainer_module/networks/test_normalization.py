"""The fused normalisation against Keras's own, and statistics held still."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.trainer_module.keras_models import built
from trainer_module.networks import normalization, weight_values
from trainer_module.networks.normalization import FusedBatchNormalization

pytestmark = pytest.mark.slow  # builds networks


@pytest.fixture
def twins():
    """The fused layer and Keras's, with the same weights, and a batch for them."""
    generator = np.random.default_rng(3)
    pair = [kind(momentum=0.9) for kind in (FusedBatchNormalization, keras.layers.BatchNormalization)]
    values = [generator.uniform(0.5, 2, 6).astype(np.float32) for _ in range(4)]
    for layer in pair:
        layer.build((None, 5, 5, 6))
        layer.set_weights(values)
    return *pair, tf.constant(generator.normal(3, 2, (4, 5, 5, 6)), tf.float32)


def assert_alike(found, expected, terms):
    """Equal but for the rounding of float32 where so many terms are added up in another order."""
    bound = terms * np.finfo(np.float32).eps * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound)


def outputs_and_gradients(layer, batch, trained):
    with tf.GradientTape() as tape:
        tape.watch(batch)
        outputs = layer(batch, training=True)
        loss = tf.reduce_sum(outputs**3)
    return [outputs, *tape.gradient(loss, [batch, *(weight.value for weight in trained(layer))])]


def test_training_gives_keras_s_outputs_gradients_and_statistics(twins):
    fused, stock, batch = twins
    got, wanted = (outputs_and_gradients(layer, batch, lambda one: [one.gamma, one.beta]) for layer in (fused, stock))
    for ours, theirs in zip(got, wanted, strict=True):
        assert_alike(ours, theirs, 4 * 5 * 5)  # images and places
    for ours, theirs in zip(fused.get_weights(), stock.get_weights(), strict=True):
        assert_alike(ours, theirs, 4 * 5 * 5)


def test_inference_gives_keras_s_outputs_and_keeps_the_statistics(twins):
    fused, stock, batch = twins
    before = fused.get_weights()
    assert_alike(fused(batch, training=False), stock(batch, training=False), 10)
    assert all(np.array_equal(a, b) for a, b in zip(before, fused.get_weights(), strict=True))


@pytest.mark.parametrize(("shape", "axis"), [((None, 8), -1), ((None, 4, 4, 3), 1)])
def test_other_axes_are_refused(shape, axis):
    with pytest.raises(ValueError, match="normalises the last of four axes"):
        FusedBatchNormalization(axis=axis).build(shape)


@pytest.mark.parametrize("architecture", ["original", "remastered", "mobilenet_v2"])
def test_every_architecture_normalises_by_it_and_is_saved_and_loaded(architecture, tmp_path):
    network = built(architecture)
    layers = normalization.normalizations(network.model)
    assert len(layers) == (52 if architecture == "mobilenet_v2" else 6)
    assert all(isinstance(layer, FusedBatchNormalization) and layer.momentum == 0.9 for layer in layers)
    network.model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert weight_values.weights_hash(weight_values.read_weights(loaded.weights)) == weight_values.weights_hash(
        weight_values.read_weights(network.model.weights)
    )


def test_held_normalization_uses_and_keeps_its_moving_statistics_in_training_mode():
    layer = keras.layers.BatchNormalization()
    model = keras.Sequential([keras.Input((4,)), layer])
    batch = np.random.default_rng(0).normal(5, 2, (16, 4)).astype(np.float32)
    with normalization.normalization_held(model):
        held = model(batch, training=True).numpy()
    assert_alike(held, batch / np.sqrt(1 + layer.epsilon), 10)
    assert not layer.moving_mean.numpy().any()
    model(batch, training=True)
    assert layer.moving_mean.numpy().any() and layer.trainable
