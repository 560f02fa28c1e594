"""The target's draws: which records they hold, whatever else was read. Trains nothing."""

import dataclasses

import numpy as np
import pytest

from tests.trainer_module.keras_models import built
from trainer_module.cell_training.target_data import CutData, drawn_records, spread_places
from trainer_module.networks.architectures import build_network
from trainer_module.training.activation_cache import Budget

pytestmark = pytest.mark.slow  # imports TensorFlow


def cuts_of(target_data):
    network = build_network("remastered", (32, 32, 3), 2)
    return CutData(network, target_data, seed=1, budget=Budget())


def test_narrowing_the_training_split_changes_no_subset(target_data):
    narrow = drawn_records(target_data.train, 16, 2, seed=1, draw_numbers=range(2))
    assert len(narrow) < len(target_data.train)
    whole, narrowed = cuts_of(target_data), cuts_of(dataclasses.replace(target_data, train=narrow))
    for draw in range(2):
        ids = target_data.train.ids[whole.subset(10, draw)]
        np.testing.assert_array_equal(narrow.ids[narrowed.subset(10, draw)], ids)


def test_every_copy_of_a_drawn_image_is_trained_on(target_data):
    chosen = cuts_of(target_data).subset(16, 0)
    ids, counts = np.unique(target_data.train.ids[chosen], return_counts=True)
    assert len(ids) == 16 and (counts == 2).all()


def test_a_curve_s_images_are_spread_evenly_over_the_classes():
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], 400))
    places = spread_places(labels, 250)
    assert len(np.unique(places)) == 250
    assert np.bincount(labels[places]).tolist() == [83, 84, 83]


def test_training_is_judged_on_originals_of_the_draw_all_of_them_where_they_are_few(target_data):
    cuts = cuts_of(target_data)
    places = cuts.train_places(16, 1)
    assert (target_data.train.copies[places] == 0).all()
    assert set(target_data.train.ids[places]) == set(target_data.train.ids[cuts.subset(16, 1)])


@pytest.mark.parametrize(
    ("architecture", "on_the_way"),
    [*((name, cuts) for name in ("original", "remastered") for cuts in ((), (2,), (None,), (2, None))),
     ("mobilenet_v2", (2, None))],
)  # fmt: skip
def test_features_are_what_the_head_takes_whatever_was_asked_for_before(target_data, architecture, on_the_way):
    """None: the cut with everything frozen."""
    network = built(architecture)
    cuts = CutData(network, target_data, seed=1, budget=Budget())
    for freeze_count in on_the_way:
        cuts.at(network.max_freeze_count if freeze_count is None else freeze_count)
    found = np.concatenate(list(cuts.features().val.batches()))
    expected = network.segment_to_head(0)(target_data.val.images, training=False).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4 * max(1, np.abs(expected).max()))
