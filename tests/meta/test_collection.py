"""No test is out of pytest's reach. Reads the test files and imports none of them."""

import ast
import functools
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OWN_FOLDERS = [f for f in ROOT.iterdir() if f.is_dir() and not f.name.startswith(".") and f.name != "build"]
PYTHON_FILES = sorted([*ROOT.glob("*.py"), *(f for folder in OWN_FOLDERS for f in folder.rglob("*.py"))])


@functools.cache
def names_of_tests(text: str) -> list[str]:
    """Names of the test functions and methods in a module."""
    nodes = ast.walk(ast.parse(text))
    return [n.name for n in nodes if isinstance(n, ast.FunctionDef) and n.name.startswith("test_")]


def unreachable_because(path: Path, config: pytest.Config) -> str:
    """Why pytest does not collect the file; empty where it does."""
    inside = path.relative_to(ROOT)
    if inside.parts[0] not in config.getini("testpaths"):
        return "lies outside the folder of tests"
    if not any(fnmatch(path.name, pattern) for pattern in config.getini("python_files")):
        return "has a name that pytest does not take for a test file"
    patterns = config.getini("norecursedirs")
    if any(fnmatch(part, pattern) for part in inside.parts[:-1] for pattern in patterns):
        return "lies in a folder that pytest skips"
    return ""


def test_every_file_with_tests_is_collected(pytestconfig: pytest.Config) -> None:
    with_tests = [f for f in PYTHON_FILES if names_of_tests(f.read_text())]
    assert Path(__file__).resolve() in with_tests
    problems = {str(f.relative_to(ROOT)): unreachable_because(f, pytestconfig) for f in with_tests}
    assert {name: why for name, why in problems.items() if why} == {}


def test_every_test_file_has_tests() -> None:
    files = [f for f in PYTHON_FILES if f.name.startswith("test_")]
    assert [str(f.relative_to(ROOT)) for f in files if not names_of_tests(f.read_text())] == []


def test_no_conftest_leaves_tests_out() -> None:
    files = [f for f in PYTHON_FILES if f.name == "conftest.py"]
    assert [str(f.relative_to(ROOT)) for f in files if "collect_ignore" in f.read_text()] == []


def test_files_that_are_begun_first_or_kept_together_are_there() -> None:
    lists = (ROOT / "tests" / "conftest.py").read_text().partition("TOGETHER = ")[2].partition("\ndef ")[0]
    values = [
        ast.literal_eval(node.value) for node in ast.parse(f"TOGETHER = {lists}").body if isinstance(node, ast.Assign)
    ]
    names = {f.stem.removeprefix("test_") for f in PYTHON_FILES}
    assert len(values) == 2 and [name for value in values for name in value if name not in names] == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("tests/meta/test_collection.py", ""),
        ("pipeline/test_config.py", "lies outside the folder of tests"),
        ("tests/pipeline/config_tests.py", "has a name that pytest does not take for a test file"),
        ("tests/build/test_config.py", "lies in a folder that pytest skips"),
    ],
)
def test_the_check_knows_why_a_file_is_left_out(name: str, why: str, pytestconfig: pytest.Config) -> None:
    assert unreachable_because(ROOT / name, pytestconfig) == why
