"""Backbones of .keras files: read, flattened, cut, and rejected with a reason. Builds small Keras models."""

import zipfile

import keras
import numpy as np
import pytest
from keras import layers

from experiment.config import Backbone, Schedule
from experiment.errors import ThawError
from experiment.training_settings import ModelSettings
from tests.trainer_module.keras_models import IMAGES, chain, features, network_of, recalibrated, residual, small
from trainer_module import trainer
from trainer_module.networks.architectures import build_network
from trainer_module.networks.backbone import ScaledPixels, read_model
from trainer_module.networks.cut_points import cuts_of
from trainer_module.networks.normalization import FusedBatchNormalization

pytestmark = pytest.mark.slow  # builds networks


def test_a_sequential_model_is_cut_behind_each_kernel_and_loses_its_classification_layer(saved):
    network = network_of(saved(small()))
    assert [[layer.name for layer in group] for group in network.freezable] == [["a", "a_norm"], ["b"], ["c", "c_norm"]]
    assert network.cuts[1].startswith("max_pooling2d")  # dropout at a cut is trained above it
    assert network.segment(3).input.shape == (None, 16)


def test_a_residual_model_is_cut_where_one_tensor_alone_goes_on(saved):
    network = network_of(saved(residual()))
    assert network.cuts[2:] == ("out_0", "out_1", "thaw_pool")
    assert [len(group) for group in network.freezable] == [1, 3, 3, 3]


@pytest.mark.parametrize("model", [small, residual])
def test_features_are_those_of_the_model_and_parts_give_the_whole(saved, model):
    made = recalibrated(model())
    network = network_of(saved(made))
    size = made.inputs[0].shape[1:3]
    shown = keras.ops.image.resize(IMAGES.astype(np.float32), size, interpolation="bilinear")
    last = made if model is residual else keras.Model(made.inputs[0], made.layers[-2].output)
    expected = np.array(last(shown, training=False))
    expected = expected.mean(axis=(1, 2)) if expected.ndim == 4 else expected
    count = network.max_freeze_count
    found = network.segment(0, count)(IMAGES, training=False).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    whole = network.model(IMAGES, training=False).numpy()
    for cut in range(1, count + 1):
        activations = network.segment(0, cut)(IMAGES, training=False)
        np.testing.assert_array_equal(network.segment(cut)(activations, training=False).numpy(), whole)
        below = {layer for layer in network.segment(0, cut).layers if layer.weights}
        assert below == set(network.frozen_layers(cut))


def test_more_than_eight_parts_are_joined_evenly():
    inputs = keras.Input((8, 8, 3))
    x = inputs
    for number in range(20):
        x = layers.Conv2D(2, 1, name=f"conv_{number}")(x)
    cuts, groups = cuts_of(keras.Model(inputs, x))
    assert [len(group) for group in groups] == [3, 3, 3, 3, 2, 2, 2, 2]
    assert cuts == [f"conv_{number}" for number in (2, 5, 8, 11, 13, 15, 17, 19)]


def test_a_model_within_the_model_is_laid_flat_and_augmentation_left_out(saved):
    base = keras.Sequential(
        [keras.Input((32, 32, 3)), layers.Conv2D(4, 3, name="a"), layers.BatchNormalization(name="n")]
    )
    inputs = keras.Input((32, 32, 3))
    x = layers.Rescaling(1 / 255)(layers.RandomFlip()(inputs))
    inner = keras.Sequential([keras.Input((32, 32, 3)), base, layers.Conv2D(4, 3, name="b")], name="inner")
    model = recalibrated(
        keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(inner(x, training=False))))
    )
    network = network_of(saved(model))
    assert [[layer.name for layer in group] for group in network.freezable] == [["a", "n"], ["b"]]
    assert not any(isinstance(layer, keras.Model | layers.RandomFlip) for layer in network.model.layers)
    expected = keras.Model(inputs, model.layers[-2].output)(IMAGES.astype(np.float32), training=False)
    found = network.segment(0, 2)(IMAGES, training=False)
    np.testing.assert_allclose(found, np.array(expected), rtol=1e-4, atol=1e-6)


def test_the_mean_and_variance_of_a_normalization_are_kept(saved):
    normalization = layers.Normalization()
    normalization.adapt(np.random.default_rng(0).normal(90, 40, (10, 8, 8, 3)))
    model = keras.Sequential([keras.Input((32, 32, 3)), normalization, layers.Conv2D(3, 3), layers.Flatten()])
    settings = saved(model)
    np.testing.assert_allclose(features(settings), np.array(model(IMAGES.astype(np.float32))), rtol=1e-4, atol=1e-5)
    untrained = build_network("mine", (32, 32, 3), 2, settings)  # the baseline sees such pixels as well
    kept = next(layer for layer in untrained.model.layers if isinstance(layer, layers.Normalization))
    np.testing.assert_allclose(kept.mean, normalization.mean)


@pytest.mark.parametrize("scale", ["0..255", "0..1", "-1..1", "torch", "caffe"])
def test_pixels_are_scaled_as_keras_applications_do(saved, scale):
    model = keras.Sequential([keras.Input((32, 32, 3)), layers.Conv2D(3, 3), layers.Flatten()])
    levels = IMAGES.astype(np.float32)
    modes = {"-1..1": "tf", "torch": "torch", "caffe": "caffe"}
    if scale in modes:
        levels = keras.applications.imagenet_utils.preprocess_input(levels, mode=modes[scale])
    elif scale == "0..1":
        levels = levels / 255
    expected = np.array(model(levels))
    np.testing.assert_allclose(features(saved(model, scale)), expected, rtol=1e-3, atol=1e-3)


def test_a_layer_that_scales_pixels_can_be_saved():
    assert ScaledPixels.from_config(ScaledPixels("caffe").get_config()).mode == "caffe"


def test_images_are_resized_to_the_model_s_size_or_to_the_one_asked_for(saved):
    fixed = network_of(saved(residual())).model.get_layer("thaw_resize")
    assert (fixed.height, fixed.width) == (24, 24)
    model = chain(layers.Conv2D(3, 3), layers.GlobalAveragePooling2D(), size=(None, None, 3), end=())
    assert "thaw_resize" not in {layer.name for layer in network_of(saved(model)).model.layers}
    assert network_of(saved(model, image_size_px=48)).model.get_layer("thaw_resize").height == 48


def test_bare_operations_and_layers_that_keras_can_not_fuse_are_kept(saved):
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 3)((inputs / 255.0)[..., ::-1])
    x = layers.BatchNormalization(scale=False)(keras.ops.relu(x) + 1.0)
    x = layers.BatchNormalization()(layers.Dense(6)(layers.Flatten()(x)))
    model = recalibrated(keras.Model(inputs, x))
    network = network_of(saved(model, "0..255"))
    found = [layer for layer in network.model.layers if isinstance(layer, layers.BatchNormalization)]
    assert not any(isinstance(layer, FusedBatchNormalization) for layer in found) and len(found) == 2
    assert {layer.momentum for layer in found} == {0.9}
    expected = np.array(model(IMAGES.astype(np.float32), training=False))
    np.testing.assert_allclose(features(saved(model, "0..255")), expected, rtol=1e-3, atol=1e-4)


def test_another_layer_can_be_named_for_the_features(saved):
    network = network_of(saved(small(), features="b"))
    assert [len(group) for group in network.freezable] == [2, 1]
    with pytest.raises(ThawError, match=r"no layer 'z'.*'c', 'c_norm'"):
        network_of(saved(small(), features="z"))


def test_a_grey_model_takes_grey_images(saved):
    model = chain(layers.Conv2D(3, 3), size=(32, 32, 1), end=())
    assert features(saved(model), IMAGES[..., :1]).shape == (4, 3)
    with pytest.raises(ThawError, match="takes images of 1 channels, and the data has 3"):
        network_of(saved(model))


def shared():
    inputs = keras.Input((32, 32, 3))
    layer = layers.Conv2D(3, 3, padding="same", name="twice")
    return keras.Model(inputs, layer(layer(layers.Rescaling(1.0)(inputs))))


def shared_model():
    inputs = keras.Input((32, 32, 3))
    inner = keras.Sequential([keras.Input((32, 32, 3)), layers.Conv2D(3, 3, padding="same")], name="inner")
    return keras.Model(inputs, inner(inner(inputs)))


def test_a_layer_without_weights_may_be_used_at_several_places(saved):
    """One ReLU, one Dropout and one model without weights, as PyTorch's users write networks."""
    inputs, relu, dropout = keras.Input((32, 32, 3)), layers.ReLU(name="relu"), layers.Dropout(0.5, name="drop")
    twice = keras.Sequential([layers.Rescaling(0.5), layers.Activation("tanh")], name="twice")
    x = dropout(relu(layers.Conv2D(8, 3, padding="same", name="a")(layers.Rescaling(1 / 255)(inputs))))
    x = dropout(relu(layers.Conv2D(8, 3, padding="same", name="b")(twice(x))))
    model = keras.Model(inputs, layers.GlobalAveragePooling2D()(twice(x)))
    network = network_of(saved(model))
    assert [len(group) for group in network.freezable] == [1, 1]
    names = {layer.name for layer in network.model.layers}
    assert {"relu", "relu_2", "drop", "drop_2"} <= names
    expected = np.array(model(IMAGES.astype(np.float32), training=False))
    np.testing.assert_allclose(features(saved(model)), expected, rtol=1e-5, atol=1e-6)


def two_outputs():
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(3, 3)(inputs)
    return keras.Model(inputs, [x, x])


def broken():
    model = chain(layers.Conv2D(3, 3), end=())
    model.layers[1].bias.assign([np.nan, 0, 0])
    return model


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (shared, "the layer twice has weights and is used more than once"),
        (shared_model, "the layer inner has weights and is used more than once"),
        (two_outputs, "one input of images and one output, got"),
        (broken, "weights that are not finite"),
        (lambda: chain(layers.Flatten(), end=()), "no layer with a kernel below its features"),
        (lambda: chain(layers.Conv2D(3, 3, name="head"), end=()), "the name of the layer head is reserved"),
        (lambda: chain(layers.GaussianDropout(0.1), layers.Conv2D(3, 3), end=()), "draws random numbers"),
        (lambda: chain(layers.Conv2D(3, 3, dtype="mixed_float16"), end=()), "computes in float16"),
        (lambda: keras.Sequential([keras.Input((32, 32, 3)), layers.Conv2D(3, 3)]), "must say what it expects"),
        (lambda: chain(layers.Conv2D(3, 3), layers.Reshape((30, 90)), end=()), "features have the shape"),
    ],
)
def test_what_can_not_be_taken_is_refused_with_a_reason(saved, model, message):
    with pytest.raises(ThawError, match=message):
        network_of(saved(model()))


def test_images_that_the_model_does_not_take_are_refused_with_advice(saved):
    model = chain(*(layers.Conv2D(2, 3, strides=2) for _ in range(6)), size=(None, None, 3), end=())
    with pytest.raises(ThawError, match=r"does not take images of 32 x 32 pixels.*`image_size_px`"):
        network_of(saved(model))


def scores_of_every_place():
    ends = [layers.Conv2D(5, 1, name="scores"), layers.ReLU(), layers.GlobalAveragePooling2D(), layers.Softmax()]
    return chain(layers.Conv2D(8, 3, name="a"), end=ends)


def scores_by_a_convolution():
    ends = [layers.GlobalAveragePooling2D(keepdims=True), layers.Dropout(0.1), layers.Conv2D(5, 1, name="scores"),
            layers.Reshape((5,)), layers.Activation("softmax")]  # fmt: skip
    return chain(layers.Conv2D(8, 3, name="a"), end=ends)


@pytest.mark.parametrize("model", [scores_of_every_place, scores_by_a_convolution])
def test_a_classification_layer_that_is_a_convolution_is_left_out(saved, model):
    network = network_of(saved(model()))
    assert "scores" not in {layer.name for layer in network.model.layers}
    assert network.head.input.shape == (None, 8)


def test_class_probabilities_of_an_unknown_layer_are_not_taken_for_features(saved):
    ends = [layers.LayerNormalization(name="last"), layers.Softmax()]
    with pytest.raises(ThawError, match=r"the layer last \(LayerNormalization\).*`features`"):
        network_of(saved(chain(layers.Conv2D(8, 3), layers.Flatten(), end=ends)))


class OfTheUser(layers.Layer):
    def call(self, x):
        return x


def test_files_that_are_no_model_are_refused(saved, tmp_path):
    wrong = tmp_path / "wrong.keras"
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a.txt", "text")
    contents = {b"": "empty", b"no zip": "not a zip archive", b"\x89HDF\r\n\x1a\n": "HDF5"}
    contents[(tmp_path / "other.zip").read_bytes()] = "without a Keras model"
    for content, words in contents.items():
        wrong.write_bytes(content)
        with pytest.raises(ThawError, match=f"wrong.keras can't be read as a Keras model: .*{words}"):
            read_model(Backbone(model=wrong))
    (tmp_path / "folder.keras").mkdir()
    with pytest.raises(ThawError, match="it is a folder"):
        read_model(Backbone(model=tmp_path / "folder.keras"))
    with pytest.raises(ThawError, match=r"not a \.keras file"):
        read_model(Backbone(model=tmp_path / "old.h5"))
    for inner in (OfTheUser(), layers.Lambda(lambda x: x)):  # code in a file is never run
        with pytest.raises(ThawError, match="can't be read as a Keras model"):
            read_model(saved(chain(inner, layers.Conv2D(3, 3), end=())))
    with pytest.raises(ThawError, match="a layer of the class OfTheUser, which Keras does not know") as caught:
        read_model(saved(chain(OfTheUser(), layers.Conv2D(3, 3), end=())))
    assert len(str(caught.value)) < 400
    with pytest.raises(ThawError, match="no model whose layers Thaw can read"):
        read_model(saved(keras.Sequential([layers.Conv2D(3, 3)])))


def test_a_backbone_needs_its_settings():
    with pytest.raises(KeyError, match="mine"):
        build_network("mine", (32, 32, 3), 2)


def test_a_file_that_changed_while_the_run_went_on_is_refused(saved):
    settings = ModelSettings(
        role="source", name="pretrained__mine", source="pretrained", architecture="mine", classes=(),
        image_shape=(32, 32, 3), image_key="image", schedule=Schedule(), seed=1, data_name="SYNTHETIC", code="c0de",
        backbone=saved(small()).model_copy(update={"sha256": "0" * 64}),
    )  # fmt: skip
    with pytest.raises(ThawError, match="changed during the run"):
        trainer.trained_or_read_source(None, settings)


def test_layers_of_two_models_within_the_model_may_have_the_same_name(saved):
    blocks = [
        keras.Sequential([keras.Input(shape), layers.Conv2D(4, 3, name="c")], name=name)
        for name, shape in (("first", (32, 32, 3)), ("second", (30, 30, 4)))
    ]
    made = chain(*blocks, layers.GlobalAveragePooling2D())
    network = network_of(saved(made))
    assert [[layer.name for layer in group] for group in network.freezable] == [["c"], ["c_2"]]
    expected = keras.Model(made.inputs[0], made.layers[-2].output)(IMAGES, training=False)
    found = network.segment(0, 2)(IMAGES, training=False).numpy()
    np.testing.assert_allclose(found, np.array(expected), rtol=1e-4, atol=1e-5)
