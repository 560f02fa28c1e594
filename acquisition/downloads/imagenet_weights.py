"""Finds, fetches and checks MobileNetV2's ImageNet weights. Imports TensorFlow lazily, no component."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from acquisition.downloads.download import download
from experiment.errors import ThawError

BASE_URL = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/"
_ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
"""Those that Keras offers weights for."""

_Layer = tuple[str, list[tuple[int, ...]]]
"""A layer's name and the shapes of its weights."""


def locate_weights(
    explicit: Path | None,
    alpha: float,
    *,
    project_root: Path,
    keras_home: Path,
    say: Callable[[str], None],
    allow_download: bool = True,
    base_url: str = BASE_URL,
    download_timeout_s: float = 5.0,
) -> Path | None:
    """Finds weights without the classification layer, and says which were taken.

    Looked for in this order: the explicit path; `../shared/data/weights` from the project's root; Keras's
    cache; Keras's own download, which is put into that cache.

    Args:
      explicit: a file given by the user.
      alpha: MobileNetV2's width multiplier.
      project_root: the project's root folder.
      keras_home: Keras's folder, usually `~/.keras`.
      say: told in one line what was taken, or why nothing was.
      allow_download: false: look no further than this machine.
      base_url, download_timeout_s: where Keras keeps its weights, and how long to wait for an answer.

    Returns:
      The file, not yet checked (see `check_weights`); None where no place has it.

    Raises:
      ThawError: the explicit path is no file.
    """
    if explicit is not None:
        if not explicit.is_file():
            raise ThawError(f"The weights file {explicit} (mobilenet_v2.weights) does not exist. Give an .h5 "
                            "file of MobileNetV2 without its top, or leave the setting out.")  # fmt: skip
        return _taken(explicit, "given explicitly", say)
    width = str(float(alpha))  # as Keras writes it in its file names
    shared = project_root.resolve().parent / "shared" / "data" / "weights"
    rebuilt = shared / f"mobilenet_v2_{width}_224_no_top_rebuilt.h5"
    if rebuilt.is_file():
        return _taken(rebuilt, "shared data", say)
    name = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{width}_224_no_top.h5"
    cached = keras_home / "models" / name
    if cached.is_file():
        return _taken(cached, "Keras's cache", say)
    reason = f"not in {shared} nor in {cached.parent}"
    if allow_download and float(alpha) in _ALPHAS:
        try:
            download(base_url + name, cached, timeout_s=download_timeout_s)
            return _taken(cached, "downloaded from Keras", say)
        except (ThawError, OSError) as error:
            reason += f"; {error}"
    elif allow_download:
        reason += f"; Keras offers alpha {', '.join(map(str, _ALPHAS))} only"
    say(f"ImageNet weights: MISSING for MobileNetV2 with alpha {width}: {reason}")
    return None


def check_weights(path: Path, alpha: float) -> None:
    """Checks that a file fits MobileNetV2 without its top, layer by layer, as Keras will load it.

    Keras pairs the file's layers with the model's by their order; names only say which one differs.

    Raises:
      ThawError: the file is missing, not HDF5, not in the layout that Keras loads, holds weights that are no finite
        numbers, or its layers have other shapes than the model's; the message names the first layer that differs.
    """
    advice = f"Expected MobileNetV2's weights without its top, alpha {float(alpha)}; give another file."
    if path.suffix not in (".h5", ".hdf5") or path.name.endswith(".weights.h5"):
        raise ThawError(f"{path} should be named *.h5, and not *.weights.h5, to be loaded by Keras. {advice}")
    found = _layers_of_file(path, advice)
    expected = _layers_of_model(alpha)
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
        raise ThawError(f"{path}: layer {broken[0]} holds weights that are no finite numbers. {advice}")
    return [layer for layer in layers if layer[1]]


def _shapes(group: Any) -> list[tuple[int, ...]]:
    return [tuple(group[_text(name)].shape) for name in group.attrs["weight_names"]]


def _is_finite(group: Any) -> bool:
    import numpy as np

    return all(np.isfinite(group[_text(name)][()]).all() for name in group.attrs["weight_names"])


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name


@functools.cache  # building the model takes seconds
def _layers_of_model(alpha: float) -> list[_Layer]:
    import keras

    # The shapes of a convolution don't depend on the size of the images: the smallest builds fastest.
    model = keras.applications.MobileNetV2((32, 32, 3), alpha=alpha, include_top=False, weights=None)
    return [(layer.name, [tuple(w.shape) for w in layer.weights]) for layer in model.layers if layer.weights]
