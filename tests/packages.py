"""Which packages Thaw ships, as pyproject.toml names them for setuptools; and parsed Python files."""

import ast
import functools
from pathlib import Path

import tomli

ROOT = Path(__file__).resolve().parents[1]
SETUPTOOLS = tomli.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
PACKAGES = tuple(sorted(name for name in SETUPTOOLS["packages"]["find"]["include"] if "." not in name))
MODULES = tuple(f"{name}.py" for name in sorted(SETUPTOOLS["py-modules"]))


@functools.cache
def tree_of(path: Path) -> ast.Module:
    """Parsed by the first test that asks, not by each process that collects tests; not to be changed."""
    return ast.parse(path.read_text(encoding="utf-8"))
