"""Fingerprints of our own sources, for TFX's cache key, which leaves code out. Imports nothing of ours."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

TRAINING_CODE = ("trainer_module", "pipeline.config")
"""What decides the result of every training."""


def source_fingerprint(*packages: str) -> str:
    """Hash of every source file and template of the packages, 16 hexadecimal digits.

    Args:
      packages: dotted names, such as `trainer_module` or `components.domain_examples`; single modules also do.

    Raises:
      ModuleNotFoundError: a package is not installed.
    """
    digest = hashlib.sha256()
    for package in packages:
        for path in _sources(package):
            digest.update(f"{package}/{path.name}".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _sources(package: str) -> list[Path]:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    origin = Path(spec.origin)
    if origin.name != "__init__.py":
        return [origin]
    return sorted(path for path in origin.parent.rglob("*") if path.suffix in (".py", ".j2"))
