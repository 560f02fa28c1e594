"""One run from a configuration to its folder of results: data, plan, DAG, report. Only the runner imports this."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from acquisition.downloads.dataset import Dataset, locate_dataset
from acquisition.downloads.imagenet_weights import check_weights, locate_weights
from acquisition.downloads.kept_files import keep_files
from acquisition.tfrecords.inspection import Inspection, check_sizes, inspect_once
from acquisition.tfrecords.scarce_classes import scarce_classes
from experiment.config import ExperimentConfig
from experiment.errors import ThawError
from experiment.machine import Machine
from pipeline import console
from pipeline.artifact_store import open_store
from pipeline.beam_options import beam_options
from pipeline.failed_run import AFTER_NODES, explained
from pipeline.metadata_file import METADATA_FILE, check_metadata
from pipeline.own_model import with_own_model
from pipeline.plan import Plan, measure_gflops, plan_run
from pipeline.run_lock import check_no_pattern, check_usable, check_writable, locked
from pipeline.training_settings import asked_digests
from terminal import progress
from terminal.console import progress_in
from terminal.tables import FittingTable, empty_table
from trainer_module.processes import fork_server


def launch(config: ExperimentConfig, project_root: Path, environment: Mapping[str, str], *, plan_only: bool) -> None:
    """Runs the experiment and prints what the user should see.

    Args:
      config: the experiment.
      project_root: `../shared/data` is looked for from here.
      environment: the process's; `CIFAR10_DIR` is read.
      plan_only: stop after the plan.

    Raises:
      ThawError: something the user can put right; what was computed before stays and is not repeated.
    """
    terminal = progress.console()
    prepared = prepare(config, project_root, environment, terminal)
    _show_plan(prepared, terminal)
    if not plan_only:
        with locked(config.pipeline_folder):
            _run(prepared, terminal)


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
    _sayer(terminal)(f"Thaw {version('thaw')}, experiment {config.name}")
    asked = config
    check_places(config)
    beam_options(config.beam_args)  # refused here, before every record is read
    dataset, inspection = find_data(config, project_root, environment, terminal)
    check_sizes(inspection, config)
    for sentence in scarce_classes(inspection, config):
        terminal.print(f"!! {sentence}")
    config, left_out, weights_hash = with_weights(with_own_model(config), project_root, _sayer(terminal))
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
    needing = [transfer for transfer in config.transfers
               if config.sources[transfer.source].is_imagenet and transfer.architecture == "mobilenet_v2"]  # fmt: skip
    if not needing:
        return config, {}, ""
    settings = config.mobilenet_v2
    path = locate_weights(
        settings.weights, settings.alpha, project_root=project_root, keras_home=Path.home() / ".keras", say=say
    )
    if path is not None:
        check_weights(path, settings.alpha)
        found = config.model_copy(update={"mobilenet_v2": settings.model_copy(update={"weights": path.absolute()})})
        return found, {}, hashlib.sha256(path.read_bytes()).hexdigest()
    reason = (
        f"MobileNetV2's ImageNet weights (alpha {settings.alpha}) are not to be had: not in ../shared/data/weights, "
        "not in Keras's cache, and Keras's server did not answer. Give a file with --weights"
    )
    rest = tuple(transfer for transfer in config.transfers if transfer not in needing)
    if config.strict or all(config.sources[transfer.source].control for transfer in rest):
        raise ThawError(f"{reason}, or remove {', '.join(t.id for t in needing)} from transfers.")
    for transfer in needing:
        say(f"!! LEFT OUT: {transfer.id}. {reason}.")
    return config.model_copy(update={"transfers": rest}), {t.id: reason for t in needing}, ""


def find_data(
    config: ExperimentConfig, project_root: Path, environment: Mapping[str, str], terminal: Console
) -> tuple[Dataset, Inspection]:  # fmt: skip
    """The images, found and checked record by record (once only, while they stay as they are).

    Args:
      config, project_root, environment, terminal: as in prepare.

    Raises:
      ThawError: there are none, or a record is at fault.
    """
    dataset = locate_dataset(
        config.data.path,
        project_root=project_root,
        environment=environment,
        cache_dir=Path.home() / ".cache" / "thaw",
        tfds_dir=Path.home() / "tensorflow_datasets",
        say=_sayer(terminal),
    )
    check_writable(config.workspace)
    return dataset, _inspect(config, dataset, terminal)


def _inspect(config: ExperimentConfig, dataset: Dataset, terminal: Console) -> Inspection:
    folder = config.workspace / "inspections"
    with progress_in(terminal, transient=True) as bar:
        task = bar.add_task("checking every record", total=None)
        return inspect_once(dataset.files, config.data, folder, lambda done: bar.update(task, completed=done))


def _show_plan(prepared: Prepared, terminal: Console) -> None:
    config, plan = prepared.config, prepared.plan
    title = f"Plan: {plan.executions} trainings on {prepared.dataset.name}"
    table = empty_table("sweep", "cells", "draws", "trainings", title=title)
    rows = [(sweep, str(cells), *_draws_in_words(config, sweep, cells)) for sweep, cells in plan.cells.items()]
    terminal.print(FittingTable(table, rows))
    free_gb = shutil.disk_usage(_existing_parent(config.workspace)).free / 1e9
    terminal.print(
        f"About {plan.minutes:.0f} minutes if nothing is cached; {plan.disk_mb / 1000:.1f} GB of disk "
        f"({free_gb:.0f} GB free).",
    )
    if plan.disk_mb / 1000 > free_gb:
        raise ThawError(f"{config.workspace.absolute()} has {free_gb:.1f} GB free; the run needs about "
                        f"{plan.disk_mb / 1000:.1f} GB. Free some, or set workspace to another disk.")  # fmt: skip


def _draws_in_words(config: ExperimentConfig, sweep: str, cells: int) -> tuple[str, str]:
    """Draws of a sweep's cells and its trainings, as the plan shows them."""
    fewest = config.all_draws if sweep.startswith("baseline__") else config.draws
    if fewest == config.all_draws:
        return str(fewest), str(cells * fewest)
    return f"{fewest} to {config.all_draws}", f"{cells * fewest} or more"


def _run(prepared: Prepared, terminal: Console) -> None:
    """Runs the DAG with everything but our own lines in the run's log, and shows what came out."""
    from pipeline import run_folder

    folder = run_folder.new_run_folder(prepared.asked, prepared.dataset.name)
    log = folder / console.RUN_LOG
    watcher = console.NodeWatcher(_sayer(terminal))
    try:
        with console.output_to_log(log):
            summary = _run_nodes(prepared, folder, watcher)
    except Exception as error:
        raise explained(error, watcher.node, log) from error
    if summary is None:
        # `tfx pipeline create` loads this file without running the DAG.
        shutil.rmtree(folder)
        return
    _show_results(summary, folder, terminal)


def _run_nodes(prepared: Prepared, folder: Path, watcher: console.NodeWatcher) -> dict[str, Any] | None:
    """The run's summary; none where the DAG was not run. What TFX and its friends print on import lands in the log."""
    from pipeline import run_folder

    config = prepared.config
    fork_server.start()
    if config.pipeline_root:
        open_store(config.pipeline_root)
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner

    from pipeline.dag import create_pipeline, metadata_path

    keep_files(config, prepared.weights_hash)
    asked = asked_digests(prepared.asked)
    machine = Machine(workers=config.workers, activations_gib=config.activations_gib, asked=asked)
    machine.write(config.pipeline_folder / "ledgers")
    pipeline = create_pipeline(config, prepared.dataset, prepared.left_out, prepared.weights_hash)
    watcher.total = len(pipeline.components)
    store_path = metadata_path(config)
    before = run_folder.latest_run_context(run_folder.open_store(store_path)) if store_path.exists() else 0
    with console.watched(watcher):
        LocalDagRunner().run(pipeline)
    store = run_folder.open_store(store_path) if store_path.exists() else None
    context = run_folder.latest_run_context(store) if store else 0
    if store is None or context == before:
        return None
    watcher.node = AFTER_NODES
    nodes = run_folder.nodes_of_run(store, context)
    record = run_folder.MetadataRecord(store_path, context)
    return run_folder.finish_run_folder(folder, config, nodes, prepared.dataset.origin, record)


def _show_results(summary: dict, folder: Path, terminal: Console) -> None:
    from components.transfer_report.page.closing_table import closing_table

    cached = len(summary["cached_nodes"])
    spent = sum(summary["seconds_per_node"].values())
    terminal.print(closing_table(summary))
    _sayer(terminal)(
        f"{len(summary['seconds_per_node'])} nodes in {spent:.0f} s, {cached} of them from TFX's cache.\n"
        f"Report: {_shown(folder / 'report.html')} ({_shown(folder.parent / 'latest')} points to its folder)"
    )


def _shown(path: Path) -> str:
    """The path from the working folder where it lies within, else whole."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _existing_parent(path: Path) -> Path:
    absolute = path.absolute()
    return next(parent for parent in (absolute, *absolute.parents) if parent.exists())


def _sayer(terminal: Console) -> Callable[[str], None]:
    return lambda line: terminal.print(line)
