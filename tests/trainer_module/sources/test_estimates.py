"""Estimates at every cut: the walk, what is computed where, and nothing but the draw's images. Imports TensorFlow."""

from __future__ import annotations

import numpy as np
import pytest

from trainer_module.data import draws
from trainer_module.data.input_pipeline import Records
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import Network, build_network
from trainer_module.sources import estimates
from trainer_module.training.activation_cache import Budget
from transferability.estimators import LABEL_ESTIMATORS
from transferability.leep import leep
from transferability.logme import logme

pytestmark = pytest.mark.slow  # computes features of networks

SEED, SHAPE = 7, (32, 32, 3)
COUNTS = (0, 3, 6, 8)


@pytest.fixture(scope="module")
def network() -> Network:
    made = build_network("original", SHAPE, 2)
    variables = weight_values.model_variables(made)
    weight_values.set_weights(variables, weight_values.initial_weights(made.weighted_layers, SEED))
    return made


@pytest.fixture(scope="module")
def target() -> Records:
    generator = np.random.default_rng(SEED)
    labels = np.arange(24) % 2
    # Class 1 is brighter, so that features tell the classes apart.
    images = generator.integers(0, 128, (24, *SHAPE)) + 100 * labels[:, None, None, None]
    ids = np.array([f"image-{place:02d}" for place in range(24)])
    return Records(images.astype(np.uint8), labels, ids, np.zeros(24, np.int64))


@pytest.fixture(scope="module")
def ranks(target: Records) -> dict[int, np.ndarray]:
    return {draw: draws.class_ranks(target.ids.tolist(), target.labels, SEED, draw) for draw in (0, 1)}


def test_features_that_do_not_fit_in_memory_are_the_same(network, target, tmp_path):
    in_memory = dict(estimates.features_at(network, target.images, COUNTS, Budget()))
    spilled = dict(estimates.features_at(network, target.images, COUNTS, Budget(3, tmp_path)))
    assert all(np.array_equal(in_memory[count], spilled[count]) for count in COUNTS)


def test_one_walk_gives_what_a_walk_to_each_cut_gives(network: Network, target: Records) -> None:
    walked = dict(estimates.features_at(network, target.images, COUNTS, Budget()))
    assert tuple(walked) == COUNTS
    assert [walked[count].shape[1] for count in COUNTS] == [3 * 16, 64 * 16, 128 * 16, 128]
    for count in COUNTS[1:]:
        alone = dict(estimates.features_at(network, target.images, [count], Budget()))[count]
        np.testing.assert_allclose(walked[count], alone, rtol=1e-4, atol=1e-4)


def test_a_map_is_averaged_over_its_parts(network: Network) -> None:
    images = np.zeros((2, *SHAPE), np.uint8)
    images[0, :8, 8:16] = [16, 32, 64]
    features = dict(estimates.features_at(network, images, [0], Budget()))[0].reshape(2, 4, 4, 3)
    np.testing.assert_array_equal(features[0, 0, 1], [16, 32, 64])
    assert features.sum() == 112, "every other part is black"


def test_every_estimate_is_of_its_draws_own_images(
    network: Network, target: Records, ranks: dict[int, np.ndarray]
) -> None:
    probabilities = np.random.default_rng(1).dirichlet(np.ones(5), len(target))
    domain = target.images[::-1][:12]
    found = list(estimates.estimates(network, target, ranks, [8, 16], [0, 6], domain, probabilities, Budget()))
    by_place = {(one.n, one.freeze_count, one.draw, one.estimator): one for one in found}
    assert len(by_place) == len(found)
    features = dict(estimates.features_at(network, target.images, [6], Budget()))[6]
    for draw in (0, 1):
        for n in (8, 16):
            chosen = np.flatnonzero(draws.draw_subset(ranks[draw], n, 2))
            labels = target.labels[chosen]
            assert by_place[n, 0, draw, "leep"].value == pytest.approx(leep(probabilities[chosen], labels))
            assert by_place[n, 6, draw, "logme"].value == pytest.approx(logme(features[chosen], labels), rel=1e-3)
            distances = {"frechet", "a_distance"}
            here = {name for size, count, number, name in by_place if (size, count, number) == (n, 6, draw)}
            assert here == {*LABEL_ESTIMATORS, *(distances if n <= 12 else ())}, "12 images of the source are there"
    assert all(one.seconds >= 0 and np.isfinite(one.value) for one in found)


def test_without_a_domain_and_a_head_there_is_no_distance_and_no_leep(
    network: Network, target: Records, ranks: dict[int, np.ndarray]
) -> None:
    found = list(estimates.estimates(network, target, {0: ranks[0]}, [8], [8], None, None, Budget()))
    assert {one.estimator for one in found} == set(LABEL_ESTIMATORS)


def test_probabilities_are_the_models_own(network: Network, target: Records) -> None:
    probabilities = estimates.source_probabilities(network.model, target.images)
    logits = network.model.predict(target.images, verbose=0)[:, 0]
    assert probabilities.shape == (24, 2)
    np.testing.assert_allclose(probabilities[:, 1], 1 / (1 + np.exp(-logits)), rtol=1e-5)


def test_what_an_estimator_refuses_is_left_out_and_ends_nothing(
    network: Network, target: Records, ranks: dict[int, np.ndarray]
) -> None:
    found = list(estimates.estimates(network, target, ranks, [2], [8], None, None, Budget()))  # one image a class
    assert {one.estimator for one in found} < set(LABEL_ESTIMATORS)
    assert all(np.isfinite(one.value) for one in found)
