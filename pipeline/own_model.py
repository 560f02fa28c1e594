"""Looks at a Keras model of the user's own before a run: is it there, does it fit, where can it be cut. No TFX."""

from __future__ import annotations

import hashlib

from pipeline.config import ExperimentConfig
from pipeline.errors import ThawError


def with_own_model(config: ExperimentConfig) -> ExperimentConfig:
    """The configuration with what the file says of itself: place, hash, cost and number of parts.

    Raises:
      ThawError: the model is missing, can't be cut or does not take the images, or has fewer parts than are to be frozen.
    """
    if "own" not in config.architectures or config.own is None:
        return config
    path = config.own.model
    if not path.is_file():
        raise ThawError(f"The model {path} (own.model) does not exist. Give a .keras file, as model.save writes it.")
    from trainer_module.architectures import build_network

    network = build_network(
        "own", config.data.image_shape, len(config.target.classes), config.mobilenet_v2, config.own
    )  # fmt: skip
    beyond = [count for count in config.freeze_counts["own"] if count > network.max_freeze_count]
    if beyond:
        raise ThawError(f"freeze_counts.own asks for {beyond}; {path} can be cut into {network.max_freeze_count} parts, "
                        f"so 0 to {network.max_freeze_count} can be frozen.")  # fmt: skip
    found = {
        "model": path.absolute(), "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "mflop": 2e-6 * network.multiply_adds[0], "parts": network.max_freeze_count,
    }  # fmt: skip
    return config.model_copy(update={"own": config.own.model_copy(update=found)})
