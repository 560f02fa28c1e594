"""The sweep engine: cached equals uncached, frozen stays frozen, draws are shared. Trains real networks briefly."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from pipeline.config import MobileNet, Schedule
from trainer_module import draws, freezing, sweep
from trainer_module.architectures import build_network
from trainer_module.selection import Cell
from trainer_module.sweep import FrozenWeightsChanged, SweepEngine, drawn_records, record_ranks
from trainer_module.training import Program

pytestmark = pytest.mark.slow  # trains real networks

SCHEDULE = Schedule(epochs=2, batch_size=8, learning_rate=1e-3)


def make_engine(target_data, source_seed=11, architecture="remastered"):
    network = build_network(architecture, (32, 32, 3), 2, MobileNet(alpha=0.35, image_size_px=32))
    backbone = freezing.backbone_variables(network)
    source = None if source_seed is None else freezing.initial_weights(backbone, (source_seed,))
    return SweepEngine(network, source, target_data, SCHEDULE, seed=1)


@pytest.fixture(scope="module")
def engine(target_data):
    return make_engine(target_data)


def without_dropout(network):
    for layer in network.model.layers:
        if hasattr(layer, "seed_generator"):
            layer.rate = 0.0


@pytest.mark.parametrize("freeze_count", [1, 3, 6])
def test_cached_and_uncached_training_end_with_the_same_weights(target_data, freeze_count):
    engine = make_engine(target_data)
    without_dropout(engine.network)
    cell = Cell(16, freeze_count, False)
    cached = engine.run(cell, draw=0)
    variables = freezing.model_variables(engine.network)
    weights = freezing.read_weights(variables)

    freezing.set_weights(variables, engine._initial_weights(0))
    program = Program(_frozen_below(engine.network, freeze_count), engine._trained(freeze_count), statistics_held=False)
    records = np.flatnonzero(record_ranks(target_data.train, 1, 0) < 8)
    order = records[draws.batch_order(32, 8, 8, (1, 0, 16, sweep.PHASE_1_STREAM))]
    images, labels = tf.constant(target_data.train.images), tf.constant(target_data.train.labels)
    program.train(images, labels, order, learning_rate=1e-3, seed=0)
    uncached = program.evaluate(tf.constant(target_data.val.images), target_data.val.labels)

    for path, value in freezing.read_weights(variables).items():
        # Adam turns a gradient of almost nothing into a full step of either sign: few elements may differ by steps.
        assert np.quantile(np.abs(value - weights[path]), 0.98) < 1e-4, path
    np.testing.assert_allclose(uncached.probabilities, cached.val.probabilities, atol=1e-3)


def _frozen_below(network, freeze_count):
    """The whole network with its first layers in inference mode, without caching what they give."""
    import keras

    prefix, suffix = network.segment(0, freeze_count), network.segment(freeze_count)

    class Frozen(keras.layers.Layer):
        def call(self, images):
            return prefix(images, training=False)

    images = keras.Input((32, 32, 3), dtype="uint8")
    features = Frozen(dtype="float32", autocast=False)(images)
    for layer in suffix.layers[1:]:
        features = layer(features)
    return keras.Model(images, features)


def test_the_same_cell_and_draw_give_the_same_result(engine):
    first, other_first = engine.run(Cell(16, 4, False), 0), engine.run(Cell(16, 4, False), 1)
    again = engine.run(Cell(16, 4, False), 0)
    np.testing.assert_allclose(again.test.probabilities, first.test.probabilities, atol=1e-3)
    assert np.abs(other_first.test.probabilities - first.test.probabilities).max() > 1e-3


def test_a_fine_tuned_cell_goes_on_from_its_twin_and_is_the_same_without_it(target_data):
    together, alone = make_engine(target_data), make_engine(target_data)
    twin = together.run(Cell(16, 6, False), 0)
    after_twin, by_itself = together.run(Cell(16, 6, True), 0), alone.run(Cell(16, 6, True), 0)
    np.testing.assert_allclose(after_twin.val.probabilities, by_itself.val.probabilities, atol=1e-3)
    assert after_twin.steps == twin.steps + draws.fine_tuning_steps(twin.steps)
    assert after_twin.curve[:2] == twin.curve


def test_frozen_weights_and_statistics_stay_as_the_source_has_them(engine):
    engine.run(Cell(16, 4, False), 0)
    frozen = [w for layer in engine.network.frozen_layers(4) for w in layer.weights]
    for variable in frozen:
        np.testing.assert_array_equal(variable.numpy(), engine.source[variable.path])


def test_fine_tuning_moves_what_was_frozen_but_no_statistics(engine):
    engine.run(Cell(16, 6, True), 0)
    moved = {
        path.rsplit("/", 1)[-1]
        for path, value in freezing.read_weights(freezing.backbone_variables(engine.network)).items()
        if not np.array_equal(value, engine.source[path])
    }
    assert moved == {"kernel", "bias", "gamma", "beta"}


def test_a_changed_frozen_weight_is_an_error(target_data, monkeypatch):
    engine = make_engine(target_data)
    program = engine._program(2)
    train = program.train

    def train_and_disturb(*args, **kwargs):
        engine.network.freezable[0][0].bias.assign_add(np.full(32, 1e-6, np.float32))
        return train(*args, **kwargs)

    monkeypatch.setattr(program, "train", train_and_disturb)
    with pytest.raises(FrozenWeightsChanged, match="freeze_count=2"):
        engine.run(Cell(16, 2, False), 0)


def test_a_baseline_starts_from_the_draws_own_random_weights(target_data):
    engine = make_engine(target_data, source_seed=None)
    first, second = engine._initial_weights(0), engine._initial_weights(1)
    assert first.keys() == {v.path for v in freezing.model_variables(engine.network)}
    assert not np.array_equal(first["conv_1/kernel"], second["conv_1/kernel"])


def test_transfer_and_baseline_share_the_draws_head_and_images(target_data):
    transfer, baseline = make_engine(target_data), make_engine(target_data, source_seed=None)
    np.testing.assert_array_equal(
        transfer._initial_weights(1)["head/kernel"], baseline._initial_weights(1)["head/kernel"]
    )
    np.testing.assert_array_equal(transfer._cut_data.subset(16, 1), baseline._cut_data.subset(16, 1))


def test_narrowing_the_training_split_changes_no_subset(target_data):
    narrow = drawn_records(target_data.train, 16, 2, seed=1, draw_numbers=range(2))
    assert len(narrow) < len(target_data.train)
    engine = make_engine(target_data)
    narrowed = make_engine(dataclasses.replace(target_data, train=narrow))
    for draw in range(2):
        ids = target_data.train.ids[engine._cut_data.subset(10, draw)]
        np.testing.assert_array_equal(narrow.ids[narrowed._cut_data.subset(10, draw)], ids)


def test_every_copy_of_a_drawn_image_is_trained_on(engine, target_data):
    chosen = engine._cut_data.subset(16, 0)
    ids, counts = np.unique(target_data.train.ids[chosen], return_counts=True)
    assert len(ids) == 16 and (counts == 2).all()


def test_more_images_than_there_are_is_refused(engine):
    with pytest.raises(ValueError, match="n=50 asks for more"):
        engine.run(Cell(50, 4, False), 0)


def test_freezing_beyond_the_architecture_is_refused(engine):
    with pytest.raises(ValueError, match="freeze_count must be 0 to 6, got 7"):
        engine.run(Cell(16, 7, False), 0)
