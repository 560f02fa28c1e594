"""Before the DAG: weights that are missing, and free space. Builds no pipeline."""

import pytest

from experiment.errors import ThawError
from experiment.loading import PRESETS, load_config
from pipeline.runner import prepare


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A machine without weights, whose look-up of Keras's server fails at once."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(prepare, "locate_weights", _none_found)
    return tmp_path / "project"


def _none_found(explicit, alpha, places, *, say):
    say("ImageNet weights: none")


def test_a_transfer_without_weights_is_left_out_loudly(nowhere):
    said = []
    config, left_out, weights_hash = prepare.with_weights(load_config(PRESETS / "quick.yaml"), nowhere, said.append)
    assert [t.id for t in config.transfers] == ["cats_dogs__original", "ships_planes__original"]
    assert list(left_out) == ["imagenet__mobilenet_v2"] and weights_hash == ""
    assert any("LEFT OUT: imagenet__mobilenet_v2" in line for line in said)


def test_strict_makes_missing_weights_an_error(nowhere):
    with pytest.raises(ThawError, match=r"Give a file with --weights, or remove imagenet__mobilenet_v2"):
        prepare.with_weights(load_config(PRESETS / "quick.yaml", ("strict=true",)), nowhere, print)


def test_nothing_left_to_run_is_an_error_even_without_strict(nowhere):
    only = "transfers=[{source: imagenet, architecture: mobilenet_v2}]"
    with pytest.raises(ThawError, match="are not available"):
        prepare.with_weights(load_config(PRESETS / "quick.yaml", (only,)), nowhere, print)


def test_without_mobilenet_no_weights_are_looked_for(tmp_path):
    only = "transfers=[{source: cats_dogs, architecture: original}]"
    config = load_config(PRESETS / "quick.yaml", (only,))
    assert prepare.with_weights(config, tmp_path, pytest.fail) == (config, {}, "")


def test_free_space_is_measured_where_the_workspace_will_be(tmp_path):
    assert prepare.existing_parent(tmp_path / "not" / "yet" / "there") == tmp_path
