"""The linear probe against really leaving each row out. Imports no TensorFlow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group
from sklearn.linear_model import Ridge

from transferability.linear_probe import RIDGES, linear_probe

QUICK = settings(max_examples=25, deadline=None)


def data(seed, rows, width, classes=2, shift=0.5):
    labels = np.arange(rows) % classes
    features = np.random.default_rng(seed).normal(size=(rows, width)) + 5
    features[:, 0] += shift * labels
    return features, labels


def really_left_out(features, targets, ridge):
    """Predictions [n, C] of n models, each trained without the row that it predicts."""
    found = []
    for row in range(targets.shape[0]):
        rest = np.arange(targets.shape[0]) != row
        model = Ridge(alpha=ridge, solver="svd").fit(features[rest], targets[rest])
        found.append(model.predict(features[[row]])[0])
    return np.array(found)


@pytest.mark.parametrize(("width", "shift"), [(4, 1.5), (4, 0.0), (19, 0.5), (20, 0.5), (100, 4.0)])
def test_the_probe_has_the_ridge_with_the_least_error_left_out(width, shift):
    features, labels = data(2, 20, width, shift=shift)
    targets = np.eye(2)[labels]
    unit = np.linalg.svd(features - features.mean(axis=0), compute_uv=False) ** 2
    unit = unit[unit > 1e-9].mean()
    by_ridge = {ridge: really_left_out(features, targets, ridge * unit) for ridge in RIDGES}
    errors = {ridge: np.mean(np.sum((targets - found) ** 2, axis=1)) for ridge, found in by_ridge.items()}
    best = min(errors, key=errors.__getitem__)
    probe = linear_probe(features, labels)
    assert probe.ridge == best
    assert probe.squared_error == pytest.approx(errors[best])
    assert probe.predictions == pytest.approx(by_ridge[best], abs=1e-8)
    assert probe.accuracy == np.mean(by_ridge[best].argmax(axis=1) == labels)


def test_useless_features_of_balanced_classes_are_guessed_wrong():
    # Every class has the same features, so the strongest ridge is best and follows the majority of the other rows.
    values = np.random.default_rng(4).normal(size=(5, 3))
    probe = linear_probe(np.repeat(values, 2, axis=0), np.tile([0, 1], 5))
    assert probe.ridge == 1e3 and probe.accuracy == 0


def test_classes_far_apart_are_all_found_with_a_weak_ridge():
    features, labels = data(5, 20, 3, shift=50.0)
    probe = linear_probe(features, labels)
    assert probe.accuracy == 1 and probe.squared_error < 0.02 and probe.ridge < 0.1


@QUICK
@given(st.integers(0, 10**6), st.integers(2, 30), st.floats(1e-3, 1e3))
def test_rotation_shift_and_unit_change_nothing(seed, width, unit):
    features, labels = data(seed, 12, width)
    moved = (features @ ortho_group.rvs(width, random_state=seed) + 2) * unit
    first, second = linear_probe(features, labels), linear_probe(moved, labels)
    assert second.ridge == first.ridge
    assert second.predictions == pytest.approx(first.predictions, abs=1e-6)
