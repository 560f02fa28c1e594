"""What our modules may load, and that the import contracts name them all. Imports them in a fresh process."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tomli

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("tensorflow", "tensorflow_transform", "tfx", "keras", "keras_tuner", "apache_beam", "matplotlib")
LIGHT_MODULES = (
    "acquisition",
    "experiment.config",
    "experiment.errors",
    "trainer_module.data.draws",
    "experiment.features",
    "ledger.cell_selection",
    "ledger.ledger",
    "ledger.sealed_lines",
    "ledger.cell_selection",
    "transferability.class_overlap",
    "transferability.domain_distance",
    "transferability.h_score",
    "transferability.leep",
    "transferability.logme",
    "transferability.similarity",
)


def heavy_modules_after(statement: str, folder: Path) -> list[str]:
    """Which of HEAVY a fresh interpreter, started in the folder, has loaded after the statement."""
    code = f"{statement}\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def import_linter_settings() -> dict[str, Any]:
    settings: dict[str, Any] = tomli.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return settings


@pytest.mark.parametrize("module", LIGHT_MODULES)
def test_importing_it_loads_no_tensorflow(module: str, tmp_path: Path) -> None:
    assert heavy_modules_after(f"import {module}", tmp_path) == []


def test_a_heavy_import_would_be_seen(tmp_path: Path) -> None:
    assert heavy_modules_after("import matplotlib", tmp_path) == ["matplotlib"]


def test_every_report_module_but_the_component_is_kept_from_tensorflow() -> None:
    contract = next(c for c in import_linter_settings()["contracts"] if c["id"] == "no-tensorflow")
    assert "components.transfer_report.*" in contract["source_modules"]
    assert contract["ignore_imports"] == ["components.transfer_report.component -> **"]
