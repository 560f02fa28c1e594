"""model.keras in a process that knows Keras alone: it can be read, and computes what the network does."""

from __future__ import annotations

import subprocess
import sys

import keras
import numpy as np
import pytest

from experiment.backbones import Backbone
from tests.trainer_module.keras_models import IMAGES, network_of, recalibrated
from trainer_module.export.stock_layers import in_stock_layers
from trainer_module.networks.architectures import build_network

pytestmark = pytest.mark.slow  # builds networks

READ = """
import glob, keras, numpy
images = numpy.load("images.npy")
for path in glob.glob("*.keras"):
    model = keras.saving.load_model(path)
    numpy.save(path + ".npy", model(images, training=False))
"""


def test_keras_alone_reads_what_is_written(saved, tmp_path):
    user_s = keras.Sequential([
        keras.Input((32, 32, 3)), keras.layers.Conv2D(3, 3), keras.layers.BatchNormalization(), keras.layers.Flatten(),
    ])  # fmt: skip
    networks = {scale: network_of(saved(recalibrated(user_s), scale)) for scale in ("0..1", "-1..1", "torch")}
    networks["original"] = build_network("original", (32, 32, 3), 3)
    networks["wide"] = build_network(
        "wide", (32, 32, 3), 2, Backbone(family="MobileNetV2", alpha=0.35, image_size_px=32)
    )
    for name, network in networks.items():
        recalibrated(network.model)
        stock = in_stock_layers(network.model)
        assert [one.path for one in stock.weights] == [one.path for one in network.model.weights]
        stock.save(tmp_path / f"{name}.keras")
    np.save(tmp_path / "images.npy", IMAGES)
    subprocess.run(
        [sys.executable, "-P" if sys.version_info >= (3, 11) else "-I", "-c", READ], cwd=tmp_path, check=True
    )
    for name, network in networks.items():
        found = np.load(tmp_path / f"{name}.keras.npy")
        np.testing.assert_allclose(found, network.model(IMAGES, training=False), rtol=1e-4, atol=1e-5)


def test_a_layer_that_reverses_channels_stays(saved):
    model = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(3, 3), keras.layers.Flatten()])
    network = network_of(saved(model, "caffe"))
    stock = in_stock_layers(network.model)
    np.testing.assert_array_equal(stock(IMAGES, training=False), network.model(IMAGES, training=False))
    assert "ScaledPixels" in {type(layer).__name__ for layer in stock.layers}


def test_thaw_takes_what_it_wrote_as_a_backbone_again_and_again(saved, tmp_path):
    inner = keras.Sequential([
        keras.Input((32, 32, 3)), keras.layers.Conv2D(4, 3), keras.layers.BatchNormalization(),
        keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2),
    ])  # fmt: skip
    network = network_of(saved(recalibrated(inner), "torch"))
    features = network.segment(0, network.max_freeze_count)(IMAGES, training=False)
    for generation in range(3):
        in_stock_layers(network.model).save(tmp_path / f"{generation}.keras")
        network = network_of(Backbone(model=tmp_path / f"{generation}.keras"))
        again = network.segment(0, network.max_freeze_count)(IMAGES, training=False)
        np.testing.assert_allclose(again, features, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("trainable", [True, False])
def test_the_original_network_is_left_as_it_was(trainable):
    network = build_network("original", (32, 32, 3), 2)
    network.model.layers[2].trainable = trainable
    before = [type(layer).__name__ for layer in network.model.layers]
    stock = in_stock_layers(network.model)
    assert [type(layer).__name__ for layer in network.model.layers] == before
    assert stock.layers[2].trainable is trainable
    assert not any(type(layer).__module__.startswith("trainer_module") for layer in stock.layers)
