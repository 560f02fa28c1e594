"""What our modules may load, and that the import contracts name them all. Imports them in a fresh process."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import grimp
import pytest
import tomli

from tests.packages import PACKAGES

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("tensorflow", "tensorflow_transform", "tfx", "keras", "keras_tuner", "apache_beam", "matplotlib")
LIGHT_PACKAGES = ("acquisition", "analysis", "experiment", "ledger", "terminal", "transferability")


def heavy_modules_after(statement: str, folder: Path) -> list[str]:
    """Which of HEAVY a fresh interpreter, started in the folder, has loaded after the statement."""
    code = f"{statement}\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def import_linter_settings() -> dict[str, Any]:
    settings: dict[str, Any] = tomli.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return settings


@pytest.mark.parametrize("package", LIGHT_PACKAGES)
def test_importing_any_of_its_modules_loads_no_tensorflow(package: str, tmp_path: Path) -> None:
    files = (path.relative_to(ROOT).with_suffix("") for path in sorted((ROOT / package).rglob("*.py")))
    names = [".".join(path.parts).removesuffix(".__init__") for path in files]
    assert heavy_modules_after(f"import {', '.join(names)}", tmp_path) == []


def test_a_heavy_import_would_be_seen(tmp_path: Path) -> None:
    assert heavy_modules_after("import matplotlib", tmp_path) == ["matplotlib"]


def test_every_package_stands_in_one_layer_and_no_import_is_exempt() -> None:
    settings = import_linter_settings()
    layers = " ".join(settings["contracts"][0]["layers"]).replace("|", " ").split()
    assert sorted(layers) == sorted({*PACKAGES, "benchmarks", "docs_build"}) == sorted(settings["root_packages"])
    assert [contract["id"] for contract in settings["contracts"] if "ignore_imports" in contract] == []


MOST_MODULES = 12
FOLDERS = sorted(path.parent for package in (*PACKAGES, "benchmarks", "docs_build")
                 for path in (ROOT / package).rglob("__init__.py"))  # fmt: skip


def test_a_folder_holds_few_modules() -> None:
    modules = {
        str(folder.relative_to(ROOT)): len([path for path in folder.glob("*.py") if path.stem != "__init__"])
        for folder in FOLDERS
    }
    assert {name: number for name, number in modules.items() if number > MOST_MODULES} == {}


def test_the_documented_packages_import_what_the_import_graph_says() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| .* \| (.*)\|$", (ROOT / "docs" / "architecture.md").read_text(), flags=re.MULTILINE
    )
    documented = {name: set(re.findall(r"\w+", imports)) for name, imports in rows}
    packages = (*PACKAGES, "benchmarks", "docs_build")
    graph = grimp.build_graph(*packages, cache_dir=None)
    imported = {
        package: {
            found.partition(".")[0]
            for module in graph.find_descendants(package) | {package}
            for found in graph.find_modules_directly_imported_by(module)
        } - {package}
        for package in packages
    }  # fmt: skip
    assert documented == imported
