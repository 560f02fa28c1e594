"""The architectures as Keras models, and where each can be cut. Imports experiment, no training code."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence

import keras
import numpy as np
from keras.layers import Layer

from experiment.backbones import MAX_FREEZE_COUNT, MOST_SIDE_PX, Backbone
from experiment.domains import Architecture
from experiment.errors import ThawError
from experiment.stack import Precision
from trainer_module.networks.backbone import backbone_parts
from trainer_module.networks.cut_points import kernels_of
from trainer_module.networks.normalization import FusedBatchNormalization
from trainer_module.networks.precision import HEAD

_Parts = tuple[keras.KerasTensor, list[str], list[tuple[str, ...]]]
"""Features, the names of the cuts, and the names of the layers with weights, grouped by freezable layer."""

FILTERS = (32, 32, 64, 64, 128, 128)
DENSE_UNITS: dict[str, tuple[int, ...]] = {"original": (256, 128), "remastered": ()}
DROPOUT_RATES = (0.2, 0.3, 0.4)
"""One per pair of convolutions. The report's Table 1 gives the dropout layers without their rates."""

NORMALIZATION_MOMENTUM = 0.9
"""Share of the old moving statistics kept at each step. With Keras's 0.99 (MobileNetV2: 0.999) the statistics of a
network trained from scratch for tens of steps are still mostly their initial values; a weak baseline makes the gain
of every transfer look larger (docs/adr/0003-statistics-that-keep-up.md)."""


@dataclasses.dataclass(frozen=True)
class Network:
    """A backbone with its head, and the tensors at which it can be cut in two.

    Attributes:
      model: uint8 images [batch, height, width, channels] to float32 logits [batch, units].
      head: the classification layer, the model's last.
      cuts: name of the layer whose output is the input of the (k+1)th freezable layer, for k = 0, 1, ... Dropout at a
        cut belongs to the part above it, pooling and flattening of frozen output to the part below.
      freezable: the layers that own weights, grouped by freezable layer, input to output.
      precision: of a training step's activations and kernels; the model itself is float32 (networks.precision).
    """

    model: keras.Model
    head: keras.layers.Dense
    cuts: tuple[str, ...]
    freezable: tuple[tuple[Layer, ...], ...]
    precision: Precision = "float32"

    @property
    def max_freeze_count(self) -> int:
        return len(self.freezable)

    @functools.cached_property
    def backbone_layers(self) -> tuple[Layer, ...]:
        """All layers that own backbone weights, input to output."""
        return tuple(layer for group in self.freezable for layer in group)

    @property
    def weighted_layers(self) -> tuple[Layer, ...]:
        """All layers that own weights, the head last."""
        return (*self.backbone_layers, self.head)

    def segment(self, start: int, stop: int | None = None) -> keras.Model:
        """The part from cut `start` up to cut `stop` (None: up to the logits); it shares this network's layers.

        Cut 0 is the uint8 image itself, so `segment(0)` is the whole model.
        """
        inputs = self._tensor(start)
        outputs = self.model.output if stop is None else self._tensor(stop)
        return keras.Model(inputs, outputs)

    def segment_to_head(self, start: int) -> keras.Model | None:
        """The part from cut `start` up to the head's input, [batch, features]; None if there is no layer in between."""
        inputs = self._tensor(start)
        return None if inputs is self.head.input else keras.Model(inputs, self.head.input)

    @functools.cached_property
    def multiply_adds(self) -> tuple[int, ...]:
        """Multiply-adds of one image's forward pass above each cut, in layers with kernels and the head."""
        groups = [sum(_multiply_adds(layer) for layer in group) for group in (*self.freezable, (self.head,))]
        return tuple(sum(groups[start:]) for start in range(len(groups)))

    def frozen_layers(self, freeze_count: int, held_from: int = 0) -> tuple[Layer, ...]:
        """The layers with weights among the first `freeze_count` freezable ones, and from `held_from` on if not 0.

        Raises:
          ValueError: the network has fewer freezable layers, or none would be left between.
        """
        most = self.max_freeze_count
        if not 0 <= freeze_count <= most:
            raise ValueError(f"freeze_count must be 0 to {most}, got {freeze_count}")
        if held_from and not freeze_count < held_from < most:
            raise ValueError(f"held_from must be {freeze_count + 1} to {most - 1}, got {held_from}")
        groups = self.freezable[:freeze_count] + (self.freezable[held_from:] if held_from else ())
        return tuple(layer for group in groups for layer in group)

    def _tensor(self, cut: int) -> keras.KerasTensor:
        return self.model.get_layer(self.cuts[cut]).output


def build_network(
    architecture: Architecture, image_shape: Sequence[int], num_classes: int, backbone: Backbone | None = None,
    precision: Precision = "float32",
) -> Network:  # fmt: skip
    """Builds an architecture with fresh weights (callers set them: see freezing.initial_weights).

    Args:
      architecture: `original` (report, Table 1), `remastered` (Table 2), or a backbone's name.
      image_shape: height, width, channels of the uint8 input.
      num_classes: two give one logit, more give one logit for each class.
      backbone: of that name; none for the report's networks.
      precision: of training steps, kept in the network.

    Raises:
      KeyError: the architecture is neither of the report's networks, and there is no backbone.
      ThawError: a backbone that can't be cut or doesn't take the images.
    """
    images = keras.Input(tuple(image_shape), dtype="uint8", name="image")
    if backbone is None:
        features, cuts, freezable = _convolutional(images, DENSE_UNITS[architecture])
    elif backbone.is_mobilenet_v2:
        features, cuts, freezable = _mobilenet_v2(images, backbone)
    else:
        features, cuts, freezable = backbone_parts(images, backbone)
    head = keras.layers.Dense(logit_units(num_classes), name=HEAD)
    plain = keras.Model(images, head(features), name=architecture)
    model = keras.models.clone_model(plain, clone_function=_copied)
    layers = tuple(tuple(model.get_layer(name) for name in group) for group in freezable)
    network = Network(model, model.get_layer(head.name), tuple(cuts), layers, precision)
    assert network.max_freeze_count <= (backbone.most_frozen if backbone else MAX_FREEZE_COUNT[architecture])
    return network


def logit_units(num_classes: int) -> int:
    """Logits of the head: one for two classes (binary cross-entropy), else one for each class."""
    return 1 if num_classes == 2 else num_classes


def _convolutional(images: keras.KerasTensor, dense_units: Sequence[int]) -> _Parts:
    """Tables 1 and 2: three pairs of [convolution, ReLU, BatchNormalization], then dense layers if any."""
    layers = keras.layers
    cuts: list[str] = [images.name]
    freezable: list[tuple[str, ...]] = []
    x = layers.Rescaling(1 / 127.5, offset=-1, name="scale")(images)  # [batch, 32, 32, 3] in [-1, 1]
    if max(images.shape[1:3]) > MOST_SIDE_PX:
        height, width = (max(1, round(side * MOST_SIDE_PX / max(images.shape[1:3]))) for side in images.shape[1:3])
        x = layers.Resizing(height, width, interpolation="area", name="resize")(x)
    for index, filters in enumerate(FILTERS, start=1):
        convolution = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv_{index}")
        normalization = layers.BatchNormalization(name=f"norm_{index}")
        x = normalization(convolution(x))
        cut = normalization.name
        if index % 2 == 0:
            pool = layers.MaxPooling2D(2, name=f"pool_{index}")
            x = layers.Dropout(DROPOUT_RATES[index // 2 - 1], name=f"dropout_{index}")(pool(x))
            cut = pool.name
        freezable.append((convolution.name, normalization.name))
        cuts.append(cut)
    x = layers.Flatten(name="flatten")(x)  # [batch, 2048] for 32 x 32 images
    for index, units in enumerate(dense_units, start=1):
        dense = layers.Dense(units, activation="relu", name=f"dense_{index}")
        x = dense(x)
        freezable.append((dense.name,))
        cuts.append(dense.name)
    return x, cuts, freezable


def _mobilenet_v2(images: keras.KerasTensor, backbone: Backbone) -> _Parts:
    """MobileNetV2 in 18 freezable blocks: the stem with its first bottleneck, 16 bottlenecks, and Conv_1."""
    if images.shape[-1] != 3:
        raise ThawError(f"{backbone.in_words} takes images of 3 channels, and the data has {images.shape[-1]}. "
                        "Expected 3 channels; convert the images.")  # fmt: skip
    layers, size = keras.layers, backbone.side_px
    x = layers.Rescaling(1 / 127.5, offset=-1, name="scale")(images)
    if tuple(images.shape[1:3]) != (size, size):
        x = layers.Resizing(size, size, interpolation="bilinear", name="resize")(x)  # [batch, size, size, 3]
    base = keras.applications.MobileNetV2(input_tensor=x, alpha=backbone.width, include_top=False, weights=None)
    pooled = layers.GlobalAveragePooling2D(name="pool")
    features = pooled(base.output)  # [batch, 1280] for alpha 1
    cuts = [images.name, "expanded_conv_project_BN"]
    names = {layer.name for layer in base.layers}
    for block in range(1, 17):
        added = f"block_{block}_add"
        cuts.append(added if added in names else f"block_{block}_project_BN")
    cuts.append(pooled.name)
    return features, cuts, _weighted_layers_between(base.layers, cuts)


def _copied(layer: Layer) -> Layer:
    """A copy; a BatchNormalization gets NORMALIZATION_MOMENTUM, and is fused where possible."""
    settings, made = layer.get_config(), layer.__class__
    if isinstance(layer, keras.layers.BatchNormalization):
        fusible = layer.scale and layer.center and layer.axis in (-1, 3) and len(layer.input.shape) == 4
        made = FusedBatchNormalization if fusible else keras.layers.BatchNormalization
        settings["momentum"] = NORMALIZATION_MOMENTUM
    return made.from_config(settings)


def _multiply_adds(layer: Layer) -> int:
    """Multiply-adds for one image: the kernels' elements, times the positions or tokens that they are applied to."""
    transposed = isinstance(layer, keras.layers.Conv2DTranspose)
    tensor = layer.input if transposed else layer.output
    places = math.prod(size or 1 for size in tensor.shape[1:-1])
    return places * sum(math.prod(kernel.shape) for kernel in kernels_of(layer))


def _weighted_layers_between(ordered: Sequence[Layer], cuts: Sequence[str]) -> list[tuple[str, ...]]:
    """Groups the names of layers that own weights by the cut that follows them; the last group takes the rest."""
    groups: list[tuple[str, ...]] = []
    group: list[str] = []
    ends = list(cuts[1:-1])
    for layer in ordered:
        if layer.weights:
            group.append(layer.name)
        if ends and layer.name == ends[0]:
            groups.append(tuple(group))
            group, ends = [], ends[1:]
    return [*groups, tuple(group)]


def weight_counts(network: Network) -> list[int]:
    """Number of weights of each layer that owns any, input to output, the head last (as the report's tables list
    them)."""
    return [int(sum(np.prod(weight.shape) for weight in layer.weights)) for layer in network.weighted_layers]
