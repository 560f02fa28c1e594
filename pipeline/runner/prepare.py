"""What is done before the DAG is built: places checked, data and weights found, the plan made. Imports no TFX."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from acquisition.downloads.dataset import Dataset, locate_dataset
from acquisition.downloads.imagenet_weights import check_weights, locate_weights
from acquisition.downloads.places import usual_places
from acquisition.tfrecords.inspection import Inspection, check_sizes
from acquisition.tfrecords.kept_inspections import inspect_once
from acquisition.tfrecords.scarce_classes import scarce_classes
from experiment.changes import changed
from experiment.config import ExperimentConfig
from experiment.errors import ThawError
from pipeline.dag.beam_options import beam_options
from pipeline.runner.own_model_check import with_own_model
from pipeline.runner.plan import Plan, measure_gflops, plan_run
from pipeline.runs.metadata_file import METADATA_FILE, check_metadata
from pipeline.runs.run_lock import check_no_pattern, check_usable, check_writable
from terminal.console import progress_in


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What is known before the DAG is built.

    Attributes:
      asked: the experiment as the user gave it.
      config: the experiment, its transfers being those that can run.
      dataset: the images.
      left_out: transfers that can't run, and why.
      weights_hash: SHA-256 of the ImageNet weights file; empty where none is needed.
      plan: what would run.
    """

    asked: ExperimentConfig
    config: ExperimentConfig
    dataset: Dataset
    left_out: dict[str, str]
    weights_hash: str
    plan: Plan

    def as_json(self) -> dict[str, Any]:
        """The plan as JSON values, with the data that it is for."""
        about = {"data": self.dataset.origin, "synthetic": self.dataset.synthetic, "left_out": self.left_out}
        return {**dataclasses.asdict(self.plan), **about}


def prepare(
    config: ExperimentConfig, project_root: Path, environment: Mapping[str, str], terminal: Console
) -> Prepared:
    """Finds and checks data and weights, and plans the run.

    Args:
      config, project_root, environment: as in launch.
      terminal: what is found is said there.

    Raises:
      ThawError: as launch.
    """
    terminal.print(f"Thaw {version('thaw')}, experiment {config.name}")
    asked = config
    check_places(config)
    beam_options(config.beam_args)  # refused here, before every record is read
    dataset, inspection = find_data(config, project_root, environment, terminal)
    check_sizes(inspection, config)
    for sentence in scarce_classes(inspection, config):
        terminal.print(f"!! {sentence}")
    config, left_out, weights_hash = with_weights(with_own_model(config), project_root, terminal.print)
    images = sum(inspection.train_counts.values()) + sum(inspection.test_counts.values())
    workers = config.workers or len(os.sched_getaffinity(0))
    plan = plan_run(config, images, inspection.size_bytes, measure_gflops(), workers)
    return Prepared(asked, config, dataset, left_out, weights_hash, plan)


def check_places(config: ExperimentConfig) -> None:
    """Checks the folders that a run writes to, and ML Metadata's file; changes nothing.

    Raises:
      ThawError: a run could not use one of them.
    """
    check_no_pattern(config.pipeline_root or "")
    for folder in (config.pipeline_folder, config.runs):
        check_usable(folder)
    check_metadata(config.pipeline_folder / METADATA_FILE)


def with_weights(
    config: ExperimentConfig, project_root: Path, say: Callable[[str], None]
) -> tuple[ExperimentConfig, dict[str, str], str]:
    """Finds the ImageNet weights that the transfers need, or leaves those transfers out.

    Returns:
      The configuration with the weights' path and the transfers that can run; why each other transfer was left out; the
      SHA-256 of the weights file, empty where none is needed.

    Raises:
      ThawError: weights are missing and `strict` is set, nothing is left to run, or the file does not fit.
    """
    needing = [
        transfer
        for transfer in config.transfers
        if config.sources[transfer.source].is_pretrained and transfer.architecture == "mobilenet_v2"
    ]
    if not needing:
        return config, {}, ""
    settings = config.mobilenet_v2
    path = locate_weights(settings.weights, settings.alpha, usual_places(project_root), say=say)
    if path is not None:
        check_weights(path, settings.alpha)
        found = changed(config, mobilenet_v2=changed(settings, weights=path.absolute()))
        return found, {}, hashlib.sha256(path.read_bytes()).hexdigest()
    reason = (
        f"MobileNetV2's ImageNet weights (alpha {settings.alpha}) are not available: not in ../shared/data/weights, "
        "not in Keras's cache, and Keras's server did not answer. Give a file with --weights"
    )
    rest = tuple(transfer for transfer in config.transfers if transfer not in needing)
    if config.strict or all(config.sources[transfer.source].control for transfer in rest):
        raise ThawError(f"{reason}, or remove {', '.join(t.id for t in needing)} from transfers.")
    for transfer in needing:
        say(f"!! LEFT OUT: {transfer.id}. {reason}.")
    return changed(config, transfers=rest), {t.id: reason for t in needing}, ""


def find_data(
    config: ExperimentConfig, project_root: Path, environment: Mapping[str, str], terminal: Console
) -> tuple[Dataset, Inspection]:  # fmt: skip
    """The images, found and checked record by record (once only, while they stay as they are).

    Args:
      config, project_root, environment, terminal: as in prepare.

    Raises:
      ThawError: no images were found, or a record is damaged or not as configured.
    """
    dataset = locate_dataset(config.data.path, usual_places(project_root), environment, say=terminal.print)
    check_writable(config.workspace)
    return dataset, _inspect(config, dataset, terminal)


def _inspect(config: ExperimentConfig, dataset: Dataset, terminal: Console) -> Inspection:
    folder = config.workspace / "inspections"
    with progress_in(terminal, transient=True) as bar:
        task = bar.add_task("checking every record", total=None)
        return inspect_once(dataset.files, config.data, folder, lambda done: bar.update(task, completed=done))


def existing_parent(path: Path) -> Path:
    """The nearest folder above, or the path itself, that exists."""
    absolute = path.absolute()
    return next(parent for parent in (absolute, *absolute.parents) if parent.exists())
