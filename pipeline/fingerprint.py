"""Fingerprints of our own sources, for keys of caches and ledgers. Imports nothing of ours."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from pathlib import Path

SOURCE_CODE = (
    "experiment.features",
    "experiment.random_streams",
    "trainer_module.activations",
    "trainer_module.architectures",
    "trainer_module.controls",
    "trainer_module.draws",
    "trainer_module.freezing",
    "trainer_module.input_pipeline",
    "trainer_module.normalization",
    "trainer_module.own_cuts",
    "trainer_module.own_model",
    "trainer_module.own_model_file",
    "trainer_module.source",
    "trainer_module.training",
)
"""What decides which weights a source ends with."""
SWEEP_CODE = (
    *SOURCE_CODE,
    "trainer_module.single_thread",
    "trainer_module.sweep",
    "trainer_module.sweep_job",
    "trainer_module.target",
)
"""What decides an execution's result: a change here makes every row of every ledger out of date."""
TRAINING_CODE = ("trainer_module", "experiment", "ledger")
"""What decides all that Trainers and Tuners write."""

DOMAIN_CODE = ("components.domain_examples", "experiment.random_streams", "experiment.features")
"""What decides the records of a domain."""
REPORT_CODE = ("components.transfer_report", "analysis", "ledger.cell_selection", "transferability.agreement")
"""What decides the report."""
ADVICE_CODE = (
    *SOURCE_CODE,
    "analysis.transfer_prediction.advice_rule",
    "analysis.transfer_prediction.promises",
    "components.transfer_advisor",
    "trainer_module.estimates",
    "trainer_module.single_thread",
    "trainer_module.source_estimates",
    "transferability",
)
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
        for name, path in _sources(package):
            digest.update(f"{package}/{name}".encode())
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


def _sources(package: str) -> list[tuple[str, Path]]:
    """Its files by their paths within it: files of one name in two folders are told apart."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    origin = Path(spec.origin)
    if origin.name != "__init__.py":
        return [(origin.name, origin)]
    found = (path for path in origin.parent.rglob("*") if path.suffix in (".py", ".j2"))
    return sorted((path.relative_to(origin.parent).as_posix(), path) for path in found)
