"""Controls: initial weights are kept, labels are permuted over images and nothing else changes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trainer_module.data.input_pipeline import Records
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import build_network
from trainer_module.sources import controls, source


def made_records(images, copies, classes=2):
    ids = np.repeat([f"image{place:03d}" for place in range(images)], copies)
    labels = np.repeat(np.arange(images) % classes, copies)
    pixels = np.zeros((len(ids), 2, 2, 3), np.uint8)
    return Records(pixels, labels.astype(np.int64), ids, np.tile(np.arange(copies), images))


@given(st.integers(1, 40), st.integers(1, 3), st.integers(0, 100))
def test_copies_keep_one_label_and_every_label_occurs_as_often_as_before(images, copies, seed):
    records = made_records(images, copies)
    shuffled = controls.with_permuted_labels(records, seed)
    assert sorted(shuffled.labels) == sorted(records.labels)
    assert all(len(set(shuffled.labels[records.ids == name])) == 1 for name in set(records.ids))
    assert shuffled.ids is records.ids
    assert shuffled.images is records.images


def test_permuted_labels_tell_nothing_of_the_true_ones_and_the_seed_fixes_them():
    records = made_records(2000, 1)
    shuffled = controls.with_permuted_labels(records, 7)
    assert 0.45 < np.mean(shuffled.labels == records.labels) < 0.55
    assert np.array_equal(shuffled.labels, controls.with_permuted_labels(records, 7).labels)
    assert not np.array_equal(shuffled.labels, controls.with_permuted_labels(records, 8).labels)


def test_an_image_keeps_its_permuted_label_whatever_the_order_of_the_records():
    records = made_records(30, 2)
    order = np.random.default_rng(1).permutation(len(records))
    permuted, moved = controls.with_permuted_labels(records, 3), controls.with_permuted_labels(records.select(order), 3)
    assert np.array_equal(permuted.labels[order], moved.labels)


def test_originals_alone_are_looked_at():
    some = controls.some_originals(made_records(10, 3), 4)
    assert len(some) == 4
    assert not some.copies.any()


def test_initial_weights_are_those_that_a_sources_training_begins_with():
    network = build_network("remastered", (32, 32, 3), 2)
    controls.keep_initial_weights(network, 5)
    variables = weight_values.model_variables(network)
    begun = source.source_initial_weights(network, 5)
    assert all(np.array_equal(np.asarray(variable), begun[variable.path]) for variable in variables)
