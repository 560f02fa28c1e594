"""Backbones of keras.applications as models of the user's: cuts, features, parts. Builds large Keras models."""

import keras
import numpy as np
import pytest

from tests.trainer_module.own_models import IMAGES, network_of, recalibrated


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "width"),
    [
        ("MobileNetV3Small", 1024),
        *(
            pytest.param(*place, marks=pytest.mark.exhaustive)
            for place in (
                ("MobileNet", 1024), ("MobileNetV2", 1280), ("MobileNetV3Large", 1280), ("EfficientNetB0", 1280),
                ("EfficientNetV2B0", 1280), ("ResNet50", 2048), ("ResNet50V2", 2048), ("VGG16", 4096),
                ("DenseNet121", 1024), ("Xception", 2048), ("InceptionV3", 2048), ("InceptionResNetV2", 1536),
                ("NASNetMobile", 1056), ("ConvNeXtTiny", 768),
            )
        ),
    ],
)  # fmt: skip
def test_the_classification_layer_of_keras_applications_is_left_out(own, name, width):
    model = getattr(keras.applications, name)(weights=None, input_shape=(96, 96, 3), classes=7)
    assert network_of(own(model, "0..255")).head.input.shape == (None, width)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "scale", "parts"),
    [
        ("MobileNetV3Small", None, 8),
        *(
            pytest.param(*place, marks=pytest.mark.exhaustive)
            for place in (
                ("MobileNet", "-1..1", 8), ("ResNet50", "caffe", 8), ("ResNet50V2", "-1..1", 8), ("VGG16", "caffe", 8),
                ("DenseNet121", "torch", 8), ("Xception", "-1..1", 8), ("InceptionV3", "-1..1", 8),
                ("InceptionResNetV2", "-1..1", 8), ("NASNetMobile", "-1..1", 2), ("ConvNeXtTiny", None, 8),
                ("EfficientNetV2B0", None, 8), ("EfficientNetB0", None, 8),
            )
        ),
    ],
)  # fmt: skip
def test_backbones_of_keras_applications_are_cut_and_give_their_features(own, name, scale, parts):
    model = recalibrated(getattr(keras.applications, name)(include_top=False, weights=None, input_shape=(96, 96, 3)))
    network = network_of(own(model, scale))
    assert network.max_freeze_count == parts
    levels = keras.ops.image.resize(IMAGES[:2].astype(np.float32), (96, 96), interpolation="bilinear").numpy()
    mode = {"-1..1": "tf", None: None}.get(scale, scale)
    shown = keras.applications.imagenet_utils.preprocess_input(levels, mode=mode) if mode else levels
    expected = np.array(model(shown, training=False)).mean(axis=(1, 2))
    scale_of = np.abs(expected).max()
    found = network.segment(0, parts)(IMAGES[:2], training=False).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-2 * scale_of + 1e-12)
    whole = network.model(IMAGES[:2], training=False).numpy()
    for cut in range(1, parts + 1):
        activations = network.segment(0, cut)(IMAGES[:2], training=False)
        np.testing.assert_array_equal(network.segment(cut)(activations, training=False).numpy(), whole)
        below = {layer.name for layer in network.segment(0, cut).layers if layer.weights}
        assert below == {layer.name for layer in network.frozen_layers(cut)}
