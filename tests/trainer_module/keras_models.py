"""Small Keras models as a user would bring them, and networks made of them and of Thaw's own. Imports no TFX."""

import h5py
import keras
import numpy as np
from keras import layers

from experiment.config import Backbone
from trainer_module.networks.architectures import build_network
from trainer_module.sources import source

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)


MOBILENET = Backbone(family="MobileNetV2", alpha=0.35, image_size_px=32)
SHIPPED = {"original": 8, "remastered": 6, "mobilenet_v2": 18}
"""The networks of Thaw's presets, and what of them can be frozen."""


def built(architecture, classes=2, shape=(32, 32, 3), mobilenet=MOBILENET):
    """A network of Thaw's presets."""
    return build_network(architecture, shape, classes, mobilenet if architecture == "mobilenet_v2" else None)


def network_of(settings, shape=(32, 32, 3)):
    network = build_network("mine", shape, 2, settings)
    source.load_pretrained(network, settings)
    return network


def features(settings, images=IMAGES):
    network = network_of(settings, images.shape[1:])
    return network.segment(0, network.max_freeze_count)(images, training=False).numpy()


def chain(*inner, size=(32, 32, 3), end=None):
    end = [layers.Dense(5, activation="softmax")] if end is None else end
    return keras.Sequential([keras.Input(size), layers.Rescaling(1 / 255), *inner, *end])


def small():
    return chain(
        layers.Conv2D(4, 3, name="a"), layers.BatchNormalization(name="a_norm"), layers.ReLU(), layers.MaxPooling2D(),
        layers.Dropout(0.2), layers.Conv2D(8, 3, name="b"), layers.Flatten(), layers.Dense(16, name="c"),
        layers.BatchNormalization(name="c_norm"), layers.Dropout(0.3),
    )  # fmt: skip


def six_convolutions():
    """Six layers that can be frozen, as `remastered` has, but compiled in a third of the time."""
    inner = [layers.Conv2D(4, 3, strides=2 if k < 3 else 1, padding="same", activation="relu") for k in range(6)]
    return chain(*inner, end=[layers.Flatten()])


def residual():
    inputs = keras.Input((24, 24, 3))
    x = layers.Conv2D(8, 3, padding="same", name="stem")(layers.Rescaling(1 / 127.5, -1)(inputs))
    for block in range(3):
        y = layers.Conv2D(8, 3, padding="same", use_bias=False, name=f"first_{block}")(x)
        y = layers.ReLU()(layers.BatchNormalization()(y))
        x = layers.ReLU(name=f"out_{block}")(layers.Conv2D(8, 3, padding="same", name=f"second_{block}")(y) + x)
    return keras.Model(inputs, x)


def recalibrated(model):
    """Moving statistics that are not what every layer begins with."""
    for weight in model.weights:
        if "moving" in weight.path:
            weight.assign(weight + np.random.default_rng(1).uniform(0.1, 0.5, weight.shape))
    return model


def save_weights(model, path):
    """In the layout of Keras's own files of weights."""
    layers_with_weights = [layer for layer in model.layers if layer.weights]
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in layers_with_weights]
        for layer in layers_with_weights:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{number}_{weight.name}:0" for number, weight in enumerate(layer.weights)]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, weight in zip(names, layer.weights, strict=True):
                group.create_dataset(name, data=np.asarray(weight))
