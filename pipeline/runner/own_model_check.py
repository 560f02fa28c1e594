"""Looks at a Keras model of the user's own before a run: is it there, does it fit, where can it be cut. No TFX."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from experiment.config import ExperimentConfig, MobileNet, OwnModel
from experiment.errors import ThawError, expanded

SIDES = (96, 224)
"""Sides in pixels to try where a model of no size of its own does not take smaller images."""


def with_own_model(config: ExperimentConfig) -> ExperimentConfig:
    """The configuration with what the file says of itself: place, hash, cost and number of parts.

    Raises:
      ThawError: as looked_at; the file is not the one of the configuration's `sha256`, or has fewer parts than are to
        be frozen.
    """
    own = config.own
    if "own" not in config.architectures or own is None:
        return config
    found = looked_at(own, config.data.image_shape)
    if own.sha256 and own.sha256 != found.sha256:
        raise ThawError(f"{own.model} is another file than the one that the configuration was written for: its SHA-256 "
                        f"is {found.sha256}, expected {own.sha256}. Give that file as own.model, or leave own.sha256 "
                        "out.")  # fmt: skip
    beyond = [count for count in config.freeze_counts["own"] if count > found.parts]
    if beyond:
        raise ThawError(f"freeze_counts.own asks for {beyond}; {own.model} can be cut into {found.parts} parts, so 0 "
                        f"to {found.parts} can be frozen.")  # fmt: skip
    return config.model_copy(update={"own": found})


def looked_at(own: OwnModel, image_shape: Sequence[int]) -> OwnModel:
    """The settings with what the file says of itself.

    Args:
      own: where the model lies, and what it expects.
      image_shape: height, width, channels of the data.

    Raises:
      ThawError: the file is missing, can't be cut or does not take the images.
    """
    path = expanded(own.model).absolute()
    if not path.is_file():
        raise ThawError(f"The model {path} (own.model) does not exist. Give a .keras file, as model.save writes it.")
    from trainer_module.networks.architectures import build_network

    own = own.model_copy(update={"model": path})
    network = build_network("own", image_shape, 2, MobileNet(), own)
    return own.model_copy(
        update={
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "mflop": round(2e-6 * network.multiply_adds[0], 3),
            "parts": network.max_freeze_count,
        }
    )


def fitted(own: OwnModel, image_shape: Sequence[int], side: int) -> OwnModel:
    """As looked_at, with a size chosen where the model has none of its own.

    Args:
      own, image_shape: as in looked_at.
      side: pixels of the smallest square to try.

    Raises:
      ThawError: as looked_at.
    """
    from trainer_module.networks.own_model import read_model

    looked_at_first = own.model_copy(update={"model": expanded(own.model).absolute()})
    if not looked_at_first.model.is_file() or None not in read_model(looked_at_first).input.shape[1:3]:
        return looked_at(own, image_shape)
    for wider in (side, *SIDES[:-1]):
        try:
            return looked_at(own.model_copy(update={"image_size_px": wider}), image_shape)
        except ThawError:
            continue
    return looked_at(own.model_copy(update={"image_size_px": SIDES[-1]}), image_shape)
