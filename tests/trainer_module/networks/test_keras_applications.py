"""Families of keras.applications: cuts, features, files of weights, parts. Builds large Keras models."""

import re
import sys

import keras
import numpy as np
import pytest
from keras.src.utils import file_utils

from acquisition.data_sources.imagenet_weights import check_weights
from experiment.backbones import FAMILIES, MOBILENET_V2, Backbone
from experiment.errors import ThawError
from tests.trainer_module.keras_models import IMAGES, chain, network_of, recalibrated, save_weights
from trainer_module.export.stock_layers import in_stock_layers
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import build_network
from trainer_module.networks.keras_applications import IMAGENET_MEAN, IMAGENET_STDDEV
from trainer_module.sources.source import KERAS_FILE, source_weights

pytestmark = pytest.mark.slow  # builds networks


@pytest.mark.parametrize(
    ("name", "width"),
    [
        ("MobileNet", 1024),
        *(
            pytest.param(*place, marks=pytest.mark.exhaustive)
            for place in (
                ("MobileNetV2", 1280), ("MobileNetV3Small", 1024), ("MobileNetV3Large", 1280),
                ("EfficientNetB0", 1280), ("EfficientNetV2B0", 1280), ("ResNet50", 2048), ("ResNet50V2", 2048),
                ("VGG16", 4096), ("DenseNet121", 1024), ("Xception", 2048), ("InceptionV3", 2048),
                ("InceptionResNetV2", 1536), ("NASNetMobile", 1056), ("ConvNeXtTiny", 768),
            )
        ),
    ],
)  # fmt: skip
def test_the_classification_layer_of_keras_applications_is_left_out(saved, name, width):
    model = getattr(keras.applications, name)(weights=None, input_shape=(96, 96, 3), classes=7)
    assert network_of(saved(model, "0..255")).head.input.shape == (None, width)


def families(*in_ci):
    """Names of all families; in `make test` these alone."""
    others = [name for name in FAMILIES if name not in (*in_ci, MOBILENET_V2)]
    return [*in_ci, *(pytest.param(name, marks=pytest.mark.exhaustive) for name in others)]


ARGUMENTS = {"include_top": False, "input_shape": (96, 96, 3)}


@pytest.fixture
def with_weights(tmp_path):
    """A function that writes a family's weights in the layout of Keras's file, and gives the backbone."""

    def with_weights(name):
        path = tmp_path / "weights.h5"
        saved = recalibrated(getattr(keras.applications, name)(**ARGUMENTS, weights=None))
        if name.startswith("EfficientNetB"):  # as Keras's files have it
            next(one for one in saved.layers if isinstance(one, keras.layers.Normalization)).set_weights(
                [np.array(IMAGENET_MEAN), np.array(IMAGENET_STDDEV), np.array(0)]
            )
        save_weights(saved, path)
        backbone = Backbone(family=name, image_size_px=96, weights=path)
        check_weights(path, backbone)
        return backbone

    return with_weights


# Pixels are scaled outside the model, or by layers in it.
@pytest.mark.parametrize("name", families("MobileNet", "MobileNetV3Small"))
@pytest.mark.filterwarnings("ignore:`input_shape` is undefined or non-square")
def test_a_family_gives_the_features_that_keras_gives_with_its_imagenet_weights(name, with_weights, monkeypatch):
    backbone, asked, make = with_weights(name), [], getattr(keras.applications, name)
    network = network_of(backbone)
    monkeypatch.setattr(file_utils, "get_file", lambda file, *_, **__: asked.append(file) or str(backbone.weights))
    expected_of = make(**ARGUMENTS, weights="imagenet")
    assert asked == [backbone.keras_weights]
    levels = keras.ops.image.resize(IMAGES[:2].astype(np.float32), (96, 96), interpolation="bilinear").numpy()
    expected = np.array(expected_of(sys.modules[make.__module__].preprocess_input(levels), training=False))
    expected = expected.mean(axis=(1, 2))
    found = network.segment(0, network.max_freeze_count)(IMAGES[:2], training=False).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-2 * np.abs(expected).max() + 1e-12)


# Branches between the cuts are in most of the others, and in test_architectures.py.
@pytest.mark.parametrize("name", families("MobileNet"))
@pytest.mark.filterwarnings("ignore:`input_shape` is undefined or non-square")
def test_a_family_is_cut_anywhere_and_saved_with_its_weights(name, with_weights, tmp_path):
    network = network_of(with_weights(name))
    assert network.max_freeze_count == (2 if name.startswith("NASNet") else 8)
    check_cuts(network)
    in_stock_layers(network.model).save(tmp_path / KERAS_FILE)
    weights = weight_values.read_weights(weight_values.backbone_variables(network))
    assert weight_values.weights_hash(source_weights(str(tmp_path), network)) == weight_values.weights_hash(weights)


def check_cuts(network):
    whole = network.model(IMAGES[:2], training=False).numpy()
    for cut in range(1, network.max_freeze_count + 1):
        activations = network.segment(0, cut)(IMAGES[:2], training=False)
        np.testing.assert_array_equal(network.segment(cut)(activations, training=False).numpy(), whole)
        below = {layer.name for layer in network.segment(0, cut).layers if layer.weights}
        assert below == {layer.name for layer in network.frozen_layers(cut)}


@pytest.mark.parametrize(("name", "alpha"), [("MobileNet", 0.25), ("MobileNet", 0.75), ("MobileNetV3Small", 0.75)])
def test_another_width_is_another_file_of_weights(name, alpha, monkeypatch):
    def asked(file, *_, **__):
        raise FileNotFoundError(file)

    monkeypatch.setattr(file_utils, "get_file", asked)
    with pytest.raises(FileNotFoundError, match=re.escape(Backbone(family=name, alpha=alpha).keras_weights)):
        getattr(keras.applications, name)(alpha=alpha, include_top=False, input_shape=(224, 224, 3))


def test_every_family_of_the_installed_keras_is_known_with_its_size():
    there = {name for name in dir(keras.applications) if isinstance(getattr(keras.applications, name), type(chain))}
    assert there == set(FAMILIES)


def test_layers_have_the_same_names_whatever_was_built_before():
    first, second = (
        build_network("x", (32, 32, 3), 2, Backbone(family="Xception", image_size_px=71)) for _ in range(2)
    )
    paths = [[variable.path for variable in weight_values.model_variables(one)] for one in (first, second)]
    assert paths[0] == paths[1] and first.cuts == second.cuts


def test_a_family_that_does_not_take_so_small_images_says_so():
    with pytest.raises(ThawError, match=r"Xception does not take images of 40 pixels .*71x71.*image_size_px"):
        network_of(Backbone(family="Xception", image_size_px=40))


def test_pixels_of_an_efficientnet_are_normalised_without_its_file_too():
    network = build_network("b0", (32, 32, 3), 2, Backbone(family="EfficientNetB0", image_size_px=32))
    layer = next(layer for layer in network.model.layers if isinstance(layer, keras.layers.Normalization))
    np.testing.assert_allclose(np.ravel(layer.mean), IMAGENET_MEAN, rtol=1e-6)
    np.testing.assert_allclose(np.sqrt(np.ravel(layer.variance)), IMAGENET_STDDEV, rtol=1e-6)
