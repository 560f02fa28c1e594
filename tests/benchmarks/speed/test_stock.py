"""The stock trial really trains, freezes and fine-tunes. Trains a small model for real."""

import keras
import numpy as np
import pytest

from benchmarks.inputs import target
from benchmarks.speed.stock import StockData, StockTrial, run_trial
from ledger.cell_selection import Cell

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "model.keras"
    target.original_network().model.save(path)
    return path


@pytest.fixture(scope="module")
def layers():
    return tuple(tuple(layer.name for layer in group) for group in target.original_network().freezable)


@pytest.fixture(scope="module")
def data():
    generator = np.random.default_rng(0)
    labels = np.arange(32) % 2
    images = (generator.integers(0, 60, (32, 32, 32, 3)) + 180 * labels[:, None, None, None]).astype(np.uint8)
    return StockData(*[(images, labels)] * 3)


def test_a_trial_learns_what_can_be_learnt(place, layers, data):
    assert run_trial(StockTrial(place, layers, Cell(32, 6, True), data, epochs=12, seed=1)) > 0.9


def test_frozen_layers_are_frozen_and_the_rest_is_not(place, layers, data):
    import keras_tuner

    trial = StockTrial(place, layers, Cell(32, 2, False), data, epochs=1, seed=1)
    model = trial.build(keras_tuner.HyperParameters())
    assert [layer.name for layer in model.layers if layer.weights and not layer.trainable] == [
        "conv_1", "norm_1", "conv_2", "norm_2",
    ]  # fmt: skip
    kinds = {type(layer) for layer in model.layers if layer.name.startswith("norm")}
    assert kinds == {keras.layers.BatchNormalization}
