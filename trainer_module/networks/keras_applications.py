"""Networks of keras.applications with their weights. Imports only experiment."""

from __future__ import annotations

import re
from collections import Counter

import keras

from experiment.backbones import FAMILIES, Backbone
from experiment.errors import ThawError
from trainer_module.networks.keras_file import in_a_line

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STDDEV = (0.229, 0.224, 0.225)
"""Of red, green and blue, 1 being white."""


def family_model(backbone: Backbone) -> keras.Model:
    """The family's network without its classification layer; with random weights if the backbone has no file.

    Its layers have the same names in every process: names that Keras numbers across all models of a process start again
    at the first number.

    Raises:
      ThawError: the family does not take images of that size.
    """
    assert backbone.family is not None
    family, side = FAMILIES[backbone.family], backbone.side_px
    width = {"alpha": backbone.width} if family.takes_alpha else {}
    build = getattr(keras.applications, backbone.family)
    try:
        model = build(input_shape=(side, side, 3), include_top=False, weights=None, **width)
    except ValueError as error:
        raise ThawError(f"{backbone.family} does not take images of {side} pixels ({in_a_line(error)}). Give another "
                        "image_size_px; images are resized to it.") from error  # fmt: skip
    _number_anew(model)
    if backbone.weights is not None:
        model.load_weights(str(backbone.weights))
    if backbone.family.startswith("EfficientNetB"):
        # Keras's files hold the deviation as the variance, and Keras adds a layer that corrects it to its own weights.
        normalization = next(layer for layer in model.layers if isinstance(layer, keras.layers.Normalization))
        normalization.adapt_mean.assign(IMAGENET_MEAN)
        normalization.adapt_variance.assign([deviation**2 for deviation in IMAGENET_STDDEV])
    return model


def _number_anew(model: keras.Model) -> None:
    made = Counter[str]()
    for layer in model.layers:
        base = re.sub(r"_\d+$", "", layer.name)
        if base.replace("_", "") == type(layer).__name__.lower():  # as Keras names a layer without a name
            made[base] += 1
            layer.name = f"{base}_{made[base]}"
