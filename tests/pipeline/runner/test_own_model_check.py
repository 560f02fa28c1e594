"""A model of the user's own before a run: found, counted, fitted, refused. Builds small Keras models."""

import hashlib
from pathlib import Path

import keras
import pytest

from experiment.config import OwnModel
from experiment.errors import ThawError
from experiment.loading import PRESETS, load_config
from pipeline.runner.own_model_check import fitted, looked_at, with_own_model

QUICK = PRESETS / "quick.yaml"
OWN = ("sources={net: {}}", "transfers=[{source: net, architecture: own}]", "freeze_counts={own: [0, 2]}")


@pytest.fixture
def saved(tmp_path):
    """A function that saves a model of so many convolutions, each halving its image, and returns its file."""

    def saved(convolutions=2, side=32):
        layers = [keras.layers.Conv2D(4, 3, strides=2) for _ in range(convolutions)]
        keras.Sequential([keras.Input((side, side, 3)), keras.layers.Rescaling(1 / 255), *layers]).save(
            tmp_path / "net.keras"
        )
        return tmp_path / "net.keras"

    return saved


def config(path, *changes):
    return load_config(QUICK, (f"own.model={path}", *OWN, *changes))


def test_what_the_file_says_of_itself_is_filled_in(saved, monkeypatch):
    path = saved()
    monkeypatch.chdir(path.parent)
    own = with_own_model(config("net.keras")).own
    assert (own.model, own.parts, own.sha256) == (path, 2, hashlib.sha256(path.read_bytes()).hexdigest())
    # 15 x 15 places of 4 kernels of 3 x 3 x 3, then 7 x 7 of 4 of 3 x 3 x 4; a multiplication and an addition each.
    assert own.mflop == pytest.approx(2e-6 * (15**2 * 4 * 27 + 7**2 * 4 * 36), rel=0.02)


def test_without_a_model_of_ones_own_nothing_is_looked_for():
    quick = load_config(QUICK)
    assert with_own_model(quick) is quick


def test_a_file_that_is_missing_or_another_or_has_fewer_parts_is_refused(saved, tmp_path):
    with pytest.raises(ThawError, match="does not exist"):
        with_own_model(config(tmp_path / "none.keras"))
    path = saved()
    with pytest.raises(ThawError, match=r"is another file .* expected abc"):
        with_own_model(config(path, "own.sha256=abc"))
    with pytest.raises(ThawError, match=r"asks for \[3\]; .* can be cut into 2 parts, so 0 to 2"):
        with_own_model(config(path, "freeze_counts={own: [0, 3]}"))


def test_images_are_enlarged_only_where_a_model_without_a_size_does_not_take_them(saved):
    assert fitted(OwnModel(model=saved(2, None)), (32, 32, 3), 32).image_size_px == 32
    deep = OwnModel(model=saved(6, None))  # takes 127 pixels and more
    with pytest.raises(ThawError, match="does not take images"):
        looked_at(deep, (32, 32, 3))
    assert fitted(deep, (32, 32, 3), 32).image_size_px == 224
    assert fitted(OwnModel(model=saved(2, 40)), (32, 32, 3), 32).image_size_px is None
    with pytest.raises(ThawError, match="does not take images"):
        fitted(OwnModel(model=saved(8, None)), (32, 32, 3), 32)
    with pytest.raises(ThawError, match="does not exist"):
        fitted(OwnModel(model=Path("none.keras")), (32, 32, 3), 32)
