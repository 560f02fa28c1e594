"""Checks that a user's model scales pixels as its backbone's `scale` says. Imports networks, no training code."""

from __future__ import annotations

import keras
import numpy as np

from experiment.backbones import Backbone
from experiment.errors import ThawError
from trainer_module.networks.architectures import Network
from trainer_module.networks.backbone import PREFIX, SCALING

MOST_SPAN = 256.0
"""Smallest distance of black and white after a model's own scaling of grey levels: no model multiplies these."""
LEAST_SPAN = 1 / 8
"""The same if `scale` has reduced pixels to a span of about 1 first: a model's own /255 leaves 0.004 of it."""


def check_scale(network: Network, backbone: Backbone) -> None:
    """Rejects a model whose first layers scale pixels that are already scaled, or expect scaled pixels.

    Such a network runs, but is a useless source.

    Args:
      network: of the backbone, with its weights.
      backbone: a model.

    Raises:
      ThawError: the layers that the model begins with do not fit `scale`.
    """
    names, span = _own_span(network.model)
    if not names or not span.size:
        return
    described = f"{backbone.in_words} begins with {' and '.join(names)}"
    if backbone.scale is None and span.min() > MOST_SPAN:
        raise ThawError(
            f"{described}, which multiplies pixels by {span.min() / 255:.3g}, so it expects scaled pixels. Say how as "
            "the backbone's `scale`: 0..1, -1..1, torch or caffe; or 0..255 if it does take grey levels."
        )
    if backbone.pixels in ("0..1", "-1..1", "torch") and span.max() < LEAST_SPAN:
        raise ThawError(
            f"{described}, which scales pixels itself, and the backbone's `scale` ({backbone.scale}) scales them "
            f"first: the difference of black and white would only be {span.max():.2g}. Leave `scale` out."
        )


def _own_span(model: keras.Model) -> tuple[list[str], np.ndarray]:
    """The scaling layers that the user's model begins with, and the distance of black and white after them."""
    ours = (f"{PREFIX}scale", f"{PREFIX}resize")
    names: list[str] = []
    tensor = model.get_layer(ours[0]).output
    for layer in model.layers:
        if layer.name == ours[1]:
            tensor = layer.output
        elif isinstance(layer, SCALING) and layer.name not in ours and layer.input is tensor:
            names, tensor = [*names, layer.name], layer.output
    height, width, channels = model.input.shape[1:]
    levels = np.full((2, height, width, channels), 255, np.uint8)
    levels[0] = 0
    black, white = keras.Model(model.input, tensor).predict_on_batch(levels).astype(np.float64)
    return names, np.abs(white - black)
