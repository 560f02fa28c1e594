"""Loss, scores, and one compiled program. Hand-computed values, and a fit that must succeed."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer_module.networks import weight_values
from trainer_module.networks.architectures import build_network
from trainer_module.training.activation_cache import InMemory
from trainer_module.training.learning_rate_schedules import one_cycle
from trainer_module.training.training_loop import (
    Program,
    class_probabilities,
    cross_entropy,
    score_logits,
    shifted,
)

pytestmark = pytest.mark.slow  # trains real networks


def test_binary_cross_entropy_from_one_logit():
    loss = cross_entropy(tf.constant([[0.0], [math.log(3)]]), tf.constant([1, 0], tf.int64))
    assert float(loss) == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_categorical_cross_entropy_from_logits():
    logits = tf.constant([[0.0, 0.0, math.log(2)]])
    assert float(cross_entropy(logits, tf.constant([2], tf.int64))) == pytest.approx(math.log(2))


def test_one_logit_becomes_the_probabilities_of_two_classes():
    np.testing.assert_allclose(class_probabilities(np.array([[math.log(3)]])), [[0.25, 0.75]], rtol=1e-6)


def test_huge_logits_give_no_overflow():
    np.testing.assert_allclose(class_probabilities(np.array([[1e4], [-1e4]])), [[0, 1], [1, 0]], atol=1e-12)


def test_scores_of_known_logits():
    score = score_logits(np.array([[math.log(3)], [math.log(3)]]), np.array([1, 0]))
    assert score.accuracy == 0.5
    assert score.loss == pytest.approx(-(math.log(0.75) + math.log(0.25)) / 2)


def test_shifted_images_are_crops_of_the_mirrored_image_and_each_goes_its_own_way():
    images = np.arange(64 * 6 * 5).reshape(64, 6, 5, 1) % 251
    moved = shifted(tf.constant(images), 2, tf.constant([3, 4], tf.int64)).numpy()
    again = shifted(tf.constant(images), 2, tf.constant([3, 4], tf.int64)).numpy()
    np.testing.assert_array_equal(moved, again)
    padded = np.pad(images, [(0, 0), (2, 2), (2, 2), (0, 0)], mode="reflect")
    corners = [(top, left) for top in range(5) for left in range(5)]
    found = [
        next(c for c in corners if np.array_equal(padded[i, c[0] : c[0] + 6, c[1] : c[1] + 5], moved[i]))
        for i in range(len(images))
    ]
    assert {axis[0] for axis in found} == {axis[1] for axis in found} == set(range(5))


@pytest.fixture(scope="module")
def trained(make_records):
    network = build_network("remastered", (32, 32, 3), 2)
    variables = weight_values.model_variables(network)
    trainable = [w for layer in (*network.backbone_layers, network.head) for w in layer.trainable_weights]
    program = Program(network.segment(0), trainable, statistics_held=False)
    records = make_records(40, "train")
    return network, variables, program, records


def train(program, records, order, seed):
    data = InMemory(records.images, records.labels)
    program.reset(seed)
    program.train(data, order, one_cycle(1e-3, len(order)))
    program.recalibrate(data, order)


def run(trained, seed=1, steps=6):
    network, variables, program, records = trained
    weight_values.set_weights(variables, weight_values.initial_weights(network.weighted_layers, 4))
    order = np.arange(steps * 16).reshape(steps, 16).astype(np.int32) % len(records)
    train(program, records, order, seed)
    return weight_values.read_weights(variables)


def test_a_run_repeats_itself_bit_for_bit_though_the_program_is_reused(trained):
    first, again = run(trained), run(trained)
    for path in first:
        np.testing.assert_array_equal(again[path], first[path], err_msg=path)


def test_training_moves_every_layer_and_the_moving_statistics(trained):
    network, _, _, _ = trained
    before = weight_values.initial_weights(network.weighted_layers, 4)
    after = run(trained)
    assert all(np.abs(after[path] - before[path]).max() > 0 for path in before)


def test_recalibrated_statistics_do_not_remember_what_they_were(trained):
    network, variables, program, records = trained
    data, order = InMemory(records.images, records.labels), np.arange(48, dtype=np.int32).reshape(3, 16)
    found = []
    for start in (0.0, 50.0):
        weight_values.set_weights(variables, weight_values.initial_weights(network.weighted_layers, 4))
        program.reset(0)
        for variable in variables:
            if "moving" in variable.path:
                variable.assign_add(np.full(variable.shape, start, np.float32))
        program.recalibrate(data, order)
        found.append(weight_values.read_weights(variables))
    for path in found[0]:
        np.testing.assert_array_equal(found[0][path], found[1][path], err_msg=path)


def test_recalibrating_on_one_batch_gives_that_batch_s_statistics(trained):
    network, variables, program, records = trained
    weight_values.set_weights(variables, weight_values.initial_weights(network.weighted_layers, 4))
    program.recalibrate(InMemory(records.images, records.labels), np.arange(32, dtype=np.int32)[None])
    first = network.model.get_layer("norm_1")
    seen = keras.Model(network.model.inputs, first.input)(records.images[:32], training=False).numpy()
    np.testing.assert_allclose(first.moving_mean.numpy(), seen.mean(axis=(0, 1, 2)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(first.moving_variance.numpy(), seen.var(axis=(0, 1, 2)), rtol=1e-4, atol=1e-5)


def test_a_separable_problem_is_learnt(trained):
    _, _, program, records = trained
    run(trained, steps=40)
    assert program.evaluate(InMemory(records.images, records.labels)).accuracy > 0.9


def test_one_step_of_held_training_leaves_statistics_and_moves_scale_and_offset(trained):
    network, variables, _, records = trained
    trainable = [w for layer in (*network.backbone_layers, network.head) for w in layer.trainable_weights]
    program = Program(network.segment(0), trainable, statistics_held=True)
    weight_values.set_weights(variables, weight_values.initial_weights(network.weighted_layers, 4))
    before = weight_values.read_weights(variables)
    order = np.arange(16, dtype=np.int32)[None]
    train(program, records, order, seed=0)
    after = weight_values.read_weights(variables)
    changed = {path.rsplit("/", 1)[-1] for path in before if not np.array_equal(before[path], after[path])}
    assert changed == {"kernel", "bias", "gamma", "beta"}


def test_steps_are_those_of_kerass_adam(make_records):
    """The same three batches, with the same learning rates, end at the same weights as under keras.optimizers.Adam."""
    records = make_records(16, "train")
    order, rates = np.arange(24, dtype=np.int32).reshape(3, 8), np.array([1e-3, 5e-4, 1e-4], np.float32)

    def dense_model():
        model = keras.Sequential([keras.Input((12,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)])
        for weight in model.weights:
            weight.assign(np.linspace(-1, 1, int(np.prod(weight.shape))).reshape(weight.shape))
        return model

    inputs = tf.constant(records.images[:, 0, :4].reshape(-1, 12) / 255, tf.float32)
    labels = tf.constant(records.labels)
    ours, theirs = dense_model(), dense_model()
    program = Program(ours, ours.trainable_weights, statistics_held=False)
    program.reset(0)
    program.train(InMemory(inputs, records.labels), order, rates)
    optimizer = keras.optimizers.Adam()
    for batch, rate in zip(order, rates, strict=True):
        with tf.GradientTape() as tape:
            loss = cross_entropy(theirs(tf.gather(inputs, batch), training=True), tf.gather(labels, batch))
        optimizer.learning_rate = rate
        optimizer.apply(tape.gradient(loss, [w.value for w in theirs.trainable_weights]), theirs.trainable_weights)
    for mine, expected in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(mine.numpy(), expected.numpy(), rtol=1e-5, atol=1e-7)
