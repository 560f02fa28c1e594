"""Preparation before the DAG is built: checks folders, finds data and weights, makes the plan. Imports no TFX."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from acquisition.data_sources.base_folders import usual_places
from acquisition.data_sources.locate_dataset import Dataset, locate_dataset
from acquisition.tfrecords.inspection import Inspection
from acquisition.tfrecords.kept_inspections import inspect_once
from acquisition.tfrecords.scarce_classes import scarce_classes
from acquisition.tfrecords.size_checks import check_sizes
from analysis.statistics.formats import apart
from experiment.changes import changed
from experiment.config import ExperimentConfig
from experiment.errors import ThawError
from experiment.machine import Expected, usable_cores
from pipeline.dag.beam_options import beam_options
from pipeline.planning.budget import BudgetPlan, plan_budget
from pipeline.planning.plan import Plan, measure_gflops, plan_run
from pipeline.planning.precision import Decision, decided, resolved
from pipeline.planning.run_costs import RunCosts
from pipeline.runner.backbone_files import with_files
from pipeline.runs.metadata_file import METADATA_FILE, check_metadata
from pipeline.runs.run_lock import check_no_pattern, check_usable, check_writable
from terminal.console import progress_in


@dataclasses.dataclass(frozen=True)
class Prepared:
    """The results of the preparation.

    Attributes:
      asked: the experiment as the user gave it.
      config: the experiment, with the transfers that can run, the draws that there is time for, and its precision
        decided.
      dataset: the images.
      left_out: transfers that can't run, and why.
      plan: of the run.
      precision: of trainings, and why.
      budget: what there is time for; none if the run has no budget.
      expected: expected seconds of trainings, by sweep.
    """

    asked: ExperimentConfig
    config: ExperimentConfig
    dataset: Dataset
    left_out: dict[str, str]
    plan: Plan
    precision: Decision
    budget: BudgetPlan | None = None
    expected: Mapping[str, Expected] = dataclasses.field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The plan as JSON values, with the data that it is for."""
        about = {"data": self.dataset.origin, "synthetic": self.dataset.synthetic, "left_out": self.left_out,
                 "precision": dataclasses.asdict(self.precision)}  # fmt: skip
        within = {"budget": self.budget.as_json()} if self.budget else {}
        return {**dataclasses.asdict(self.plan), **about, **within}


def prepare(
    config: ExperimentConfig, project_root: Path, environment: Mapping[str, str], terminal: Console
) -> Prepared:
    """Finds and checks data and weights, and plans the run.

    Args:
      config, project_root, environment: as in launch.
      terminal: for messages.

    Raises:
      ThawError: as launch.
    """
    terminal.print(f"Thaw {version('thaw')}, experiment {config.name}")
    asked = config
    check_places(config)
    beam_options(config.beam_args)  # checked here, before every record is read
    dataset, inspection = find_data(config, project_root, environment, terminal)
    check_sizes(inspection, config)
    for sentence in scarce_classes(inspection, config):
        terminal.print(f"!! {sentence}")
    config, left_out = with_files(config, project_root, terminal.print)
    images = sum(inspection.train_counts.values()) + sum(inspection.test_counts.values())
    precision = decided(config, images, terminal.print)
    config = resolved(config, precision)
    workers = config.workers or usable_cores()
    gflops = measure_gflops() * precision.times_as_fast
    budget = plan_budget(config, images, gflops, workers)
    if budget:
        config = changed(config, draws=budget.draws)
    plan = plan_run(config, images, inspection.size_bytes, gflops, workers)
    costs = RunCosts(config, images, gflops, workers)
    expected = {name: costs.expected(name) for name in costs.sweeps}
    return Prepared(asked, config, dataset, left_out, plan, precision, budget, expected)


def check_places(config: ExperimentConfig) -> None:
    """Checks the folders that a run writes to, and ML Metadata's file; changes nothing.

    Raises:
      ThawError: a run could not use one of them.
    """
    check_no_pattern(config.pipeline_root or "")
    for folder in (config.pipeline_folder, config.runs):
        check_usable(folder)
    check_metadata(config.pipeline_folder / METADATA_FILE)


def find_data(
    config: ExperimentConfig, project_root: Path, environment: Mapping[str, str], terminal: Console
) -> tuple[Dataset, Inspection]:  # fmt: skip
    """The images, found and checked record by record (only once while they stay unchanged).

    Args:
      config, project_root, environment, terminal: as in prepare.

    Raises:
      ThawError: no images were found, or a record is damaged or differs from the configuration.
    """
    places, classes = usual_places(project_root), config.data.classes
    dataset = locate_dataset(config.data.path, places, environment, say=terminal.print, classes=classes)
    check_writable(config.workspace)
    return dataset, _inspect(config, dataset, terminal)


def _inspect(config: ExperimentConfig, dataset: Dataset, terminal: Console) -> Inspection:
    folder = config.workspace / "inspections"
    with progress_in(terminal, transient=True) as bar:
        task = bar.add_task("checking every record", total=None)
        return inspect_once(dataset.files, config.data, folder, lambda done: bar.update(task, completed=done))


def free_gb(path: Path) -> float:
    """Free space on the disk of a folder that need not exist yet."""
    absolute = path.absolute()
    existing = next(parent for parent in (absolute, *absolute.parents) if parent.exists())
    return shutil.disk_usage(existing).free / 1e9


def check_room(prepared: Prepared) -> None:
    """Compares the plan with the free space on the workspace's disk.

    Raises:
      ThawError: the run needs more.
    """
    place, needed_gb = prepared.config.workspace, prepared.plan.disk_mb / 1000
    if needed_gb > (there_gb := free_gb(place)):
        free, needed = apart(there_gb, needed_gb)
        raise ThawError(f"{place.absolute()} has {free} GB free; the run needs about {needed} GB. "
                        "Free some, or set workspace to another disk.")  # fmt: skip
