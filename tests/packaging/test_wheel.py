"""The wheel holds every module and data file, and works from a clean environment. Builds it offline."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from acquisition.synthetic_images.synthetic import write_synthetic
from tests.packages import MODULES, PACKAGES

ROOT = Path(__file__).resolve().parents[2]
SUFFIXES = (".py", ".yaml", ".j2", ".css", ".js", ".pbtxt")

pytestmark = pytest.mark.slow


def clean_environment(**variables: str) -> dict[str, str]:
    """This process's environment without a PYTHONPATH that would lead back to the checkout, unless one is given."""
    return {**{name: value for name, value in os.environ.items() if name != "PYTHONPATH"}, **variables}


def run_in(folder: Path, *command: object) -> str:
    done = subprocess.run([str(part) for part in command], cwd=folder, env=clean_environment(), capture_output=True,
                          text=True)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files_to_ship() -> set[str]:
    """Modules and data of the packages in the checkout, relative to its root."""
    found = (f for package in PACKAGES for f in (ROOT / package).rglob("*"))
    shipped = {str(f.relative_to(ROOT)) for f in found if f.suffix in SUFFIXES}
    return shipped | set(MODULES)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy so that the checkout stays clean, by the installed setuptools."""
    copy = tmp_path_factory.mktemp("checkout")
    for package in (*PACKAGES, "schema"):
        shutil.copytree(ROOT / package, copy / package, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE", *MODULES):
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


def test_modules_import_from_the_clean_environment_whatever_pythonpath_the_tests_run_with(
    installed_python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    code = (
        "import acquisition, components, experiment.config, ledger.ledger, transferability.logme as logme\n"
        "import importlib.util as u\n"
        "print(*[m.__file__ for m in (acquisition, components, experiment.config, ledger.ledger, logme)])\n"
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
        "import experiment.loading as c, pipeline.dag as p, components.transfer_report as r\n"
        "package = Path(c.__file__).parent\n"
        "for preset in sorted((package / 'presets').glob('*.yaml')):\n"
        "    c.load_config(preset)\n"
        "    print(preset.name)\n"
        "print(*[f.name for f in Path(r.__file__).parent.rglob('*.j2')])\n"
        "schema = Path(p.__file__).parent / 'schema.pbtxt'\n"
        "print(schema.name if schema.is_file() else 'no schema')"
    )
    found = run_in(tmp_path, installed_python, "-c", code).split()
    presets = sorted(f.name for f in (ROOT / "experiment" / "presets").glob("*.yaml"))
    templates = [f.name for f in (ROOT / "components" / "transfer_report").rglob("*.j2")]
    assert "quick.yaml" in presets and len(templates) > 0
    assert found == [*presets, *templates, "schema.pbtxt"]


@pytest.fixture(scope="module")
def others_modules(installed_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of modules with our names; and in the environment a package `schema`, as PyPI has one."""
    folder = tmp_path_factory.mktemp("others")
    for name in (*PACKAGES, "local_runner", "thaw"):
        (folder / f"{name}.py").write_text(f"raise RuntimeError('not the {name} of Thaw')\n")
    (site_packages,) = installed_python.parents[1].glob("lib/python*/site-packages")
    (site_packages / "schema.py").write_text("Schema = dict\n")
    return folder


def thaw_in(folder: Path, python: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the installed command."""
    environment = clean_environment(**variables)
    command = [str(python.with_name("thaw")), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["report", "--help"]])
def test_the_installed_command_answers_beside_others_modules(arguments, installed_python, others_modules):
    answered = thaw_in(others_modules, installed_python, *arguments, PYTHONPATH=str(others_modules))
    assert answered.returncode == 0, answered.stderr
    assert "thaw" in answered.stdout.lower() and answered.stderr == ""


def test_the_installed_command_plans_an_experiment_beside_others_modules(
    installed_python, others_modules, tmp_path
):  # fmt: skip
    write_synthetic(tmp_path / "data", 40, 20)
    settings = ["target.classes=[deer,horse]", f"data.path={tmp_path / 'data'}", "sizes=[10,20]", "candidate_size=20",
                f"workspace={tmp_path / 'w'}", f"runs={tmp_path / 'r'}",
                "transfers=[{source: ships_planes, architecture: original}]"]  # fmt: skip
    given = [part for setting in settings for part in ("--set", setting)]
    planned = thaw_in(others_modules, installed_python, "plan", *given, PYTHONPATH=str(others_modules))
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert "Plan: " in planned.stdout


def test_the_schema_is_ours_and_workers_import_our_modules(installed_python, others_modules):
    """From the working folder that `python -c` searches first, as the server of the workers does."""
    code = (
        "import thaw_entry, multiprocessing.forkserver as f\n"
        "from pipeline.dag.raw_schema import curated_schema\n"
        "assert 'feature' in curated_schema()\n"
        "from trainer_module.processes import fork_server\n"
        "fork_server.start()\n"
        "if __name__ == '__main__':\n"
        "    with fork_server.CONTEXT.Pool(1) as pool:\n"
        "        loaded = \"__import__('sys').modules['trainer_module.worker_pools.process_pool'].__file__\"\n"
        "        print(pool.apply(eval, (loaded,)))\n"
    )
    environment = clean_environment(PYTHONPATH=str(others_modules), TF_USE_LEGACY_KERAS="0")
    done = subprocess.run([installed_python, "-c", code], cwd=others_modules, env=environment, capture_output=True,
                          text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(installed_python.parents[1])
