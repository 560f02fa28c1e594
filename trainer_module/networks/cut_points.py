"""Where a Keras model can be cut in two, and the layers with weights between. Imports only experiment.config.

A model can be cut where a single tensor holds all that the layers above it need. Layers without a kernel, such as
BatchNormalization, belong to the kernel before them, unless they lie above the last cut point: a block that normalises
first, as in ResNetV2, begins with them. If there are more cut points than MOST_PARTS, neighbouring parts are joined so
that all have about as many kernels.
"""

from __future__ import annotations

import keras
import numpy as np
from keras.layers import Layer

from experiment.backbones import MOST_PARTS


def cuts_of(model: keras.Model) -> tuple[list[str], list[tuple[str, ...]]]:
    """Names of the layers after which to cut, the last being that of the output, and the layers with weights between.

    Args:
      model: one input, one output, every layer used once; without a layer that has a kernel both lists are empty.
    """
    parts = _parts(model)
    if not parts:
        return [], []
    joined = np.array_split(np.arange(len(parts)), min(len(parts), MOST_PARTS))
    cuts = [parts[int(places[-1])][0] for places in joined]
    groups = [tuple(name for place in places for name in parts[int(place)][1]) for places in joined]
    return [*cuts[:-1], model.output._keras_history.operation.name], groups


def _parts(model: keras.Model) -> list[tuple[str, tuple[str, ...]]]:
    """The smallest parts: the last layer of each, and its layers with weights."""
    ordered = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    narrow = _narrow_places(model)
    parts: list[tuple[str, tuple[str, ...]]] = []
    weighted: list[Layer] = []
    end, below = "", 0  # the last place to cut, and how many of `weighted` lie below it
    for layer in ordered:
        if kernels_of(layer) and end:
            parts.append((end, _names(weighted[:below])))
            weighted, end = weighted[below:], ""
        if layer.weights:
            weighted.append(layer)
        # Dropout at a cut belongs to the part above it.
        if any(map(kernels_of, weighted)) and layer.name in narrow and not isinstance(layer, keras.layers.Dropout):
            end, below = layer.name, len(weighted)
    if any(map(kernels_of, weighted)):
        parts.append((end or ordered[-1].name, _names(weighted)))
    elif weighted and parts:
        parts[-1] = (parts[-1][0], (*parts[-1][1], *_names(weighted)))
    return parts


def _names(layers: list[Layer]) -> tuple[str, ...]:
    return tuple(layer.name for layer in layers)


def kernels_of(layer: Layer) -> list[keras.Variable]:
    """The kernels that a layer owns, those of layers within it too."""
    return [weight for weight in layer.weights if "kernel" in weight.path.rsplit("/", 1)[-1]]


def _narrow_places(model: keras.Model) -> set[str]:
    """Operations whose output is the only input of all later ones."""
    ordered = [operation.name for operation in model.operations]  # layers, and bare operations such as x + 3
    place = {name: number for number, name in enumerate(ordered)}
    last_use = dict(place)
    for operation in model.operations:
        for tensor in operation._inbound_nodes[0].input_tensors:
            source = tensor._keras_history.operation.name
            last_use[source] = max(last_use[source], place[operation.name])
    narrow = set()
    reach = -1  # of all operations before
    for name in ordered:
        if reach <= place[name]:
            narrow.add(name)
        reach = max(reach, last_use[name])
    return narrow
