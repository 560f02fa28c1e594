"""The packages that `pip install thaw[kubeflow,serving]` installs on one Python, by uv.lock. Imports no package but
errors.

The lock is one for all Pythons and platforms: markers say which of its packages a machine installs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from packaging.markers import Marker

from experiment.errors import ThawError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EXTRAS = frozenset({"kubeflow", "serving"})


def installed(lock: Path, python: str) -> dict[str, str]:
    """Versions by name of Thaw and of all that it needs on Linux x86_64, without the group `dev`.

    Args:
      lock: a uv.lock.
      python: such as `3.10`.

    Raises:
      ThawError: the lock offers no or several versions of a package that is needed.
    """
    packages: dict[str, list[dict[str, Any]]] = {}
    for package in tomllib.loads(lock.read_text(encoding="utf-8"))["package"]:
        packages.setdefault(package["name"], []).append(package)
    environment = _environment(python)
    versions: dict[str, str] = {}
    followed: dict[str, frozenset[str]] = {}
    waiting: list[tuple[str, str | None, frozenset[str]]] = [("thaw", None, EXTRAS)]
    while waiting:
        name, version, extras = waiting.pop()
        package = _chosen(packages.get(name, []), name, version, environment)
        first = name not in versions
        versions[name] = package["version"]
        new = extras - followed.get(name, frozenset())
        followed[name] = followed.get(name, frozenset()) | extras
        needed = package.get("dependencies", []) if first else []
        needed = [*needed, *(one for extra in new for one in package.get("optional-dependencies", {}).get(extra, []))]
        waiting += [
            (one["name"], one.get("version"), frozenset(one.get("extra", ())))
            for one in needed
            if "marker" not in one or Marker(one["marker"]).evaluate(environment)
        ]
    return dict(sorted(versions.items()))


def _chosen(
    candidates: list[dict[str, Any]], name: str, version: str | None, environment: dict[str, str]
) -> dict[str, Any]:
    """The one candidate of the version, or, where none is told, the one for this environment."""
    fitting = [one for one in candidates if version in (None, one["version"])]
    if len(fitting) > 1:
        fitting = [
            one
            for one in fitting
            if any(Marker(marker).evaluate(environment) for marker in one.get("resolution-markers", ()))
        ]
    if len(fitting) != 1:
        python = environment["python_version"]
        raise ThawError(f"{len(fitting)} of the lock's {len(candidates)} packages called {name} fit version "
                        f"{version or 'any'} on Python {python}, expected one. Is the lock whole (`uv lock`), and are "
                        "its markers those of Linux x86_64?")  # fmt: skip
    return fitting[0]


def _environment(python: str) -> dict[str, str]:
    """What markers are about, for CPython on Linux x86_64."""
    return {
        "python_version": python, "python_full_version": f"{python}.0", "implementation_name": "cpython",
        "platform_python_implementation": "CPython", "sys_platform": "linux", "platform_system": "Linux",
        "platform_machine": "x86_64", "os_name": "posix", "extra": "",
    }  # fmt: skip
