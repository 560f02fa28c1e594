"""The wheel holds every module and data file, and works from a clean environment. Builds it offline."""

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("acquisition", "components", "pipeline", "trainer_module", "transferability", "schema")
SUFFIXES = (".py", ".yaml", ".j2", ".css", ".js", ".pbtxt")

pytestmark = pytest.mark.slow


def run_in(folder: Path, *command: object) -> str:
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files_to_ship() -> set[str]:
    """Modules and data of the packages in the checkout, relative to its root."""
    found = (f for package in PACKAGES for f in (ROOT / package).rglob("*"))
    shipped = {str(f.relative_to(ROOT)) for f in found if f.suffix in SUFFIXES}
    return shipped | {"local_runner.py"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy so that the checkout stays clean, by the installed setuptools."""
    copy = tmp_path_factory.mktemp("checkout")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "local_runner.py"):
        shutil.copy(ROOT / name, copy)
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation")
    run_in(copy, *pip, "--wheel-dir", copy / "dist", ".")
    (built,) = (copy / "dist").glob("thaw-*.whl")
    return built


@pytest.fixture(scope="module")
def installed_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of a clean environment with the wheel; libraries come from this one, our checkout does not."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    run_in(wheel.parent, sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    run_in(wheel.parent, sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps",
           "--no-index", wheel)  # fmt: skip
    # A folder named in a .pth file is searched, but its own .pth files, such as the editable install's, are
    # not: so the checkout is out of reach.
    (site_packages,) = folder.glob("lib/python*/site-packages")
    (site_packages / "libraries.pth").write_text(sysconfig.get_paths()["purelib"])
    return python


def test_the_wheel_holds_every_module_and_data_file_and_no_others(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == files_to_ship()


def test_modules_import_from_the_clean_environment(installed_python: Path, tmp_path: Path) -> None:
    code = (
        "import acquisition, components, pipeline.config, trainer_module.ledger, transferability.logme as logme\n"
        "import importlib.util as u\n"
        "print(*[m.__file__ for m in (acquisition, components, pipeline.config, trainer_module.ledger, logme)])\n"
        "print(u.find_spec('local_runner').origin)"
    )
    places = run_in(tmp_path, installed_python, "-c", code).split()
    assert len(places) == 6
    assert [p for p in places if not Path(p).is_relative_to(installed_python.parents[1])] == []


def test_installed_presets_load_and_schema_and_template_lie_beside_the_code(
    installed_python: Path, tmp_path: Path
) -> None:
    code = (
        "from pathlib import Path\n"
        "import pipeline.loading as c, components.transfer_report as r\n"
        "package = Path(c.__file__).parent\n"
        "for preset in sorted((package / 'presets').glob('*.yaml')):\n"
        "    c.load_config(preset)\n"
        "    print(preset.name)\n"
        "print(*[f.name for f in Path(r.__file__).parent.glob('*.j2')])\n"
        "print((package.parent / 'schema' / 'schema.pbtxt').name if "
        "(package.parent / 'schema' / 'schema.pbtxt').is_file() else 'no schema')"
    )
    found = run_in(tmp_path, installed_python, "-c", code).split()
    presets = sorted(f.name for f in (ROOT / "pipeline" / "presets").glob("*.yaml"))
    templates = [f.name for f in (ROOT / "components" / "transfer_report").glob("*.j2")]
    assert "quick.yaml" in presets and len(templates) > 0
    assert found == [*presets, *templates, "schema.pbtxt"]
