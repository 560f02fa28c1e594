"""What `make setup` installs is checked against the hashes of uv.lock. Runs uv offline, where there is one."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import tomli

ROOT = Path(__file__).resolve().parents[2]
PLACES = os.pathsep.join([os.environ["PATH"], str(Path.home() / ".local" / "bin"), str(ROOT / ".bootstrap/uv/bin")])
UV = shutil.which("uv", path=PLACES)


def test_every_file_of_the_lock_has_a_sha256():
    packages = tomli.loads((ROOT / "uv.lock").read_text())["package"]
    fetched = [package for package in packages if "registry" in package["source"]]
    files = [file for package in fetched for file in [*package.get("wheels", []), package.get("sdist")] if file]
    assert len(fetched) > 200 and len(files) > len(fetched)
    assert [file["url"] for file in files if not file.get("hash", "").startswith("sha256:")] == []
    others = {package["name"] for package in packages if package not in fetched}
    assert others == {"thaw", "pyfarmhash"}  # both lie in this repository


def test_setup_installs_from_the_lock_and_nowhere_leaves_hashes_out():
    script = (ROOT / "bootstrap.sh").read_text()
    assert '"$UV" sync --frozen' in script and '"$UV" export --quiet --frozen' in script
    assert not any(option in script for option in ("no-verify-hashes", "NO_VERIFY_HASHES", "no-hashes"))


@pytest.fixture
def wheel(tmp_path):
    """A package of one line."""
    path = tmp_path / "wheels" / "little-1.0-py3-none-any.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("little.py", "x = 1\n")
        file.writestr("little-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: little\nVersion: 1.0\n")
        file.writestr("little-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("little-1.0.dist-info/RECORD", "little.py,,\nlittle-1.0.dist-info/RECORD,,\n")
    return path


@pytest.mark.slow
@pytest.mark.skipif(UV is None, reason="no uv on this machine")
@pytest.mark.parametrize("altered", [False, True])
def test_a_package_of_another_content_than_locked_is_not_installed(wheel, tmp_path, altered):
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (tmp_path / "requirements.txt").write_text(f"little==1.0 --hash=sha256:{digest}\n")
    if altered:
        with zipfile.ZipFile(wheel, "a") as file:
            file.writestr("more.py", "x = 2\n")
    venv = tmp_path / "venv"
    settings = ["--offline", "--no-config", "--cache-dir", str(tmp_path / "cache")]
    subprocess.run([UV, "venv", "--quiet", *settings, "--python", sys.executable, str(venv)], check=True)
    # As bootstrap.sh calls it.
    source = ["--no-index", "--find-links", str(wheel.parent)]
    command = [UV, "pip", "sync", *settings, *source, "--python", str(venv / "bin" / "python"), "requirements.txt"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == int(altered), done.stderr
    assert ("Hash mismatch" in done.stderr) == altered
    assert bool(list(venv.rglob("little.py"))) != altered
