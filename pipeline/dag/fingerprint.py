"""Fingerprints of our own sources, for keys of caches and ledgers. Imports nothing from Thaw."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
from pathlib import Path

SOURCE_CODE = (
    "experiment.features",
    "experiment.random_streams",
    "trainer_module.data.draws",
    "trainer_module.data.input_pipeline",
    "trainer_module.networks.architectures",
    "trainer_module.networks.backbone",
    "trainer_module.networks.classified_features",
    "trainer_module.networks.cut_points",
    "trainer_module.networks.keras_applications",
    "trainer_module.networks.flattening",
    "trainer_module.networks.keras_file",
    "trainer_module.networks.normalization",
    "trainer_module.networks.precision",
    "trainer_module.networks.weight_values",
    "trainer_module.processes.fixed_threads",
    "trainer_module.sources.controls",
    "trainer_module.sources.source",
    "trainer_module.training.activation_cache",
    "trainer_module.training.learning_rate_schedules",
    "trainer_module.training.training_loop",
)
"""What decides which weights a source ends with."""
SWEEP_CODE = (
    *SOURCE_CODE,
    "trainer_module.cell_training.execution",
    "trainer_module.cell_training.recipe",
    "trainer_module.cell_training.solved_head_recipe",
    "trainer_module.cell_training.step_schedule",
    "trainer_module.cell_training.suffixes",
    "trainer_module.cell_training.target_data",
    "trainer_module.cell_training.trained_head_recipe",
    "trainer_module.sweep.engine",
    "trainer_module.sweep.job",
    "trainer_module.training.solved_head",
)
"""What decides an execution's result: a change here makes every row of every ledger out of date."""
SOURCE_MODEL_CODE = (
    *SOURCE_CODE,
    "trainer_module.sources.source_card",
    "trainer_module.sweep.model_jobs",
    "trainer_module.trainer",
)
"""What decides the model of a source with its card. Ledgers depend on the weights only, whatever code made them."""
TRAINING_CODE = (
    "acquisition.tfrecords.image_headers",
    "components.sweep_tuner",
    "experiment",
    "ledger",
    "trainer_module",
)
"""What decides all that Trainers and Tuners write."""
TRANSFORM_CODE = ("trainer_module.preprocessing", "trainer_module.data.image_decoding", "experiment.features")
"""What decides the transformed records."""
DOMAIN_CODE = (
    "components.domain_examples",
    "experiment.features",
    "experiment.random_streams",
    "experiment.domains",
    "trainer_module.data.record_counts",
)
"""What decides the records of a domain."""
ROWS_CODE = ("ledger.ledger", "ledger.rows", "ledger.cell_selection", "experiment.stack")
"""What decides how a ledger's rows are read and ordered."""
EVALUATION_CODE = (
    *ROWS_CODE,
    "analysis.cells",
    "analysis.statistics",
    "components.named_inputs",
    "components.sweep_evaluator",
    "experiment.features",
    "trainer_module.data.input_pipeline",
)
"""What decides TFMA's metrics of every cell."""
EVALUATOR_CODE = ("components.evaluator", "components.named_inputs")
"""What decides TFMA's metrics of candidates, in addition to its configuration, which is a setting of the node."""
CONFIRMATION_CODE = (
    *TRAINING_CODE,
    "analysis",
    "components.confirmer",
    "components.named_inputs",
)
"""What decides the rows of fresh draws."""
REPORT_CODE = (
    *ROWS_CODE,
    "analysis",
    "components.confirmer.confirmation_files",
    "components.named_inputs",
    "components.sweep_evaluator.examples",
    "components.sweep_evaluator.reading",
    "components.sweep_evaluator.results",
    "components.transfer_report",
    "experiment.features",
    "trainer_module.data.input_pipeline",
    "transferability",
)
"""What decides the report."""
ADVICE_CODE = (
    *SOURCE_CODE,
    "analysis.statistics.formats",
    "analysis.transfer_prediction.advice_rule",
    "analysis.transfer_prediction.predicted_gains",
    "components.named_inputs",
    "components.transfer_advisor",
    "trainer_module.sources.estimates",
    "transferability",
)
"""What decides predicted gains, in addition to the rule itself, which is a setting of the node."""

POD_CODE = (
    "acquisition",
    "analysis",
    "components",
    "experiment",
    "ledger",
    "pipeline.kubeflow.pod_checks",
    "pipeline.kubeflow.task",
    "terminal",
    "trainer_module",
    "transferability",
)
"""What pods run. It is in no key: a pod compares it with the compiled file's."""

LEARNT = ("curve_prior.yaml",)
"""Files of figures that decide a result like code; other YAML is a setting, or a preset."""


def source_fingerprint(*packages: str) -> str:
    """Hash of the code in every source file and template of the packages, 16 hexadecimal digits.

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
            content = path.read_bytes()
            digest.update(_meaning(content) if path.suffix == ".py" else content)
    return digest.hexdigest()[:16]


@functools.lru_cache(maxsize=512)  # a pipeline's nodes have most files in common
def _meaning(content: bytes) -> bytes:
    return ast.dump(_WithoutStrings().visit(ast.parse(content))).encode()


class _WithoutStrings(ast.NodeTransformer):
    """Leaves out strings that are statements: docstrings, and descriptions of the name above."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:  # ast's own name
        return None if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str) else node


def _sources(package: str) -> list[tuple[str, Path]]:
    """Its files by their paths within it: files of one name in two folders are distinguished."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    origin = Path(spec.origin)
    if origin.name != "__init__.py":
        return [(origin.name, origin)]
    found = (path for path in origin.parent.rglob("*") if path.suffix in (".py", ".j2") or path.name in LEARNT)
    return sorted((path.relative_to(origin.parent).as_posix(), path) for path in found)
