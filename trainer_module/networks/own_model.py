"""The architecture `own`: a Keras model of the user's, read, checked and laid flat. Imports no training."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.layers import Layer

from experiment.config import OwnModel
from experiment.errors import ThawError
from trainer_module.networks.cut_points import cuts_of
from trainer_module.networks.own_model_file import in_a_line, load_file

Parts = tuple[keras.KerasTensor, list[str], list[tuple[str, ...]]]
"""As architectures._Parts."""

MODES = {"0..1": "unit", "-1..1": "tf", "torch": "torch", "caffe": "caffe"}
"""By the setting `scale`: what keras.applications.imagenet_utils.preprocess_input calls it."""
PREFIX = "thaw_"
"""Begins the names of layers that Thaw adds, so that they are no name of the model's."""
AUGMENTATIONS = (
    keras.layers.RandomBrightness, keras.layers.RandomContrast, keras.layers.RandomFlip, keras.layers.RandomRotation,
    keras.layers.RandomTranslation, keras.layers.RandomZoom, keras.layers.GaussianNoise,
)  # fmt: skip
"""They do nothing but in training, where Thaw has its own copies: left out."""
AFTER_CLASSES = (
    keras.layers.Activation, keras.layers.Softmax, keras.layers.Dropout, keras.layers.Reshape, keras.layers.Flatten,
)  # fmt: skip
"""What may stand between a classification layer and a model's output."""
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
    flat = _Flattening(str(settings.model)).of(whole)
    features = _features(flat, settings)
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


class _Flattening:
    """Makes a model anew, of layers alone: models within it become their layers, augmentation is left out.

    A Normalization's mean and variance become settings of the layer, as they belong to the input and are never trained.
    """

    def __init__(self, name: str):
        self._name = name
        self._pairs: list[tuple[Layer, Layer]] = []
        self._used: set[int] = set()
        self._names: set[str] = set()

    def of(self, model: keras.Model) -> keras.Model:
        """The flat model, with the weights of `model`.

        Raises:
          ThawError: a layer is used twice, or can't be made anew.
        """
        inputs = keras.Input(model.inputs[0].shape[1:], dtype=model.inputs[0].dtype)
        flat = keras.Model(inputs, self._run(model, inputs))
        for old, new in self._pairs:
            new.set_weights(old.get_weights())
        # What was frozen when the file was saved is not what a cell freezes: every layer can be trained, those within
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
        if id(layer) in self._used:
            raise ThawError(f"{self._name}: the layer {layer.name} is used more than once, so that it can't be frozen "
                            "at one place. Give a model whose layers are used once.")  # fmt: skip
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

    def _free_name(self, name: str) -> str:
        """The name, with a number where a layer of another of the models has it: laid flat, they must differ."""
        numbered = (f"{name}_{number}" for number in itertools.count(2))
        free = next(one for one in itertools.chain([name], numbered) if one not in self._names)
        self._names.add(free)
        return free

    def _call(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, AUGMENTATIONS):
            return args[0]
        kwargs.pop("training", None)  # whether it trains is Thaw's to say
        if isinstance(layer, keras.Model):
            return self._run(layer, args[0])
        return layer(*args, **kwargs)


def _features(model: keras.Model, settings: OwnModel) -> keras.KerasTensor:
    """Output of own.features; else what the classification layer takes where the model ends with one; else its output.

    Raises:
      ThawError: the model has no such layer, or ends with class probabilities of an unknown layer.
    """
    if settings.features:
        named = {layer.name: layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)}
        if settings.features not in named:
            raise ThawError(f"{settings.model} has no layer {settings.features!r} (own.features). Its last ones are "
                            f"{list(named)[-8:]}.")  # fmt: skip
        return named[settings.features].output
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
        raise ThawError(f"{settings.model} ends with class probabilities, and the layer {last.name} "
                        f"({type(last).__name__}) before them is not one that Thaw knows (Dense, or a 1 x 1 "
                        "convolution). Name the layer whose output is to be classified as own.features.")  # fmt: skip
    return model.outputs[0]


def _last_layer(output: keras.KerasTensor) -> tuple[Any, bool]:
    """The last operation that does more than reshape or activate, and whether class probabilities come after it."""
    operation, probabilities = output._keras_history.operation, False
    while isinstance(operation, AFTER_CLASSES):
        function = getattr(operation, "activation", None)
        probabilities |= isinstance(operation, keras.layers.Softmax)
        probabilities |= function in (keras.activations.softmax, keras.activations.sigmoid)
        operation = operation.input._keras_history.operation
    # Class scores of every place, then their mean: only probabilities tell them from features.
    below = (
        operation.input._keras_history.operation if isinstance(operation, keras.layers.GlobalAveragePooling2D) else None
    )
    while below is not None and isinstance(below, keras.layers.Activation | keras.layers.ReLU):
        below = below.input._keras_history.operation
    return (below, True) if probabilities and below is not None and _is_pointwise(below) else (operation, probabilities)


def _is_pointwise(layer: Any) -> bool:
    return isinstance(layer, keras.layers.Conv2D) and tuple(layer.kernel_size) == (1, 1)


def _problems(model: keras.Model) -> Iterator[str]:
    """Why the flat model can't be taken, in words."""
    for layer in model.layers:
        if layer.name == "head" or layer.name.startswith(PREFIX):
            yield f"a layer is called {layer.name}, as one of Thaw's own. Give it another name."
        # Variables that are no weights are states of random numbers.
        if len(layer.variables) > len(layer.weights) and not isinstance(layer, keras.layers.Dropout):
            yield f"the layer {layer.name} draws random numbers, which Thaw can't repeat. Leave it out."
        if layer.compute_dtype != "float32" and not isinstance(layer, keras.layers.InputLayer):
            yield (f"the layer {layer.name} computes in {layer.compute_dtype}. Expected float32: build the model under "
                   "keras.config.set_dtype_policy('float32'), set its weights, and save it again.")  # fmt: skip
        if not all(np.isfinite(weight.numpy()).all() for weight in layer.weights):
            yield f"weights of the layer {layer.name} are no finite numbers. Give another file."
