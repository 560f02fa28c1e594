"""Models of the user's own: what of them trains, and from which random weights. Builds small Keras models."""

import keras
import numpy as np
import pytest
from keras import layers

from tests.trainer_module.keras_models import IMAGES, chain, network_of
from trainer_module.networks import weight_values
from trainer_module.training.activation_cache import InMemory
from trainer_module.training.training_loop import Program

pytestmark = pytest.mark.slow  # builds networks


@pytest.mark.parametrize("saved_frozen", [True, False])
def test_what_was_frozen_when_the_file_was_saved_is_trained_all_the_same(saved, saved_frozen):
    base = keras.Sequential([keras.Input((32, 32, 3)), layers.Conv2D(4, 3, name="a"), layers.BatchNormalization()])
    model = chain(base, layers.Conv2D(4, 3, name="b"), layers.Flatten())
    base.trainable = model.get_layer("b").trainable = not saved_frozen
    network = network_of(saved(model))
    trained = [weight.name for layer in network.backbone_layers for weight in layer.trainable_weights]
    assert trained == ["kernel", "bias", "gamma", "beta", "kernel", "bias"]
    assert all(layer.trainable for layer in network.model.layers)


def test_the_same_weights_saved_frozen_or_not_train_alike(saved):
    found = []
    for frozen in (True, False):
        keras.utils.set_random_seed(4)
        model = chain(layers.Conv2D(4, 3, name="a"), layers.BatchNormalization(name="n"), layers.Flatten())
        model.get_layer("a").trainable = model.get_layer("n").trainable = not frozen
        network = network_of(saved(model))
        variables = [weight for layer in network.weighted_layers for weight in layer.trainable_weights]
        weight_values.set_weights(network.head.weights, weight_values.initial_weights([network.head], 1))
        program = Program(network.segment(0), variables, statistics_held=False)
        program.reset(0)
        data = InMemory(IMAGES, np.array([0, 1, 0, 1]))
        program.train(data, np.tile(np.arange(4, dtype=np.int32), (3, 1)), np.full(3, 1e-2, np.float32))
        weights = weight_values.read_weights(weight_values.model_variables(network))
        found.append([weights[name] for name in sorted(weights)])
    assert all(np.array_equal(one, other) for one, other in zip(*found, strict=True))


def test_random_weights_begin_as_each_layer_s_own_initialisers_say(saved):
    inner = [layers.Conv2D(6, 3, kernel_initializer="he_normal", bias_initializer="ones", name="a"),
             layers.GroupNormalization(2, name="g"), layers.PReLU("ones", name="p"),
             layers.RMSNormalization(name="r"), layers.Flatten(), layers.Dense(4, name="d")]  # fmt: skip
    network = network_of(saved(chain(*inner)))
    weights = weight_values.initial_weights(network.weighted_layers, 3)
    assert set(weights) == {variable.path for variable in weight_values.model_variables(network)}
    named = {tuple(path.rsplit("/", 2)[-2:]): value for path, value in weights.items()}
    for name in (("a", "bias"), ("g", "gamma"), ("r", "scale")):
        assert (named[name] == 1).all()
    assert (named["p", "alpha"] == 1).all() and (named["g", "beta"] == 0).all()
    assert abs(named["a", "kernel"].std() / np.sqrt(2 / 27) - 1) < 0.2  # he_normal: variance 2 / fan_in


def test_seeds_in_a_file_do_not_make_all_draws_begin_alike(saved):
    seeded = keras.initializers.GlorotUniform(seed=1)
    network = network_of(saved(chain(layers.Conv2D(4, 3, kernel_initializer=seeded, name="a"), layers.Flatten())))
    first, again, other = (weight_values.initial_weights(network.weighted_layers, seed) for seed in (1, 1, 2))
    kernel = next(path for path in first if path.endswith("a/kernel"))
    assert np.array_equal(first[kernel], again[kernel]) and not np.array_equal(first[kernel], other[kernel])


def test_dropout_of_nothing_is_taken(saved):
    network = network_of(
        saved(chain(layers.Dropout(0.0), layers.Conv2D(3, 3), layers.SpatialDropout2D(0.3), layers.Flatten()))
    )
    weight_values.seed_dropout(network.model, 7)
    states = [layer.seed_generator.state.numpy().tolist() for layer in network.model.layers
              if getattr(layer, "seed_generator", None) is not None]  # fmt: skip
    assert states == [[7, 0]]
