"""The stacks that the code names are those of pyproject.toml and of the lock. Trains nothing."""

from pathlib import Path

import pytest
import tomli
from packaging.requirements import Requirement

from pipeline.runner.supported_stacks import CURRENT, OLD, STACKS, stack_of

ROOT = Path(__file__).parents[3]


def requirements(python):
    """Version specifiers by package, of pyproject.toml, for a version of Python."""
    project = tomli.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [Requirement(line) for line in project["dependencies"]]
    environment = {"python_version": ".".join(map(str, python))}
    return {one.name: str(one.specifier) for one in asked if one.marker is None or one.marker.evaluate(environment)}


@pytest.mark.parametrize("python", [python for stack in STACKS for python in stack.pythons])
def test_every_python_gets_the_versions_of_its_stack(python):
    asked = requirements(python)
    for name, version in stack_of(python).packages.items():
        assert asked[name] == f"=={version}"


def test_the_lock_has_both_stacks():
    locked = tomli.loads((ROOT / "uv.lock").read_text())["package"]
    found = {(package["name"], package["version"]) for package in locked}
    assert {item for stack in STACKS for item in stack.packages.items()} <= found


def test_the_pythons_are_those_that_the_project_asks_for():
    project = tomli.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.10,<3.14"
    assert sorted(python for stack in STACKS for python in stack.pythons) == [(3, minor) for minor in range(10, 14)]


@pytest.mark.parametrize("python", [(3, 9), (3, 14), (2, 7)])
def test_no_stack_runs_on_another_python(python):
    assert stack_of(python) is None


def test_the_old_stack_alone_has_advice():
    assert OLD.advice and not CURRENT.advice
