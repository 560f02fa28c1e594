"""Finds the features of a Keras model: the input of its classification layer. Imports only errors."""

from __future__ import annotations

from typing import Any

import keras

from experiment.backbones import Backbone
from experiment.errors import ThawError

AFTER_CLASSES = {
    "Activation", "Dropout", "Flatten", "HardSigmoid", "Identity", "LogSigmoid", "LogSoftmax", "Reshape", "Sigmoid",
    "Softmax", "Squeeze",
}  # fmt: skip
"""Layers, and bare operations such as keras.ops.softmax(x), that may follow a classification layer, by class."""
PROBABILITIES = {"HardSigmoid", "LogSigmoid", "LogSoftmax", "Sigmoid", "Softmax"}
"""Those that turn scores into class probabilities."""
PROBABLE = (
    keras.activations.hard_sigmoid, keras.activations.log_sigmoid, keras.activations.log_softmax,
    keras.activations.sigmoid, keras.activations.softmax,
)  # fmt: skip
"""The same, as a layer's activation."""


def features_of(model: keras.Model, backbone: Backbone) -> keras.KerasTensor:
    """Output of the backbone's `features`; else the input of the classification layer, if the model ends with one; else
    its output.

    Raises:
      ThawError: the model has no such layer, or ends with class probabilities of an unknown layer.
    """
    if backbone.features:
        named = {layer.name: layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)}
        if backbone.features not in named:
            raise ThawError(f"{backbone.in_words} has no layer {backbone.features!r} (`features`). Its last ones are "
                            f"{list(named)[-8:]}.")  # fmt: skip
        return named[backbone.features].output
    if len(model.outputs[0].shape) != 2:
        return model.outputs[0]
    last, probabilities = _last_layer(model.outputs[0])
    if isinstance(last, keras.layers.Dense) or (
        _is_pointwise(last) and (probabilities or last.output.shape[1:3] == (1, 1))
    ):
        tensor = last.input
        history = tensor._keras_history.operation
        return history.input if isinstance(history, keras.layers.Dropout) else tensor
    if probabilities:
        raise ThawError(f"{backbone.in_words} ends with class probabilities, and the layer {last.name} "
                        f"({type(last).__name__}) before them is not one that Thaw knows (Dense, or a 1 x 1 "
                        "convolution). Name the layer whose output is to be classified as `features`.")  # fmt: skip
    return model.outputs[0]


def _last_layer(output: keras.KerasTensor) -> tuple[Any, bool]:
    """The last operation that does more than reshape or activate, and whether class probabilities come after it."""
    operation, probabilities = output._keras_history.operation, False
    while type(operation).__name__ in AFTER_CLASSES:
        probabilities |= _gives_probabilities(operation)
        operation = operation.input._keras_history.operation
    # Class scores of every place, then their mean: only probabilities tell them from features.
    below = (
        operation.input._keras_history.operation if isinstance(operation, keras.layers.GlobalAveragePooling2D) else None
    )
    while isinstance(below, keras.layers.Activation | keras.layers.ReLU | keras.layers.Softmax):
        probabilities |= _gives_probabilities(below)
        below = below.input._keras_history.operation
    of_places = probabilities or _gives_probabilities(below)
    return (below, True) if of_places and _is_pointwise(below) else (operation, probabilities)


def _gives_probabilities(operation: Any) -> bool:
    return type(operation).__name__ in PROBABILITIES or getattr(operation, "activation", None) in PROBABLE


def _is_pointwise(layer: Any) -> bool:
    return isinstance(layer, keras.layers.Conv2D) and tuple(layer.kernel_size) == (1, 1)
