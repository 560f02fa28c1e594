"""A network in Keras's own layers, so that model.keras can be read without Thaw. Imports networks."""

from __future__ import annotations

import itertools

import keras

from trainer_module.networks.backbone import PREFIX, ScaledPixels
from trainer_module.networks.keras_applications import IMAGENET_MEAN, IMAGENET_STDDEV
from trainer_module.networks.normalization import FusedBatchNormalization

RESCALED = {"unit": (1 / 255, 0.0), "tf": (1 / 127.5, -1.0)}
"""Scale and offset by the mode of keras.applications."""


def in_stock_layers(model: keras.Model) -> keras.Model:
    """The same function with the same weights, in layers that Keras alone can read.

    Layers that Thaw added to a backbone lose the prefix of their names, so that Thaw can take the file as a backbone.
    ScaledPixels of the mode `caffe` stays, since no layer of Keras reverses the channels: to read such a file, import
    trainer_module.networks.backbone first.
    """
    taken = {layer.name for layer in model.layers}
    names = {}
    for name in sorted(one for one in taken if one.startswith(PREFIX)):
        bare = name.removeprefix(PREFIX)
        numbered = itertools.chain([bare], (f"{bare}_{number}" for number in itertools.count(2)))
        names[name] = next(one for one in numbered if one not in taken)
        taken.add(names[name])
    stock = keras.models.clone_model(
        model, clone_function=lambda layer: _stock(layer, names.get(layer.name, layer.name))
    )
    stock.set_weights(model.get_weights())
    return stock


def _stock(layer: keras.layers.Layer, name: str) -> keras.layers.Layer:
    config = {**layer.get_config(), "name": name}
    if isinstance(layer, FusedBatchNormalization):
        return keras.layers.BatchNormalization.from_config(config)
    if isinstance(layer, ScaledPixels) and layer.mode in RESCALED:
        scale, offset = RESCALED[layer.mode]
        return keras.layers.Rescaling(scale, offset, name=name)
    if isinstance(layer, ScaledPixels) and layer.mode == "torch":
        mean, variance = [255 * one for one in IMAGENET_MEAN], [(255 * one) ** 2 for one in IMAGENET_STDDEV]
        return keras.layers.Normalization(mean=mean, variance=variance, name=name)
    return layer.__class__.from_config(config)
