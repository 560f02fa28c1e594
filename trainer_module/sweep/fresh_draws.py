"""Trains single cells on draws that no search has seen, into ledgers of their own. Imports record, no KerasTuner."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from experiment.changes import changed
from experiment.training_settings import FIRST_FRESH_DRAW
from ledger.cell_selection import Cell
from ledger.ledger_note import FRESH_DRAWS_FOLDER
from ledger.rows import Header, Row
from trainer_module.sweep.job import SweepFacts, SweepJob
from trainer_module.sweep.process_pool import checked_pool
from trainer_module.sweep.record import SweepRecord
from trainer_module.sweep.units import Planned, group_units


def fresh_job(job: SweepJob, draws: int) -> SweepJob:
    """The sweep's job for its fresh draws.

    Args:
      job: of the search.
      draws: the most fresh draws of a cell.
    """
    folder = job.settings.ledger_dir / FRESH_DRAWS_FOLDER
    settings = changed(job.settings, first_draw=FIRST_FRESH_DRAW, draws=draws, ledger_dir=folder, asked="")
    return dataclasses.replace(job, settings=settings)


def trained_before(job: SweepJob, header: Header) -> Callable[[Cell, int], bool]:
    """Says which executions the ledger holds, before any worker is started.

    Args:
      job: of `fresh_job`.
      header: of the search's ledger, which has what workers would read of data and source.
    """
    facts = {field.name: getattr(header, field.name) for field in dataclasses.fields(SweepFacts)}
    record = SweepRecord(job.settings, SweepFacts(**facts))
    rows = record.open_ledger().rows if record.ledger_path.exists() else {}
    return lambda cell, draw: record.key(cell, draw) in rows


def useful_workers(job: SweepJob, executions: Sequence[Planned]) -> int:
    """Processes that executions can keep busy."""
    return max(1, min(job.workers, len(group_units(executions))))


def fresh_rows(
    job: SweepJob, executions: Sequence[tuple[Cell, int]], advance: Callable[[Row], None],
    begin: Callable[[Sequence[Planned]], None] = lambda missing: None,
) -> tuple[Header, list[Row]]:  # fmt: skip
    """Rows of the executions, in their order; what the ledger holds does not run again.

    Args:
      job: of `fresh_job`.
      executions: cells and draws.
      advance: is called with each row that was trained or found.
      begin: is called with what the ledger lacks, after the rows that were found.

    Raises:
      ThawError: the source may not be transferred, or an execution failed; rows that ended before are kept.
    """
    with checked_pool(job, useful_workers(job, executions)) as pool:
        record = SweepRecord(job.settings, pool.facts)
        ledger = record.open_ledger()
        missing = []
        for execution in executions:
            row = ledger.rows.get(record.key(*execution))
            if row is None:
                missing.append(execution)
            else:
                advance(row)
        begin(missing)
        for ended in pool.run(missing):
            row = record.row(*ended)
            ledger.append(row)
            advance(row)
    return record.header, [ledger.rows[record.key(*execution)] for execution in executions]
