"""One run from a configuration to its folder of results: data, plan, DAG, report. Only the runner imports this."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from acquisition.data_sources.kept_files import keep_files
from experiment.changes import changed
from experiment.config import ExperimentConfig
from experiment.errors import ThawError, counted
from experiment.machine import Machine
from pipeline.dag.node_settings import asked_digests
from pipeline.planning.plan import Plan, sides_in_words
from pipeline.planning.precision import resolved
from pipeline.runner.artifact_store import open_store
from pipeline.runner.failed_run import AFTER_NODES, explained, interruption
from pipeline.runner.prepare import Prepared, check_room, free_gb, prepare
from pipeline.runs import run_log
from pipeline.runs.run_lock import locked
from terminal import progress
from terminal.tables import FittingTable, between, empty_table
from trainer_module.processes import fork_server


def launch(
    config: ExperimentConfig, project_root: Path, environment: Mapping[str, str], *, plan_only: bool,
    data: str | None = None,
) -> None:  # fmt: skip
    """Runs the experiment and prints what the user should see.

    Args:
      config: the experiment.
      project_root: `../shared/data` is looked for from here.
      environment: the process's; `CIFAR10_DIR` is read.
      plan_only: stop after the plan.
      data: name of the images that the run must use; None: any.

    Raises:
      ThawError: something the user can correct; finished work stays and is not repeated.
    """
    began = time.monotonic()  # of the whole machine, and correct if the clock is changed meanwhile
    terminal = progress.console()
    prepared = prepare(config, project_root, environment, terminal)
    if data not in (None, prepared.dataset.name):
        raise ThawError(f"The run used {data}, but Thaw now finds {prepared.dataset.name}. Give the same images as in "
                        "that run, with CIFAR10_DIR in the environment or data.path.")  # fmt: skip
    _show_plan(prepared, terminal)
    if not plan_only:
        with locked(config.pipeline_folder):
            _run(prepared, terminal, began)


def _show_plan(prepared: Prepared, terminal: Console) -> None:
    config, plan = prepared.config, prepared.plan
    terminal.print(plan_table(config, plan, prepared.dataset.name))
    terminal.print(sides_in_words(config))
    asked = config.confirmation
    decided = f" and {asked.draws} fresh draws decide every size" if asked.most_draws > asked.draws else ""
    terminal.print(
        f"About {counted(plan.in_minutes, 'minute')} if nothing is cached{decided}; {plan.disk_mb / 1000:.1f} GB "
        f"of disk ({free_gb(config.workspace):.0f} GB free).",
    )
    if prepared.budget:
        for sentence in prepared.budget.sentences:
            terminal.print(sentence)
    check_room(prepared)


def plan_table(config: ExperimentConfig, plan: Plan, data: str) -> FittingTable:
    """Trainings by sweep, and those on fresh draws.

    Args:
      config: the experiment.
      plan: of it.
      data: name of the data.
    """
    most = "at most "
    title = f"Plan: {most if plan.at_most else ''}{plan.executions:,} trainings on {data}"
    rows = []
    for sweep, cells in plan.cells.items():
        searched = most if plan.searched and not sweep.startswith("baseline__") else ""
        rows.append((sweep, str(cells), str(config.draws), f"{searched}{cells * config.draws}"))
    bound, asked = most if plan.fresh_at_most else "", config.confirmation
    draws = f"{asked.draws} to {asked.most_draws}" if asked.most_draws > asked.draws else str(asked.draws)
    trainings = between(plan.fresh_fewest, plan.fresh_executions, bound)
    rows.append(("fresh draws", f"{bound}{sum(plan.fresh_cells.values())}", draws, trainings))
    return FittingTable(empty_table("sweep", "cells", "draws", "trainings", title=title), rows)


def _run(prepared: Prepared, terminal: Console, began: float) -> None:
    """Runs the DAG, with all other output in the run's log, and shows the results."""
    from pipeline.runs import run_folder

    folder = run_folder.new_run_folder(prepared.asked, prepared.dataset.name, prepared.precision.precision)
    log = folder / run_log.RUN_LOG
    watcher = run_log.NodeWatcher(terminal.print)
    try:
        with run_log.output_to_log(log):
            summary = _run_nodes(prepared, folder, watcher, began)
    except Exception as error:
        if interruption(error) is not None:
            raise
        raise explained(error, watcher.node, log, prepared.config.pipeline_folder) from error
    if summary is None:
        # `tfx pipeline create` loads this file without running the DAG.
        shutil.rmtree(folder)
        return
    _show_results(summary, folder, terminal)


def _run_nodes(prepared: Prepared, folder: Path, watcher: run_log.NodeWatcher, began: float) -> dict[str, Any] | None:
    """The run's summary; None if the DAG was not run. TFX's output on import goes to the log."""
    from pipeline.runs import ml_metadata, run_folder

    config = prepared.config
    fork_server.start()
    if config.pipeline_root:
        open_store(config.pipeline_root)
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner

    from pipeline.dag.dag import create_pipeline, metadata_path

    keep_files(config)
    pipeline = create_pipeline(config, prepared.dataset, prepared.left_out, asked_draws=prepared.asked.draws,
                               precision_why=prepared.precision.why)  # fmt: skip
    asked = asked_digests(resolved(prepared.asked, prepared.precision))
    machine = Machine(workers=config.workers, activations_gib=config.activations_gib, asked=asked,
                      expected=dict(prepared.expected))  # fmt: skip
    if config.budget_minutes and prepared.budget:
        shares = prepared.budget.shares([node.id for node in pipeline.components])
        machine = changed(machine, ends_at=began + 60 * config.budget_minutes, shares=shares)
    machine.write(config.ledger_folder)
    prepared.precision.write(config.ledger_folder)
    watcher.total = len(pipeline.components)
    store_path = metadata_path(config)
    before = ml_metadata.latest_run_context(ml_metadata.open_store(store_path)) if store_path.exists() else 0
    with run_log.watched(watcher):
        LocalDagRunner().run(pipeline)
    store = ml_metadata.open_store(store_path) if store_path.exists() else None
    context = ml_metadata.latest_run_context(store) if store else 0
    if store is None or context == before:
        return None
    watcher.node = AFTER_NODES
    nodes = ml_metadata.nodes_of_run(store, context)
    record = ml_metadata.MetadataRecord(store_path, context, ml_metadata.run_name(store, context))
    return run_folder.finish_run_folder(folder, config, nodes, prepared.dataset.origin, record, began)


def _show_results(summary: dict, folder: Path, terminal: Console) -> None:
    from components.transfer_report.page.closing_table import closing_table, kept_models

    cached = len(summary["cached_nodes"])
    spent = sum(summary["seconds_per_node"].values())
    terminal.print(closing_table(summary))
    for line in (
        *kept_models(summary),
        f"{len(summary['seconds_per_node'])} nodes took {spent:.0f} s, {cached} of them from TFX's cache; "
        f"the whole run took {summary['seconds_total']:.0f} s.",
        f"Report: {_shown(folder / 'report.html')} ({_shown(folder.parent / 'latest')} points to its folder)",
    ):
        terminal.print(line, soft_wrap=True)


def _shown(path: Path) -> str:
    """The path relative to the working folder if it lies within, else the whole path."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
