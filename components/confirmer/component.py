"""The Confirmer node: the search's ledgers, sources and the target in, fresh rows out. Imports TFX."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, base_executor
from tfx.types.experimental import simple_artifacts

from analysis.cells.grid import Grid
from analysis.cells.paired_ledgers import Ledgers, pair_ledgers
from components.confirmer.confirmation_files import Rows, write_confirmation
from components.confirmer.confirming import ConfirmerSettings, confirm
from components.confirmer.draws_in_time import DrawsInTime
from components.named_inputs import make_component, named, of_kind
from experiment.machine import CONFIRMATION, deadline_on_this_machine
from experiment.training_settings import SweepSettings
from ledger.cell_selection import Cell
from ledger.ledger import LEDGER_FILE, read_ledger
from ledger.rows import Row
from terminal import progress
from trainer_module.data.artifact_folders import SERVING_FOLDER, artifacts_as_folders
from trainer_module.sweep.expected_work import ExpectedWork
from trainer_module.sweep.fresh_draws import fresh_job, fresh_rows, trained_before, useful_workers
from trainer_module.sweep.job import SweepJob
from trainer_module.sweep.process_pool import default_workers
from trainer_module.tuners.sweep_tuner import row_note

Artifacts = dict[str, list[types.Artifact]]


class ConfirmerExecutor(base_executor.BaseExecutor):
    """Reads the inputs by the names that `confirmer` gave them."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        settings = ConfirmerSettings.model_validate_json(exec_properties["settings"])
        with artifacts_as_folders(input_dict, output_dict):
            uris = {name: made.uri for name, [made] in sorted(input_dict.items())}
            ledgers = [read_ledger(Path(uri) / LEDGER_FILE) for uri in of_kind("ledger", uris).values()]
            most = settings.confirmation.most_draws
            jobs = {
                one.name: fresh_job(_job(one.on_this_machine(), uris["examples"], of_kind("source", uris)), most)
                for one in settings.sweeps
            }

            searched = {header.sweep: rows for header, rows in ledgers}

            def train(asked: Mapping[str, Sequence[tuple[Cell, int]]]) -> Rows:
                return {name: _trained(jobs[name], executions, searched[name]) for name, executions in asked.items()}

            paired = pair_ledgers(ledgers)
            questions, rows = confirm(paired, settings, train, _time_for_draws(paired, settings, jobs))
            write_confirmation(Path(output_dict["confirmation"][0].uri), questions, rows, settings.confirmation)


def _time_for_draws(ledgers: Ledgers, settings: ConfirmerSettings, jobs: Mapping[str, SweepJob]) -> DrawsInTime | None:
    """None where the run has no budget."""
    deadline = deadline_on_this_machine(settings.sweeps[0].ledger_dir, CONFIRMATION, time.monotonic())
    workers = next(iter(jobs.values())).workers
    if deadline is None:
        return None
    grid = Grid(ledgers)
    known = {name: trained_before(job, grid.sweeps[name].header) for name, job in jobs.items()}
    return DrawsInTime(grid, workers, deadline, time.monotonic, lambda name, cell, draw: known[name](cell, draw))


def _job(settings: SweepSettings, examples: str, sources: Mapping[str, str]) -> SweepJob:
    files = (f"{examples}/Split-train/*",), (f"{examples}/Split-val/*",)
    model = f"{sources[settings.name]}/{SERVING_FOLDER}" if settings.name in sources else ""
    return SweepJob(settings, *files, model, settings.workers or default_workers())


def _trained(job: SweepJob, executions: Sequence[tuple[Cell, int]], searched: Sequence[Row]) -> Any:
    name, folder = job.settings.name, job.settings.ledger_dir.parent
    work = ExpectedWork(folder, name, useful_workers(job, executions))
    work.learn({(Cell.of_row(row), row.draw): row.seconds for row in searched})
    with progress.work_bar(f"confirm {name}", len(executions), work.time_left) as advance:

        def count(row: Row) -> None:
            work.ended(Cell.of_row(row), row.draw, row.seconds)
            advance(row_note(row))

        return fresh_rows(job, executions, count, work.begin)


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
