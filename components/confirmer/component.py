"""The Confirmer node: the search's ledgers, sources and the target in, fresh rows out. Imports TFX."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, base_executor
from tfx.types.experimental import simple_artifacts

from analysis.cells.grid import Grid
from analysis.cells.paired_ledgers import pair_ledgers
from components.confirmer.confirmation_files import Rows, write_confirmation
from components.confirmer.confirming import ConfirmerSettings, confirm
from components.confirmer.draws_in_time import DrawsInTime, training_seconds
from components.named_inputs import make_component, named, of_kind
from experiment.machine import CONFIRMATION, deadline_on_this_machine
from experiment.training_settings import SweepSettings
from ledger.cell_selection import Cell
from ledger.ledger import LEDGER_FILE, read_ledger
from ledger.rows import Row
from terminal import progress
from trainer_module.data.artifact_folders import SERVING_FOLDER, artifacts_as_folders
from trainer_module.sweep.expected_work import JointWork
from trainer_module.sweep.job import SweepJob
from trainer_module.sweep.units import Planned, group_units
from trainer_module.tuners.sweep_tuner import row_note
from trainer_module.worker_pools.fresh_draws import FreshDraws, fresh_rows
from trainer_module.worker_pools.joint_pool import JointPool, KnownSweep
from trainer_module.worker_pools.process_pool import default_workers

Artifacts = dict[str, list[types.Artifact]]


class ConfirmerExecutor(base_executor.BaseExecutor):
    """Reads the inputs by the names that `confirmer` gave them."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        settings = ConfirmerSettings.model_validate_json(exec_properties["settings"])
        with artifacts_as_folders(input_dict, output_dict):
            uris = {name: made.uri for name, [made] in sorted(input_dict.items())}
            ledgers = [read_ledger(Path(uri) / LEDGER_FILE) for uri in of_kind("ledger", uris).values()]
            paired = pair_ledgers(ledgers)
            grid = Grid(paired)
            sweeps = {
                one.name: FreshDraws(
                    _job(one.on_this_machine(), uris["examples"], of_kind("source", uris)),
                    grid.sweeps[one.name].header,
                    settings.confirmation.most_draws,
                )
                for one in settings.sweeps
            }
            workers = next(iter(sweeps.values())).job.workers
            known = {
                name: KnownSweep(one.job, one.facts, functools.partial(training_seconds, grid.sweeps[name].rows))
                for name, one in sweeps.items()
            }
            with JointPool(known, workers) as pool:
                train = functools.partial(_trained, grid, sweeps, pool)
                questions, rows = confirm(paired, settings, train, _time_for_draws(grid, settings, sweeps))
            write_confirmation(Path(output_dict["confirmation"][0].uri), questions, rows, settings.confirmation)


def _time_for_draws(grid: Grid, settings: ConfirmerSettings, sweeps: Mapping[str, FreshDraws]) -> DrawsInTime | None:
    """None where the run has no budget."""
    deadline = deadline_on_this_machine(settings.sweeps[0].ledger_dir, CONFIRMATION, time.monotonic())
    if deadline is None:
        return None
    workers = next(iter(sweeps.values())).job.workers
    return DrawsInTime(
        grid, workers, deadline, time.monotonic, lambda name, cell, draw: sweeps[name].row(cell, draw) is not None
    )


def _job(settings: SweepSettings, examples: str, sources: Mapping[str, str]) -> SweepJob:
    files = (f"{examples}/Split-train/*",), (f"{examples}/Split-val/*",)
    model = f"{sources[settings.name]}/{SERVING_FOLDER}" if settings.name in sources else ""
    return SweepJob(settings, *files, model, settings.workers or default_workers())


def _trained(
    grid: Grid, sweeps: Mapping[str, FreshDraws], pool: JointPool, asked: Mapping[str, Sequence[Planned]]
) -> Rows:
    """Rows of executions by sweep."""
    job = next(iter(sweeps.values())).job
    units = sum(len(group_units(executions)) for executions in asked.values())
    searched = {name: {(Cell.of_row(row), row.draw): row.seconds for row in grid.sweeps[name].rows} for name in asked}
    work = JointWork(job.settings.ledger_dir.parent, searched, min(job.workers, units))
    with progress.work_bar("confirm", sum(map(len, asked.values())), work.time_left, "trainings") as advance:

        def count(name: str, row: Row, found: bool) -> None:
            work.ended(name, Cell.of_row(row), row.draw, row.seconds)
            advance("from the ledger" if found else f"{name} {row_note(row)}")

        return fresh_rows(sweeps, pool, asked, count, work.begin)


def confirmer(
    *, examples: types.BaseChannel, ledgers: Mapping[str, types.BaseChannel],
    sources: Mapping[str, types.BaseChannel], settings: ConfirmerSettings, code: str,
) -> base_component.BaseComponent:  # fmt: skip
    """Makes the node for any number of sweeps, each input under a name of its own.

    Args:
      examples: Examples of the target.
      ledgers: TunerResults with LEDGER_FILE, by transfer and by baseline.
      sources: Model by transfer.
      settings: see there.
      code: fingerprint of the sources; only in the cache key.

    Returns:
      A node with the output `confirmation` (File: what read_confirmation reads).
    """
    return make_component(
        "Confirmer",
        ConfirmerExecutor,
        inputs={"examples": examples, **named("ledger", ledgers), **named("source", sources)},
        outputs={"confirmation": simple_artifacts.File},
        parameters={"settings": settings.model_dump_json(), "code": code},
    )
