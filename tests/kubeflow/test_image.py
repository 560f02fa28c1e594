"""The image's recipe, read as text: pinned, without root, without secrets, and with every package. Builds nothing."""

import re
from pathlib import Path

import pytest
import tomli

ROOT = Path(__file__).parents[2]
PYPROJECT = tomli.loads((ROOT / "pyproject.toml").read_text())
KEPT = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}


def instructions(text):
    """(name, rest) of each instruction, continued lines joined, comments left out."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines()]


@pytest.fixture(scope="module")
def recipe():
    return instructions((ROOT / "kubeflow" / "Dockerfile").read_text())


def rest_of(recipe, name):
    return [rest for found, rest in recipe if found == name]


def copied(recipe):
    """Files and folders of the checkout that the image is made of."""
    return [source for rest in rest_of(recipe, "COPY") if "--from" not in rest for source in rest.split()[:-1]]


def test_continued_lines_and_comments_are_understood():
    assert instructions("# a\nFROM x AS y\nENV A=1 \\\n    B=2\n\nUSER 1\n") == [
        ("FROM", "x AS y"), ("ENV", "A=1 B=2"), ("USER", "1")
    ]  # fmt: skip


def test_both_stages_begin_with_the_same_exact_release_of_the_right_python(recipe):
    bases = {rest.split()[0] for rest in rest_of(recipe, "FROM")}
    assert len(rest_of(recipe, "FROM")) == 2 and len(bases) == 1
    assert bases == {"python:${PYTHON}"}
    [release] = [rest for rest in rest_of(recipe, "ARG") if rest.startswith("PYTHON=")]
    assert re.fullmatch(r"PYTHON=3\.13\.\d+-slim-trixie", release)


def test_the_recipe_says_how_the_old_stack_is_built():
    text = (ROOT / "kubeflow" / "Dockerfile").read_text()
    assert re.search(r"--build-arg PYTHON=3\.10\.\d+-slim-bookworm", text)


def test_packages_come_from_the_lock_alone_and_uv_is_that_of_make_setup(recipe):
    installs = [rest for rest in rest_of(recipe, "RUN") if "install" in rest or "sync" in rest]
    assert [rest.split()[0:3] for rest in installs] == [
        ["pip", "install", "--no-cache-dir"], ["uv", "sync", "--frozen"], ["uv", "pip", "install"]
    ]  # fmt: skip
    assert "--no-dev" in installs[1] and "--no-deps" in installs[2]
    setup = re.search(r"^UV_VERSION=(\S+)", (ROOT / "bootstrap.sh").read_text(), re.MULTILINE)
    assert f"UV_VERSION={setup[1]}" in rest_of(recipe, "ARG")


def test_the_extra_with_cuda_is_locked():
    assert PYPROJECT["project"]["optional-dependencies"]["gpu"] == [
        "tensorflow[and-cuda]==2.16.2; python_version < '3.11' and sys_platform == 'linux'",
        "tensorflow[and-cuda]==2.21.0; python_version >= '3.11' and sys_platform == 'linux'",
    ]
    locked = {package["name"] for package in tomli.loads((ROOT / "uv.lock").read_text())["package"]}
    assert {"nvidia-cudnn-cu12", "nvidia-cublas-cu12", "nvidia-nccl-cu12"} <= locked


def test_every_package_is_copied_and_docker_may_see_it(recipe):
    packages = {name for name in PYPROJECT["tool"]["setuptools"]["packages"]["find"]["include"] if "." not in name}
    modules = {f"{name}.py" for name in PYPROJECT["tool"]["setuptools"]["py-modules"]}
    assert packages | modules | {"pyproject.toml", "uv.lock"} <= set(copied(recipe))
    assert set(copied(recipe)) == KEPT
    assert all((ROOT / name).exists() for name in KEPT)


def test_docker_sees_nothing_else_of_the_checkout():
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"


def test_the_packages_layer_does_not_depend_on_our_code(recipe):
    places = [f"{name} {rest}" for name, rest in recipe]
    [sync] = [place for place, line in enumerate(places) if line.startswith("RUN uv sync")]
    first_code = places.index("COPY local_runner.py thaw_entry.py ./")
    assert sync < first_code and "--no-install-project" in places[sync]


def test_it_runs_a_tasks_program_and_not_as_root(recipe):
    assert recipe[-1] == ("CMD", '["python", "-m", "pipeline.kubeflow.task"]')
    [user] = rest_of(recipe, "USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), "a number, so that Kubernetes can see that it is not root"
    final_stage = recipe[max(place for place, (name, _) in enumerate(recipe) if name == "FROM") :]
    assert not [rest for name, rest in final_stage if name == "RUN" and "install" in rest]


def test_nothing_is_fetched_by_address_and_nothing_secret_is_named(recipe):
    assert rest_of(recipe, "ADD") == []
    text = " ".join(rest for _, rest in recipe).lower()
    assert not re.search(r"https?://|curl|wget|token|password|secret|credential|_key\b", text)
