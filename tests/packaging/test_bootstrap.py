"""Which Python bootstrap.sh takes, by glibc, by machine and by THAW_PYTHON. Runs its functions; installs nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.runner.supported_stacks import CURRENT, OLD

ROOT = Path(__file__).parents[2]
NEWEST_FIRST = " ".join(f"{major}.{minor}" for major, minor in CURRENT.pythons)
OF_OLD = " ".join(f"{major}.{minor}" for major, minor in OLD.pythons)


@pytest.fixture
def shell(tmp_path):
    """A function that calls bootstrap.sh's functions on a system with this glibc (None: another C library)."""
    functions = (ROOT / "bootstrap.sh").read_text().partition("\nWANTED=$(wanted_pythons)\n")[0]
    (tmp_path / "bootstrap.sh").write_text(functions)

    def shell(command, glibc="2.36", machine="Linux x86_64", **environment):
        answers = {"getconf": f"echo glibc {glibc}" if glibc else "exit 1", "uname": f"echo {machine}"}
        for name, answer in answers.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{answer}\n")
            (tmp_path / name).chmod(0o755)
        inherited = {key: value for key, value in os.environ.items() if key != "THAW_PYTHON"}
        inherited["PATH"] = f"{tmp_path}:{inherited['PATH']}"
        script = f". ./bootstrap.sh; {command}"
        return subprocess.run(
            ["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, env={**inherited, **environment}
        )

    return shell


@pytest.mark.parametrize(
    ("glibc", "machine", "wanted"),
    [
        ("2.39", "Linux x86_64", NEWEST_FIRST), ("2.41", "Linux x86_64", NEWEST_FIRST),
        ("2.100", "Linux x86_64", NEWEST_FIRST), ("2.38", "Linux x86_64", OF_OLD), ("2.4", "Linux x86_64", OF_OLD),
        (None, "Darwin arm64", NEWEST_FIRST),
    ],
)  # fmt: skip
def test_the_newest_pythons_where_the_system_can_run_tfx_1_21(shell, glibc, machine, wanted):
    done = shell("wanted_pythons", glibc, machine)
    assert (done.stdout.strip(), done.returncode) == (wanted, 0)


@pytest.mark.parametrize("machine", ["Linux x86_64", "Darwin x86_64"])
@pytest.mark.parametrize("glibc", [None, "undefined"])
def test_a_system_without_glibc_is_refused_and_named(shell, glibc, machine):
    done = shell("wanted_pythons", glibc, machine)
    assert done.returncode == 1 and f"no glibc was found on this system ({machine})" in done.stderr


@pytest.mark.parametrize("python", [*NEWEST_FIRST.split(), OF_OLD])
def test_the_user_can_force_each_where_it_runs(shell, python):
    assert shell("wanted_pythons", "2.41", THAW_PYTHON=python).stdout.strip() == python


@pytest.mark.parametrize(
    ("python", "words"), [("3.9", "3.10, 3.11, 3.12 and 3.13"), ("3.13", "needs glibc 2.39; here is glibc 2.36")]
)
def test_a_python_that_cannot_work_is_refused_with_the_reason(shell, python, words):
    done = shell("WANTED=$(wanted_pythons); echo not reached", THAW_PYTHON=python)
    assert done.returncode == 1 and words in done.stderr and "not reached" not in done.stdout


def test_the_first_that_is_found_is_taken_and_the_newest_is_fetched_where_none_is(shell):
    look = f'WANTED="{NEWEST_FIRST}"; find_wanted_python; echo "$SERIES $PYTHON"'
    found = shell('find_python() { if [ "$1" = 3.12 ]; then echo /found; fi; }; ' + look)
    assert found.stdout.split() == ["3.12", "/found"]
    assert shell("find_python() { :; }; " + look).stdout.split() == ["3.13"]


@pytest.mark.parametrize(
    ("kept", "glibc", "wish", "wanted"),
    [("3.12", "2.41", "", "3.12"), ("3.10", "2.41", "", OF_OLD), ("3.12", "2.41", "3.11", "3.11"),
     ("3.12", "2.36", "", OF_OLD), (NEWEST_FIRST, "2.41", "", NEWEST_FIRST), ("3.9", "2.41", "", NEWEST_FIRST)],
)  # fmt: skip
def test_the_environments_python_is_kept_until_another_is_wished(shell, kept, glibc, wish, wanted):
    stamp = f"mkdir -p .venv; printf '%s\\n' /a/folder '{kept}' 12345 >.venv/.thaw-stamp; "
    assert shell(f"{stamp}wanted_pythons", glibc, THAW_PYTHON=wish).stdout.strip() == wanted


def test_a_setup_that_was_interrupted_keeps_its_python(shell):
    asked = "mkdir -p .bootstrap; echo 3.12 >.bootstrap/asked-python; "
    assert shell(f"{asked}wanted_pythons", "2.41").stdout.strip() == "3.12"
    stamp = "mkdir -p .venv; printf '%s\\n' /a/folder 3.11 12345 >.venv/.thaw-stamp; "
    assert shell(f"{asked}{stamp}wanted_pythons", "2.41").stdout.strip() == "3.11"


def test_another_wish_makes_the_environment_anew(shell):
    stamps = {shell(f"cd {ROOT}; WANTED={wanted}; wanted_stamp").stdout for wanted in ("3.10", "3.12")}
    assert len(stamps) == 2


def test_an_environment_comes_back_where_the_new_one_cannot_be_installed(tmp_path):
    for name in ("bootstrap.sh", "pyproject.toml", "setup.py", "uv.lock"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "bootstrap.sh").chmod(0o755)
    (tmp_path / "third_party" / "one").mkdir(parents=True)
    for name in ("one.py", "one.toml"):
        (tmp_path / "third_party" / "one" / name).touch()
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "kept").write_text("of the user")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "uv").write_text('#!/bin/sh\n[ "$1" = --version ] && echo "uv 9.9.9" && exit 0\nexit 1\n')
    (tmp_path / "bin" / "uv").chmod(0o755)
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    environment = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "THAW_PYTHON": python}
    done = subprocess.run(["./bootstrap.sh"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and "could not be installed" in done.stderr
    assert (tmp_path / ".venv" / "kept").read_text() == "of the user"
    assert (tmp_path / ".bootstrap" / "asked-python").read_text() == f"{python}\n"
