"""The architecture `own`: a Keras model of the user's, read, checked, and cut into parts. Imports pipeline.config alone.

A model is cut where one tensor alone holds all that the layers above it need. Layers that own no kernel, such as
BatchNormalization, belong with the kernel before them. Where there are more places than MAX_FREEZE_COUNT, neighbouring
parts are joined so that all hold about as many kernels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras.layers import Layer

from pipeline.config import MAX_FREEZE_COUNT, OwnModel
from pipeline.errors import ThawError

Parts = tuple[keras.KerasTensor, list[str], list[tuple[str, ...]]]
"""As architectures._Parts."""

SCALES = {"0..255": (1.0, 0.0), "0..1": (1 / 255, 0.0), "-1..1": (1 / 127.5, -1.0)}
"""Factor and offset of a grey level."""
TAKEN_NAMES = {"image", "scale", "resize", "pool", "head"}
"""Of layers that Thaw adds."""


def own_parts(images: keras.KerasTensor, settings: OwnModel) -> Parts:
    """The model on uint8 images, without its classification layer: its features, cuts and freezable layers.

    Args:
      images: uint8 [batch, height, width, channels].
      settings: see there.

    Raises:
      ThawError: as read_model; the model takes other channels, or can't be cut anywhere.
    """
    model = read_model(settings)
    height, width, channels = model.input.shape[1:]
    if channels != images.shape[-1]:
        raise ThawError(f"{settings.model} takes images of {channels} channels, and the data has {images.shape[-1]}. "
                        "Expected as many; give another model, or write the images anew.")  # fmt: skip
    layers = keras.layers
    factor, offset = SCALES[settings.scale]
    x = layers.Rescaling(factor, offset=offset, name="scale")(images)
    size = (settings.image_size_px,) * 2 if settings.image_size_px else (height, width)
    if None not in size and size != tuple(images.shape[1:3]):
        x = layers.Resizing(*size, interpolation="bilinear", name="resize")(x)
    x = _through(model, x)
    cuts, groups = cuts_of(model, settings)
    if len(x.shape) == 4:
        x = layers.GlobalAveragePooling2D(name="pool")(x)  # [batch, channels]
        cuts[-1] = "pool"
    return x, [images.name, *cuts], groups


def read_model(settings: OwnModel) -> keras.Model:
    """The model from its input to its features, with the file's weights.

    Raises:
      ThawError: the file can't be read, or holds a model that Thaw can't cut: nested, with several inputs or outputs,
        with layers used twice or random layers other than dropout; or weights that are no finite numbers.
    """
    path = settings.model
    try:
        whole = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError) as error:
        raise ThawError(f"{path} can't be read as a Keras model ({error}). Expected a .keras file of layers that Keras "
                        "knows, as model.save writes it.") from error  # fmt: skip
    problem = next(_problems(whole), None)
    if problem:
        raise ThawError(f"{path}: {problem}")
    features = whole.get_layer(settings.features).output if settings.features else _features(whole)
    model = keras.Model(whole.inputs[0], features)
    if len(features.shape) not in (2, 4):
        raise ThawError(f"{path}: the features have the shape {tuple(features.shape)}. Expected one vector or one map "
                        "an image; name another layer as own.features.")  # fmt: skip
    if not all(np.isfinite(weight.numpy()).all() for weight in model.weights):
        raise ThawError(f"{path} holds weights that are no finite numbers. Give another file.")
    return model


def cuts_of(model: keras.Model, settings: OwnModel) -> tuple[list[str], list[tuple[str, ...]]]:
    """Names of the layers to cut behind, the last being that of the features, and the layers with weights between.

    Raises:
      ThawError: there is no layer with weights.
    """
    parts = _parts(model)
    if not parts:
        raise ThawError(f"{settings.model} has no layer with a kernel below its features, so nothing can be frozen. "
                        "Give another model, or name a later layer as own.features.")  # fmt: skip
    joined = np.array_split(np.arange(len(parts)), min(len(parts), MAX_FREEZE_COUNT["own"]))
    cuts = [parts[int(places[-1])][0] for places in joined]
    groups = [tuple(name for place in places for name in parts[int(place)][1]) for places in joined]
    return [*cuts[:-1], model.output._keras_history.operation.name], groups


def _parts(model: keras.Model) -> list[tuple[str, tuple[str, ...]]]:
    """The smallest parts: the layer each ends with, and its layers with weights."""
    ordered = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    narrow = _narrow_places(model)
    parts: list[tuple[str, tuple[str, ...]]] = []
    weighted: list[str] = []
    end = ""
    for layer in ordered:
        if _has_kernel(layer) and end:
            parts.append((end, tuple(weighted)))
            weighted, end = [], ""
        if layer.weights:
            weighted.append(layer.name)
        has_kernel = any(_has_kernel(model.get_layer(name)) for name in weighted)
        # Dropout at a cut belongs to the part above it.
        if has_kernel and layer.name in narrow and not isinstance(layer, keras.layers.Dropout):
            end = layer.name
    if any(_has_kernel(model.get_layer(name)) for name in weighted):
        parts.append((end or ordered[-1].name, tuple(weighted)))
    elif weighted and parts:
        parts[-1] = (parts[-1][0], (*parts[-1][1], *weighted))
    return parts


def _has_kernel(layer: Layer) -> bool:
    return any("kernel" in weight.path.rsplit("/", 1)[-1] for weight in layer.weights)


def _narrow_places(model: keras.Model) -> set[str]:
    """Layers after which their own output is all that later layers take."""
    ordered = [operation.name for operation in model.operations]  # layers, and bare operations such as x + 3
    place = {name: number for number, name in enumerate(ordered)}
    last_use = {name: place[name] for name in ordered}
    for operation in model.operations:
        for tensor in operation._inbound_nodes[0].input_tensors:
            source = tensor._keras_history.operation.name
            last_use[source] = max(last_use[source], place[operation.name])
    narrow = set()
    reach = -1  # of all layers before
    for name in ordered:
        if reach <= place[name]:
            narrow.add(name)
        reach = max(reach, last_use[name])
    return narrow


def _through(model: keras.Model, x: keras.KerasTensor) -> keras.KerasTensor:
    """The same layers called on another tensor, in a graph without a model within the model."""
    known: dict[str, keras.KerasTensor] = {}
    for operation in model.operations:
        if isinstance(operation, keras.layers.InputLayer):
            known[operation.name] = x
            continue
        node = operation._inbound_nodes[0]
        args, kwargs = node.arguments.fill_in(
            {id(tensor): known[tensor._keras_history.operation.name] for tensor in node.input_tensors}
        )
        known[operation.name] = operation(*args, **kwargs)
    return known[model.output._keras_history.operation.name]


def _features(model: keras.Model) -> keras.KerasTensor:
    """What goes into the last dense layer where the model ends with one, else the model's output."""
    ends: Sequence[Any] = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    while ends and isinstance(ends[-1], keras.layers.Activation | keras.layers.Softmax | keras.layers.Dropout):
        ends = ends[:-1]
    if ends and isinstance(ends[-1], keras.layers.Dense) and len(model.outputs[0].shape) == 2:
        tensor = ends[-1].input
        history = tensor._keras_history.operation
        return history.input if isinstance(history, keras.layers.Dropout) else tensor
    return model.outputs[0]


def _problems(model: keras.Model) -> Iterator[str]:
    """Why the model can't be cut, in words."""
    if not isinstance(model, keras.Model) or not model.inputs:
        yield "it is no model of layers with a known input. Save a Functional or a built Sequential model."
        return
    if len(model.inputs) != 1 or len(model.outputs) != 1 or len(model.inputs[0].shape) != 4:
        shapes = [tuple(tensor.shape) for tensor in (*model.inputs, *model.outputs)]
        yield f"expected one input of images and one output, got the shapes {shapes}."
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield (f"the layer {layer.name} is a model itself, which can't be cut. Save one model of all layers: "
                   f"base = {layer.name}; keras.Model(base.input, head(base.output)).")  # fmt: skip
        if len(layer._inbound_nodes) > 1 and not isinstance(model, keras.Sequential):
            yield f"the layer {layer.name} is used more than once, so that it can't be frozen at one place."
        if layer.name in TAKEN_NAMES and layer.weights:
            yield f"a layer is called {layer.name}, as one of Thaw's own. Give it another name."
        if hasattr(layer, "seed_generator") and not isinstance(layer, keras.layers.Dropout):
            yield f"the layer {layer.name} draws random numbers. Leave augmentation out: Thaw adds its own copies."
