"""A backbone as layers on uint8 images, from a .keras file or a family of keras.applications. Imports no training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.layers import Layer

from experiment.backbones import Backbone
from experiment.errors import ThawError
from trainer_module.networks.classified_features import features_of
from trainer_module.networks.cut_points import cuts_of
from trainer_module.networks.flattening import Flattening
from trainer_module.networks.keras_applications import family_model
from trainer_module.networks.keras_file import in_a_line, load_file

Parts = tuple[keras.KerasTensor, list[str], list[tuple[str, ...]]]
"""As architectures._Parts."""

MODES = {"0..1": "unit", "-1..1": "tf", "torch": "torch", "caffe": "caffe"}
"""By the setting `scale`: its name in keras.applications.imagenet_utils.preprocess_input."""
PREFIX = "thaw_"
"""Prefix of the names of layers that Thaw adds, so that they differ from the model's names."""
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


def backbone_parts(images: keras.KerasTensor, backbone: Backbone) -> Parts:
    """The backbone on uint8 images, without its classification layer: its features, cuts and freezable layers.

    Args:
      images: uint8 [batch, height, width, channels].
      backbone: any but MobileNetV2, which is cut at its blocks.

    Raises:
      ThawError: as read_model; the model does not take such images, or has nothing to freeze.
    """
    model = read_model(backbone)
    cuts, groups = cuts_of(model)
    if not cuts:
        raise ThawError(f"{backbone.in_words} has no layer with a kernel below its features, so nothing can be "
                        "frozen. Give another model, or name a later layer as its `features`.")  # fmt: skip
    height, width, channels = model.input.shape[1:]
    if channels not in (None, images.shape[-1]) or (images.shape[-1] != 3 and backbone.pixels in ("torch", "caffe")):
        raise ThawError(f"{backbone.in_words} takes images of {channels} channels, and the data has "
                        f"{images.shape[-1]}. Expected the same number; give another model, or convert the "
                        "images.")  # fmt: skip
    side = backbone.side_px
    size = (side, side) if side else (height, width)
    mode = MODES.get(backbone.pixels)
    scaled = ScaledPixels(mode, name=f"{PREFIX}scale") if mode else keras.layers.Rescaling(1.0, name=f"{PREFIX}scale")
    x = scaled(images)  # float32, before resizing: uint8 would be cut off to whole numbers again
    if None not in size and size != tuple(images.shape[1:3]):
        x = keras.layers.Resizing(*size, interpolation="bilinear", dtype="float32", name=f"{PREFIX}resize")(x)
    x = _run_on(model, x, backbone)
    if len(x.shape) == 4:
        x = keras.layers.GlobalAveragePooling2D(name=f"{PREFIX}pool")(x)  # [batch, channels]
        cuts = [*cuts[:-1], f"{PREFIX}pool"]
    elif not isinstance(x._keras_history.operation, Layer):  # a cut must follow a layer, not a bare operation
        x = keras.layers.Identity(name=f"{PREFIX}features")(x)
        cuts = [*cuts[:-1], f"{PREFIX}features"]
    return x, [images.name, *cuts], groups


def _run_on(model: keras.Model, images: keras.KerasTensor, backbone: Backbone) -> keras.KerasTensor:
    """The model's output for these images."""
    try:
        # Not model(images): that would be a model within the model, which can't be cut.
        features = model._run_through_graph(images, operation_fn=lambda layer: layer)
        if 0 in features.shape:  # a last convolution over less than its kernel
            raise ValueError("the features have no pixels left")
    except (ValueError, TypeError) as error:
        raise ThawError(
            f"{backbone.in_words} does not take images of {images.shape[1]} x {images.shape[2]} pixels "
            f"({in_a_line(error)}). Give the size that it takes as its `image_size_px`; images are resized to it."
        ) from error
    return features


def read_model(backbone: Backbone) -> keras.Model:
    """The model from its input to its features, with the file's weights; nested models are flattened.

    Args:
      backbone: any but MobileNetV2; a family without a file has random weights.

    Raises:
      ThawError: the file can't be read, or has a model that Thaw can't use: with several inputs or outputs, weights
        used twice, or random layers other than dropout and augmentation; it lacks a scale; or its weights are not
        finite.
    """
    name = backbone.in_words
    flat = Flattening(name).of(load_file(backbone.model) if backbone.model else family_model(backbone))
    features = features_of(flat, backbone)
    model = keras.Model(flat.inputs[0], features)
    if len(features.shape) not in (2, 4):
        raise ThawError(f"{name}: the features have the shape {tuple(features.shape)}. Expected one vector "
                        "or one map an image; name another layer as `features`.")  # fmt: skip
    problem = next(_problems(model), None)
    if problem:
        raise ThawError(f"{name}: {problem}")
    first = next((layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)), None)
    if backbone.model and backbone.scale is None and not isinstance(first, SCALING):
        raise ThawError(
            f"{name} does not begin with a layer that scales pixels (Rescaling or Normalization), so the backbone's "
            "`scale` (--scale of `thaw init`) must say what it expects: 0..255, 0..1, -1..1, torch or caffe "
            "(docs/howto/own_source.md has a table)."
        )
    return model


def _problems(model: keras.Model) -> Iterator[str]:
    """Why the flat model can't be used, in words."""
    for layer in model.layers:
        ours = layer.name in RESERVED and not isinstance(layer, keras.layers.InputLayer)
        if ours or layer.name.startswith(PREFIX):
            yield f"the name of the layer {layer.name} is reserved by Thaw. Give it another name."
        within = not isinstance(layer, keras.layers.BatchNormalization)
        if within and any("/moving_" in weight.path for weight in layer.weights):
            yield (f"the layer {layer.name} ({type(layer).__name__}) contains a BatchNormalization, whose statistics "
                   "Thaw can't reach there. Put it beside the layer.")  # fmt: skip
        # Variables that are not weights are states of random generators.
        if len(layer.variables) > len(layer.weights) and not isinstance(layer, keras.layers.Dropout):
            yield f"the layer {layer.name} draws random numbers, which Thaw can't repeat. Leave it out."
        if layer.compute_dtype != "float32" and not isinstance(layer, keras.layers.InputLayer):
            yield (f"the layer {layer.name} computes in {layer.compute_dtype}. Expected float32: build the model under "
                   "keras.config.set_dtype_policy('float32'), set its weights, and save it again.")  # fmt: skip
        if not all(np.isfinite(weight.numpy()).all() for weight in layer.weights):
            yield f"the layer {layer.name} has weights that are not finite. Give another file."
