"""Trains single cells on draws that no search has seen, into ledgers of their own. Imports record, no KerasTuner."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from experiment.changes import changed
from experiment.training_settings import FIRST_FRESH_DRAW
from ledger.cell_selection import Cell
from ledger.ledger import Ledger
from ledger.ledger_note import FRESH_DRAWS_FOLDER
from ledger.rows import Header, Row
from trainer_module.cell_training.execution import Execution
from trainer_module.sources import source_card
from trainer_module.sweep.job import SweepFacts, SweepJob
from trainer_module.sweep.record import SweepRecord
from trainer_module.sweep.units import Planned
from trainer_module.training.running_stack import running_stack
from trainer_module.worker_pools.joint_pool import JointPool


class FreshDraws:
    """One sweep's fresh draws: the rows of its ledger, and what workers need to train the rest.

    Args:
      job: of the search.
      searched: header of the search's ledger: workers must read the same data and the same source.
      draws: the most fresh draws of a cell.

    Attributes:
      job: of the fresh draws.
      facts: of the data and the source that a worker must read.
    """

    def __init__(self, job: SweepJob, searched: Header, draws: int):
        folder = job.settings.ledger_dir / FRESH_DRAWS_FOLDER
        settings = changed(job.settings, first_draw=FIRST_FRESH_DRAW, draws=draws, ledger_dir=folder, asked="")
        self.job = dataclasses.replace(job, settings=settings)
        of_search = {field.name: getattr(searched, field.name) for field in dataclasses.fields(SweepFacts)}
        # Another pod than the search's may have another device.
        self.facts = SweepFacts(**{**of_search, "stack": running_stack(settings.precision)})
        self._record = SweepRecord(settings, self.facts)
        self._opened = self._record.open_ledger() if self._record.ledger_path.exists() else None

    def row(self, cell: Cell, draw: int) -> Row | None:
        """The execution's row; None if the ledger lacks it."""
        return self._opened.rows.get(self._record.key(cell, draw)) if self._opened else None

    def rows(self, executions: Sequence[Planned]) -> tuple[Header, list[Row]]:
        """The ledger's header, and the rows of executions that it holds."""
        return self._record.header, [row for execution in executions if (row := self.row(*execution))]

    def add(self, cell: Cell, draw: int, execution: Execution) -> Row:
        """Puts an execution's row into the ledger, which is made if it does not exist."""
        row = self._record.row(cell, draw, execution)
        self._ledger.append(row)
        return row

    def check_source(self) -> None:
        """Rejects a source that no search would transfer.

        Raises:
          ThawError: it is no better than guessing, or was altered since it was trained.
        """
        if self.job.base_model:
            if not self.job.settings.allow_untrained_sources:
                source_card.check_trained(self.job.base_model)
            source_card.check_unaltered(self.job.base_model, self.facts.source_hash)

    @property
    def _ledger(self) -> Ledger:
        self._opened = self._opened or self._record.open_ledger()
        return self._opened


def fresh_rows(
    sweeps: Mapping[str, FreshDraws], pool: JointPool, asked: Mapping[str, Sequence[Planned]],
    advance: Callable[[str, Row, bool], None],
    begin: Callable[[Mapping[str, Sequence[Planned]]], None] = lambda lacking: None,
) -> dict[str, tuple[Header, list[Row]]]:  # fmt: skip
    """Rows of executions by sweep, in their order; those in the ledgers do not run again.

    Args:
      sweeps: by name.
      pool: of these sweeps' jobs and facts.
      asked: cells and draws by sweep.
      advance: is called with the sweep, each row that was trained or found, and whether it was found.
      begin: is called with the executions that the ledgers lack, after the rows that were found.

    Raises:
      ThawError: a source may not be transferred, or an execution failed; rows that ended before are kept.
    """
    for name, executions in asked.items():
        for row in sweeps[name].rows(executions)[1]:
            advance(name, row, True)
    lacking = {name: [one for one in planned if sweeps[name].row(*one) is None] for name, planned in asked.items()}
    begin(lacking)
    for name, missing in lacking.items():
        if missing:
            sweeps[name].check_source()
    for name, cell, draw, execution in pool.run(lacking):
        advance(name, sweeps[name].add(cell, draw, execution), False)
    return {name: sweeps[name].rows(executions) for name, executions in asked.items()}
