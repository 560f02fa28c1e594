"""Imported first by every entry point: makes Thaw's own modules win over others of their names. Imports none of them.

Its own name is one that nobody else uses, for what finds it is a search path that may hold a `pipeline.py` or `thaw.py`
of the user's: in a folder of PYTHONPATH, or in the working folder (`python -c` and `-m` search it first).
"""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping
from importlib.machinery import PathFinder
from pathlib import Path

ROOT = Path(__file__).resolve().parent
NAMES = (
    "acquisition", "analysis", "components", "docs_build", "experiment", "ledger", "local_runner", "pipeline",
    "terminal", "thaw", "trainer_module", "transferability",
)  # fmt: skip


def shadowed(path: list[str]) -> list[str]:
    """Those of our modules in whose place an import would find another one on the search path."""
    found = ((name, PathFinder.find_spec(name, path)) for name in NAMES)
    return [name for name, spec in found if spec and spec.origin and ROOT not in Path(spec.origin).resolve().parents]


def own_modules_first(path: list[str], environment: MutableMapping[str, str]) -> None:
    """Puts our folder first on the search path and in PYTHONPATH, for child processes, where another one hides us.

    Only then: installed, our folder is site-packages, which should come after the standard library.

    Args:
      path: sys.path; changed.
      environment: the process's; changed.
    """
    if shadowed([folder for folder in path if not _is_ours(folder)]):
        path.insert(0, str(ROOT))
        given = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *([given] if given else [])])


def _is_ours(folder: str) -> bool:
    try:
        return Path(folder).resolve() == ROOT
    except OSError:  # relative to a working folder that was removed
        return False


own_modules_first(sys.path, os.environ)


def main() -> None:
    """The installed command `thaw`."""
    try:
        from thaw.main import main as run_command
    except KeyboardInterrupt:  # Ctrl-C before Thaw handles signals: the standard library is still being imported
        sys.stderr.write("\nStopped before anything was done.\n")
        sys.exit(130)
    run_command()


if __name__ == "__main__":
    main()
