"""The architecture `own`: a Keras model of the user's, read and checked. Imports no training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.layers import Layer

from experiment.config import OwnModel
from experiment.errors import ThawError
from trainer_module.networks.cut_points import cuts_of
from trainer_module.networks.own_features import features_of
from trainer_module.networks.own_flat import Flattening
from trainer_module.networks.own_model_file import in_a_line, load_file

Parts = tuple[keras.KerasTensor, list[str], list[tuple[str, ...]]]
"""As architectures._Parts."""

MODES = {"0..1": "unit", "-1..1": "tf", "torch": "torch", "caffe": "caffe"}
"""By the setting `scale`: what keras.applications.imagenet_utils.preprocess_input calls it."""
PREFIX = "thaw_"
"""Begins the names of layers that Thaw adds, so that they are no name of the model's."""
RESERVED = ("head", "image")
"""Names of Thaw's own layers that have no prefix."""
SCALING = (keras.layers.Rescaling, keras.layers.Normalization)


@keras.saving.register_keras_serializable("thaw")
class ScaledPixels(Layer):
    """Grey levels 0 to 255 to what a model expects, as keras.applications' preprocess_input does it.

    Args:
      mode: one of MODES' values.
      kwargs: as keras.layers.Layer's.
    """

    def __init__(self, mode: str, **kwargs: Any):
        super().__init__(**kwargs)
        self.mode = mode

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Float32 of the same shape, [batch, height, width, channels]."""
        levels = keras.ops.cast(images, "float32")
        if self.mode == "unit":
            return levels / 255
        return keras.applications.imagenet_utils.preprocess_input(levels, "channels_last", self.mode)

    def get_config(self) -> dict[str, Any]:
        """The arguments, for saving."""
        return {**super().get_config(), "mode": self.mode}


def own_parts(images: keras.KerasTensor, settings: OwnModel) -> Parts:
    """The model on uint8 images, without its classification layer: its features, cuts and freezable layers.

    Args:
      images: uint8 [batch, height, width, channels].
      settings: see there.

    Raises:
      ThawError: as read_model; the model does not take such images, or has nothing to freeze.
    """
    model = read_model(settings)
    cuts, groups = cuts_of(model)
    if not cuts:
        raise ThawError(f"{settings.model} has no layer with a kernel below its features, so nothing can be frozen. "
                        "Give another model, or name a later layer as own.features.")  # fmt: skip
    height, width, channels = model.input.shape[1:]
    if channels not in (None, images.shape[-1]) or (images.shape[-1] != 3 and settings.scale in ("torch", "caffe")):
        raise ThawError(f"{settings.model} takes images of {channels} channels, and the data has {images.shape[-1]}. "
                        "Expected as many; give another model, or write the images anew.")  # fmt: skip
    side = settings.image_size_px
    size = (side, side) if side else (height, width)
    mode = MODES.get(settings.scale or "0..255")
    scaled = ScaledPixels(mode, name=f"{PREFIX}scale") if mode else keras.layers.Rescaling(1.0, name=f"{PREFIX}scale")
    x = scaled(images)  # float32, before resizing: uint8 would be cut off to whole numbers again
    if None not in size and size != tuple(images.shape[1:3]):
        x = keras.layers.Resizing(*size, interpolation="bilinear", dtype="float32", name=f"{PREFIX}resize")(x)
    x = _run_on(model, x, settings)
    if len(x.shape) == 4:
        x = keras.layers.GlobalAveragePooling2D(name=f"{PREFIX}pool")(x)  # [batch, channels]
        cuts = [*cuts[:-1], f"{PREFIX}pool"]
    elif not isinstance(x._keras_history.operation, Layer):  # a bare operation is no layer to cut behind
        x = keras.layers.Identity(name=f"{PREFIX}features")(x)
        cuts = [*cuts[:-1], f"{PREFIX}features"]
    return x, [images.name, *cuts], groups


def _run_on(model: keras.Model, images: keras.KerasTensor, settings: OwnModel) -> keras.KerasTensor:
    """The model's output for these images."""
    try:
        # Not model(images): that would be a model within the model, which can't be cut.
        features = model._run_through_graph(images, operation_fn=lambda layer: layer)
        if 0 in features.shape:  # a last convolution over less than its kernel
            raise ValueError("nothing is left of them")
    except (ValueError, TypeError) as error:
        raise ThawError(
            f"{settings.model} does not take images of {images.shape[1]} x {images.shape[2]} pixels "
            f"({in_a_line(error)}). Give the size that it takes as own.image_size_px; images are resized to it."
        ) from error
    return features


def read_model(settings: OwnModel) -> keras.Model:
    """The model from its input to its features, with the file's weights; models within the model are laid flat.

    Raises:
      ThawError: the file can't be read, or holds a model that Thaw can't take: with several inputs or outputs, with
        layers used twice, or random ones other than dropout and augmentation; its scale is not said; or its weights
        are no finite numbers.
    """
    whole = load_file(settings.model)
    flat = Flattening(str(settings.model)).of(whole)
    features = features_of(flat, settings)
    model = keras.Model(flat.inputs[0], features)
    if len(features.shape) not in (2, 4):
        raise ThawError(f"{settings.model}: the features have the shape {tuple(features.shape)}. Expected one vector "
                        "or one map an image; name another layer as own.features.")  # fmt: skip
    problem = next(_problems(model), None)
    if problem:
        raise ThawError(f"{settings.model}: {problem}")
    first = next((layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)), None)
    if settings.scale is None and not isinstance(first, SCALING):
        raise ThawError(
            f"{settings.model} does not begin with a layer that scales pixels (Rescaling or Normalization), so "
            "own.scale must say what it expects: 0..255, 0..1, -1..1, torch or caffe (docs/howto/own_source.md has a "
            "table)."
        )
    return model


def _problems(model: keras.Model) -> Iterator[str]:
    """Why the flat model can't be taken, in words."""
    for layer in model.layers:
        ours = layer.name in RESERVED and not isinstance(layer, keras.layers.InputLayer)
        if ours or layer.name.startswith(PREFIX):
            yield f"a layer is called {layer.name}, as one of Thaw's own. Give it another name."
        within = not isinstance(layer, keras.layers.BatchNormalization)
        if within and any("/moving_" in weight.path for weight in layer.weights):
            yield (f"the layer {layer.name} ({type(layer).__name__}) holds a BatchNormalization, whose statistics Thaw "
                   "can't reach there. Put it beside the layer.")  # fmt: skip
        # Variables that are no weights are states of random numbers.
        if len(layer.variables) > len(layer.weights) and not isinstance(layer, keras.layers.Dropout):
            yield f"the layer {layer.name} draws random numbers, which Thaw can't repeat. Leave it out."
        if layer.compute_dtype != "float32" and not isinstance(layer, keras.layers.InputLayer):
            yield (f"the layer {layer.name} computes in {layer.compute_dtype}. Expected float32: build the model under "
                   "keras.config.set_dtype_policy('float32'), set its weights, and save it again.")  # fmt: skip
        if not all(np.isfinite(weight.numpy()).all() for weight in layer.weights):
            yield f"weights of the layer {layer.name} are no finite numbers. Give another file."
