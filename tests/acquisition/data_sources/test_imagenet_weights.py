"""The places of MobileNetV2's weights, and the files that are rejected. Uses only loopback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from acquisition.data_sources.base_folders import Places
from acquisition.data_sources.imagenet_weights import check_weights, locate_weights
from experiment.backbones import Backbone
from experiment.errors import ThawError

NAME = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"
REBUILT = "mobilenet_v2_0.35_224_no_top_rebuilt.h5"
MOBILENET = Backbone(family="MobileNetV2", alpha=0.35)
REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "weights"


@pytest.fixture
def locate(tmp_path: Path, said: list[str]) -> Callable[..., Path | None]:
    def call(explicit: Path | None = None, alpha: float = 0.35, **settings: Any) -> Path | None:
        offline: dict[str, Any] = {"base_url": "http://127.0.0.1:9/", "download_timeout_s": 60.0}
        return locate_weights(
            "mobilenet_v2",
            Backbone(family="MobileNetV2", alpha=alpha, weights=explicit),
            Places(tmp_path / "shared" / "data", tmp_path / "cache", tmp_path / "tfds", tmp_path / "keras"),
            say=said.append,
            **offline | settings,
        )

    return call


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"weights")
    return path


def test_each_place_wins_over_those_after_it(tmp_path: Path, locate: Any, said: list[str]) -> None:
    explicit = touch(tmp_path / "mine.h5")
    shared = touch(tmp_path / "shared" / "data" / "weights" / REBUILT)
    cached = touch(tmp_path / "keras" / "models" / NAME)
    assert locate(explicit) == explicit
    assert locate() == shared
    shared.unlink()
    assert locate() == cached
    assert said == [
        f"ImageNet weights: {explicit} (given explicitly)",
        f"ImageNet weights: {shared} (shared data; rebuilt, not bit-equal to Keras's file)",
        f"ImageNet weights: {cached} (Keras's cache)",
    ]


def test_another_alpha_is_another_file(tmp_path: Path, locate: Any) -> None:
    touch(tmp_path / "keras" / "models" / NAME)
    assert locate(alpha=1.0, allow_download=False) is None
    whole = touch(tmp_path / "keras" / "models" / NAME.replace("0.35", "1.0"))
    assert locate(alpha=1) == whole


def test_another_family_is_looked_for_in_kerass_cache_alone(tmp_path: Path, said: list[str]) -> None:
    places = Places(*(tmp_path / name for name in ("shared", "cache", "tfds", "keras")))
    family = Backbone(family="EfficientNetB0")
    assert locate_weights("b0", family, places, say=said.append) is None
    assert "MISSING for EfficientNetB0, 224 pixels: efficientnetb0_notop.h5 is not in" in said[0]
    cached = touch(tmp_path / "keras" / "models" / "efficientnetb0_notop.h5")
    assert locate_weights("b0", family, places, say=said.append) == cached


def test_a_missing_explicit_file_is_an_error_though_others_are_there(tmp_path: Path, locate: Any) -> None:
    touch(tmp_path / "keras" / "models" / NAME)
    with pytest.raises(ThawError, match=r"typo\.h5 \(backbones\.mobilenet_v2\.weights\) does not exist"):
        locate(tmp_path / "typo.h5")


def test_a_download_lands_in_kerass_cache(tmp_path: Path, locate: Any, site: Any, said: list[str]) -> None:
    site.content = b"weights from Keras"
    path = locate(base_url=site.url + "/")
    assert path == tmp_path / "keras" / "models" / NAME
    assert path.read_bytes() == site.content
    assert said == [f"ImageNet weights: {path} (downloaded from Keras)"]


def test_offline_there_are_none_and_it_is_said_loudly(tmp_path: Path, locate: Any, said: list[str]) -> None:
    assert locate() is None
    assert len(said) == 1
    assert said[0].startswith("ImageNet weights: MISSING for MobileNetV2, alpha 0.35, 224 pixels: mobilenet_v2_weights")
    assert "can't be downloaded" in said[0]


def test_a_download_may_be_forbidden(locate: Any, site: Any) -> None:
    assert locate(base_url=site.url + "/", allow_download=False) is None
    assert site.asked == []


def test_an_alpha_without_weights_is_said_to_have_none(locate: Any, site: Any, said: list[str]) -> None:
    assert locate(alpha=0.6, base_url=site.url + "/") is None
    assert site.asked == []
    assert "Keras offers alpha 0.35, 0.5, 0.75, 1.0, 1.3, 1.4 only" in said[0]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of random weights in the layout of Keras's own files."""
    path = tmp_path_factory.mktemp("weights") / "sound.h5"
    model = keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, include_top=False, weights=None)
    layers = [layer for layer in model.layers if layer.weights]
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in layers]
        for layer in layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{weight.name}:0" for weight in layer.weights]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, weight in zip(names, layer.weights, strict=True):
                group.create_dataset(name, data=np.asarray(weight))
    return path


def copied(sound: Path, folder: Path) -> Path:
    path = folder / "copy.h5"
    path.write_bytes(sound.read_bytes())
    return path


@pytest.mark.slow  # builds MobileNetV2
def test_what_passes_is_loaded_by_keras(sound: Path) -> None:
    check_weights(sound, MOBILENET)
    keras.applications.MobileNetV2((64, 64, 3), alpha=0.35, include_top=False, weights=str(sound))


def test_the_weights_of_a_whole_saved_model_pass(sound: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as whole, h5py.File(sound) as file:
        group = whole.create_group("model_weights")
        for name in file:
            file.copy(name, group)
        group.attrs["layer_names"] = file.attrs["layer_names"]
    check_weights(path, MOBILENET)


@pytest.mark.slow  # builds MobileNetV2
def test_another_alpha_names_the_first_layer_that_differs(sound: Path) -> None:
    expected = r"layer Conv1 should have weights of shapes \[\(3, 3, 3, 32\)\]; the file has \[\(3, 3, 3, 16\)\]"
    with pytest.raises(ThawError, match=expected):
        check_weights(sound, Backbone(family="MobileNetV2"))


def test_one_weight_of_another_shape_is_named(sound: Path, tmp_path: Path) -> None:
    path = copied(sound, tmp_path)
    with h5py.File(path, "a") as file:
        group = file["block_3_project"]
        name = group.attrs["weight_names"][0]
        del group[name]
        group.create_dataset(name, data=np.zeros((1, 1, 2, 2)))
    with pytest.raises(ThawError, match=r"layer block_3_project should .*file has \[\(1, 1, 2, 2\)\]"):
        check_weights(path, MOBILENET)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_named(sound: Path, tmp_path: Path, value: float) -> None:
    path = copied(sound, tmp_path)
    with h5py.File(path, "a") as file:
        group = file["block_3_project"]
        group[group.attrs["weight_names"][0]][0, 0, 0, 0] = value
    with pytest.raises(ThawError, match="layer block_3_project has weights that are not finite"):
        check_weights(path, MOBILENET)


def test_weights_with_their_top_are_refused(sound: Path, tmp_path: Path) -> None:
    path = copied(sound, tmp_path)
    with h5py.File(path, "a") as file:
        group = file.create_group("predictions")
        group.create_dataset("kernel", data=np.zeros((1280, 1000)))
        group.attrs["weight_names"] = [b"kernel"]
        file.attrs["layer_names"] = [*(name.encode() for name in file.attrs["layer_names"]), b"predictions"]
    with pytest.raises(ThawError, match=r"105 layers .* instead of 104; the first one it has besides .*predictions"):
        check_weights(path, MOBILENET)


def test_a_lacking_layer_is_named(sound: Path, tmp_path: Path) -> None:
    path = copied(sound, tmp_path)
    with h5py.File(path, "a") as file:
        file.attrs["layer_names"] = file.attrs["layer_names"][:-1]
    with pytest.raises(ThawError, match=r"103 layers .* instead of 104; the first one it lacks is Conv_1_bn"):
        check_weights(path, MOBILENET)


@pytest.mark.parametrize("content", [b"", b"not HDF5 at all"])
def test_what_is_not_hdf5_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "text.h5"
    path.write_bytes(content)
    with pytest.raises(ThawError, match=r"text\.h5 can't be read as HDF5"):
        check_weights(path, MOBILENET)


def test_a_truncated_file_is_named(sound: Path, tmp_path: Path) -> None:
    path = copied(sound, tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ThawError, match=r"copy\.h5 can't be read as HDF5"):
        check_weights(path, MOBILENET)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ThawError, match=r"gone\.h5 can't be read as HDF5"):
        check_weights(tmp_path / "gone.h5", MOBILENET)


@pytest.mark.parametrize("names", [None, [b"conv"]])
def test_hdf5_of_something_else_is_named(tmp_path: Path, names: list[bytes] | None) -> None:
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("measurements", data=np.zeros(3))
        if names:
            file.attrs["layer_names"] = names
    with pytest.raises(ThawError, match=r"other\.h5 is HDF5, but not laid out as Keras's weights"):
        check_weights(path, MOBILENET)


@pytest.mark.parametrize(
    ("name", "more"), [("sound.weights.h5", False), ("sound.bin", False), ("sound.keras", True)]
)  # fmt: skip
def test_a_name_that_keras_would_not_load_is_refused(sound: Path, tmp_path: Path, name: str, more: bool) -> None:
    path = tmp_path / name
    path.write_bytes(sound.read_bytes())
    with pytest.raises(ThawError, match=r"should be named \*\.h5, and not \*\.weights\.h5") as caught:
        check_weights(path, MOBILENET)
    assert ("whole model goes under backbones.<name>.model" in str(caught.value)) is more


@pytest.mark.skipif(not REAL.is_dir(), reason="the shared weights are not on this machine")
@pytest.mark.parametrize("alpha", [0.35, 1.0])
def test_the_shared_weights_fit(alpha: float, said: list[str], tmp_path: Path) -> None:
    backbone = Backbone(family="MobileNetV2", alpha=alpha)
    path = locate_weights("mobilenet_v2", backbone, Places(REAL.parent, tmp_path, tmp_path, tmp_path), say=said.append)
    assert path is not None
    check_weights(path, backbone)
