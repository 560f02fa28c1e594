"""preprocessing_fn of the Transform node: encoded images to uint8 pixels, labels, slices. Imports image_decoding."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from experiment import features
from trainer_module.data.image_decoding import decoded_and_serialized, dense, ids_or_digests, image_bands


def preprocessing_fn(inputs: dict[str, Any], custom_config: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Turns raw records into what every later step reads; needs no pass over the data.

    Args:
      inputs: the raw features by name: encoded image (string), label (int64), id (string, may be absent).
      custom_config: `image_key`, `label_key`, `id_key`, `val_key`, `group_key`, `image_shape` (height, width,
        channels) and `resize`.

    Returns:
      IMAGE: string [batch], a serialized uint8 tensor of image_shape whose last height * width * channels bytes are the
        pixels; LABEL: int64 [batch]; ID: string [batch]; BRIGHTNESS and CONTRAST: string [batch]; VAL: int64 [batch],
        if there is a `val_key`; GROUP: string [batch], if there is a `group_key`.
    """
    encoded = dense(inputs[custom_config["image_key"]])  # [batch]
    height, width, channels = custom_config["image_shape"]
    # [batch, height, width, channels] and [batch]
    images, serialized = decoded_and_serialized(encoded, (height, width, channels), custom_config["resize"])
    brightness, contrast = image_bands(images)
    val_key, group_key = custom_config.get("val_key"), custom_config.get("group_key")
    return {
        features.IMAGE: serialized,
        features.LABEL: dense(inputs[custom_config["label_key"]]),
        features.ID: ids_or_digests(inputs.get(custom_config["id_key"]), encoded),
        features.BRIGHTNESS: brightness,
        features.CONTRAST: contrast,
        **({features.VAL: dense(inputs[val_key])} if val_key else {}),
        **({features.GROUP: dense(inputs[group_key])} if group_key else {}),
    }
