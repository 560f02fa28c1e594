"""Flattens a Keras model: models within it are replaced by their layers. Imports only experiment.errors."""

from __future__ import annotations

import itertools
from typing import Any

import keras
from keras.layers import Layer

from experiment.errors import ThawError

AUGMENTATIONS = (
    keras.layers.RandomBrightness, keras.layers.RandomContrast, keras.layers.RandomFlip, keras.layers.RandomRotation,
    keras.layers.RandomTranslation, keras.layers.RandomZoom, keras.layers.GaussianNoise,
)  # fmt: skip
"""Left out: they act only in training, where Thaw adds its own copies."""


class Flattening:
    """Rebuilds a model from layers only: nested models become their layers, augmentation is left out.

    Layers of two models within it may have one name: the later one gets a number. A layer without weights that is used
    at several places, such as one ReLU for all, becomes a layer at each. A Normalization's mean and variance become
    settings of the layer, as they belong to the input and are never trained.
    """

    def __init__(self, name: str):
        self._name = name
        self._pairs: list[tuple[Layer, Layer]] = []
        self._used: set[int] = set()
        self._names: set[str] = set()

    def of(self, model: keras.Model) -> keras.Model:
        """The flat model, with the weights of `model`.

        Raises:
          ThawError: a layer with weights is used twice, or a layer can't be rebuilt.
        """
        inputs = keras.Input(model.inputs[0].shape[1:], dtype=model.inputs[0].dtype)
        flat = keras.Model(inputs, self._run(model, inputs))
        for old, new in self._pairs:
            new.set_weights(old.get_weights())
        # A cell freezes other layers than those frozen when the file was saved: every layer is trainable, those within
        # a layer too.
        flat.trainable = True
        return flat

    def _run(self, model: keras.Model, x: keras.KerasTensor) -> keras.KerasTensor:
        if isinstance(model, keras.Sequential):
            model = keras.Model(model.inputs[0], model.outputs[0])
        # Behind keras.models.clone_model, which would add inputs of its own here.
        return model._run_through_graph(x, operation_fn=self._anew, call_fn=self._call)

    def _anew(self, layer: Any) -> Any:
        """A layer, or a bare operation such as x + 3, without its connections."""
        if id(layer) in self._used and isinstance(layer, Layer) and layer.weights:
            raise ThawError(
                f"{self._name}: the layer {layer.name} has weights and is used more than once, so that it can't be "
                "frozen at one place. Give a model whose layers with weights are used once."
            )
        self._used.add(id(layer))
        if isinstance(layer, keras.Model):
            return layer
        settings = {**layer.get_config(), "name": self._free_name(layer.name)}
        if isinstance(layer, keras.layers.Normalization) and layer.input_mean is None:
            mean, variance = (weight.numpy().tolist() for weight in (layer.adapt_mean, layer.adapt_variance))
            return keras.layers.Normalization.from_config({**settings, "mean": mean, "variance": variance})
        new = layer.__class__.from_config({**settings, "trainable": True} if "trainable" in settings else settings)
        if isinstance(layer, Layer) and layer.weights:
            self._pairs.append((layer, new))
        return new

    def _call(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, AUGMENTATIONS):
            return args[0]
        kwargs.pop("training", None)  # Thaw decides whether it trains
        if isinstance(layer, keras.Model):
            return self._run(layer, args[0])
        return layer(*args, **kwargs)

    def _free_name(self, name: str) -> str:
        """The name, or if it is taken, the first free one of name_2, name_3 and so on."""
        numbered = (f"{name}_{number}" for number in itertools.count(2))
        free = next(one for one in itertools.chain([name], numbered) if one not in self._names)
        self._names.add(free)
        return free
