"""Finds, fetches and checks the ImageNet weights of families. Imports TensorFlow lazily, no component."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from acquisition.data_sources.base_folders import Places
from acquisition.data_sources.download import download
from experiment.backbones import FAMILIES, Backbone
from experiment.errors import ThawError

BASE_URL = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/"
_ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
"""Widths for which Keras offers weights of MobileNetV2."""

_Layer = tuple[str, list[tuple[int, ...]]]
"""A layer's name and the shapes of its weights."""


def locate_weights(
    name: str,
    backbone: Backbone,
    places: Places,
    *,
    say: Callable[[str], None],
    allow_download: bool = True,
    base_url: str = BASE_URL,
    download_timeout_s: float = 5.0,
) -> Path | None:
    """Finds a family's weights without the classification layer, and reports which file it takes.

    The order of places: the backbone's own path; for MobileNetV2 `../shared/data/weights` from the project's root;
    Keras's cache; for MobileNetV2 Keras's own download, which is put into that cache.

    Args:
      name: of the backbone.
      backbone: of a family.
      places: where to look.
      say: called with one line: the file that is used, or why no file was found.
      allow_download: false: look no further than this machine.
      base_url, download_timeout_s: where Keras keeps its weights, and how long to wait for an answer.

    Returns:
      The file, not yet checked (see `check_weights`); none if no place has it.

    Raises:
      ThawError: the backbone's own path is not a file.
    """
    if (explicit := backbone.weights) is not None:
        if not explicit.is_file():
            raise ThawError(f"The weights file {explicit} (backbones.{name}.weights) does not exist. Give an .h5 "
                            f"file of {backbone.family} without its top, or leave the setting out.")  # fmt: skip
        return _taken(explicit, "given explicitly", say)
    rebuilt = places.shared / "weights" / f"mobilenet_v2_{backbone.width}_224_no_top_rebuilt.h5"
    if backbone.is_mobilenet_v2 and rebuilt.is_file():
        return _taken(rebuilt, "shared data", say)
    cached = places.keras / "models" / backbone.keras_weights
    if cached.is_file():
        return _taken(cached, "Keras's cache", say)
    reason = f"{cached.name} is not in {cached.parent}"
    if is_downloaded(backbone) and allow_download:
        try:
            download(base_url + cached.name, cached, timeout_s=download_timeout_s)
            return _taken(cached, "downloaded from Keras", say)
        except (ThawError, OSError) as error:
            reason += f"; {error}"
    elif backbone.is_mobilenet_v2 and allow_download:
        reason += f"; Keras offers alpha {', '.join(map(str, _ALPHAS))} only"
    say(f"ImageNet weights: MISSING for {backbone.in_words}: {reason}")
    return None


def is_downloaded(backbone: Backbone) -> bool:
    """Whether locate_weights downloads the weights of this family if no place has them."""
    return backbone.is_mobilenet_v2 and backbone.width in _ALPHAS


def check_weights(path: Path, backbone: Backbone) -> None:
    """Checks that a file fits a family without its top, layer by layer, as Keras will load it.

    Keras pairs the file's layers with the model's by their order; names are used only in messages.

    Raises:
      ThawError: the file is missing, not HDF5, not in the layout that Keras loads, holds weights that are not finite,
        or its layers' shapes differ from the model's; the message names the first layer that differs.
    """
    family = backbone.family or ""
    width = f", alpha {backbone.width}" if FAMILIES[family].takes_alpha else ""
    advice = f"Expected {family}'s weights without its top{width}; give another file."
    if path.suffix not in (".h5", ".hdf5") or path.name.endswith(".weights.h5"):
        whole = " A .keras file of a whole model goes under backbones.<name>.model." if path.suffix == ".keras" else ""
        raise ThawError(f"{path} should be named *.h5, and not *.weights.h5, to be loaded by Keras. {advice}{whole}")
    found = _layers_of_file(path, advice)
    expected = _layers_of_family(family, backbone.width)
    for (name, shapes), (found_name, found_shapes) in zip(expected, found, strict=False):
        if shapes != found_shapes:
            raise ThawError(f"{path}: layer {name} should have weights of shapes {shapes}; the file has "
                            f"{found_shapes} ({found_name}). {advice}")  # fmt: skip
    if len(found) != len(expected):
        which = "lacks" if len(found) < len(expected) else "has besides them"
        first = max(found, expected, key=len)[min(len(found), len(expected))]
        raise ThawError(f"{path}: {len(found)} layers with weights instead of {len(expected)}; the first one "
                        f"it {which} is {first[0]}, with shapes {first[1]}. {advice}")  # fmt: skip


def _taken(path: Path, origin: str, say: Callable[[str], None]) -> Path:
    caveat = "; rebuilt, not bit-equal to Keras's file" if "rebuilt" in path.name else ""
    say(f"ImageNet weights: {path} ({origin}{caveat})")
    return path


def _layers_of_file(path: Path, advice: str) -> list[_Layer]:
    import h5py

    try:
        with h5py.File(path) as file:
            group = file if "layer_names" in file.attrs else file.get("model_weights", file)
            names = [_text(name) for name in group.attrs["layer_names"]]
            layers = [(name, _shapes(group[name])) for name in names]
            broken = [name for name in names if not _is_finite(group[name])]
    except OSError as error:
        raise ThawError(f"{path} can't be read as HDF5 ({error}). {advice}") from error
    except KeyError as error:
        raise ThawError(f"{path} is HDF5, but not laid out as Keras's weights ({error}). {advice}") from error
    if broken:
        raise ThawError(f"{path}: layer {broken[0]} has weights that are not finite. {advice}")
    return [layer for layer in layers if layer[1]]


def _shapes(group: Any) -> list[tuple[int, ...]]:
    return [tuple(group[_text(name)].shape) for name in group.attrs["weight_names"]]


def _is_finite(group: Any) -> bool:
    import numpy as np

    return all(np.isfinite(group[_text(name)][()]).all() for name in group.attrs["weight_names"])


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name


@functools.cache  # building the model takes seconds
def _layers_of_family(family: str, width: float) -> list[_Layer]:
    import keras

    widths = {"alpha": width} if FAMILIES[family].takes_alpha else {}
    side = FAMILIES[family].image_size_px
    build = getattr(keras.applications, family)
    model = build(input_shape=(side, side, 3), include_top=False, weights=None, **widths)
    return [(layer.name, [tuple(w.shape) for w in layer.weights]) for layer in model.layers if layer.weights]
