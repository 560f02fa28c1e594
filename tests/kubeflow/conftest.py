"""The Kubeflow runner, loaded from its file: its folder is no package. Imports pipeline modules without TFX."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def runner():
    path = ROOT / "kubeflow" / "kubeflow_runner.py"
    spec = importlib.util.spec_from_file_location("kubeflow_runner", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
