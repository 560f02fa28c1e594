"""`make setup` leaves the bytecode of what a run imports. Reads the environment that the tests run in."""

import importlib.util
from pathlib import Path

import pytest


@pytest.mark.parametrize("name", ["tensorflow", "keras", "apache_beam", "tensorflow_model_analysis", "keras_tuner"])
def test_a_heavy_package_need_not_be_compiled_at_every_start(name):
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.cached is not None
    assert Path(spec.cached).exists(), f"{name} has no bytecode: bootstrap.sh should have left it. Run make setup."
