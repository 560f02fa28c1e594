"""Fingerprints of our own sources, for keys of caches and ledgers. Imports nothing of ours."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from pathlib import Path

SOURCE_CODE = (
    "pipeline.random_streams",
    *(
        f"trainer_module.{name}"
        for name in (
            "activations", "architectures", "controls", "draws", "features", "freezing", "input_pipeline",
            "normalization", "own_cuts", "own_model", "own_model_file", "source", "training",
        )
    ),
)  # fmt: skip
"""What decides which weights a source ends with."""
SWEEP_CODE = (
    *SOURCE_CODE,
    *(f"trainer_module.{name}" for name in ("single_thread", "sweep", "sweep_job", "target")),
)
"""What decides an execution's result: a change here makes every row of every ledger out of date."""
TRAINING_CODE = (
    "trainer_module", "pipeline.backbones", "pipeline.config", "pipeline.domains", "pipeline.random_streams",
)  # fmt: skip
"""What decides all that Trainers and Tuners write."""

DOMAIN_CODE = ("components.domain_examples", "pipeline.random_streams", "trainer_module.features")
"""What decides the records of a domain."""
REPORT_CODE = (
    "components.transfer_report",
    "trainer_module.selection",
    "pipeline.promises",
    "transferability.agreement",
)
"""What decides the report."""
ADVICE_CODE = (
    *SOURCE_CODE, "components.transfer_advisor", "transferability", "pipeline.advice_rule", "pipeline.promises",
    "trainer_module.estimates", "trainer_module.single_thread", "trainer_module.source_estimates",
)  # fmt: skip
"""What decides what sources promise, beside the rule itself, which is a setting of the node."""


def source_fingerprint(*packages: str) -> str:
    """Hash of what every source file and template of the packages does, 16 hexadecimal digits.

    Comments, docstrings and layout do not count: a ledger is hours of work.

    Args:
      packages: dotted names, such as `trainer_module` or `components.domain_examples`; single modules also do.

    Raises:
      ModuleNotFoundError: a package is not installed.
    """
    digest = hashlib.sha256()
    for package in packages:
        for path in _sources(package):
            digest.update(f"{package}/{path.name}".encode())
            digest.update(_meaning(path))
    return digest.hexdigest()[:16]


def _meaning(path: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix != ".py":
        return content
    tree = ast.parse(content)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # A string that stands alone is a docstring, or says what the name above it means.
            node.body = [line for line in body if not _is_string(line)]  # type: ignore[attr-defined]
    return ast.dump(tree).encode()


def _is_string(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)


def _sources(package: str) -> list[Path]:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    origin = Path(spec.origin)
    if origin.name != "__init__.py":
        return [origin]
    return sorted(path for path in origin.parent.rglob("*") if path.suffix in (".py", ".j2"))
