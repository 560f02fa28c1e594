"""A sweep as a KerasTuner: oracle, ledger, best cell; one machine's workers run it. Imports no TFX."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import keras_tuner

from experiment.training_settings import ROW_KEY, SweepSettings
from ledger import ledger
from ledger.cell_selection import Cell, best_cell
from ledger.ledger import Ledger
from ledger.rows import Row
from terminal import progress
from trainer_module.cell_training.execution import Execution
from trainer_module.oracles.sweep_oracle import SweepOracle, no_hypermodel, row_metrics
from trainer_module.sweep.expected_work import ExpectedWork
from trainer_module.sweep.job import SweepFacts
from trainer_module.sweep.kept_weights import drop_all_but
from trainer_module.sweep.record import Plan, SweepRecord, keras_tuner_folder
from trainer_module.sweep.rounds import complete_cells, rounds
from trainer_module.tuners.cell_search import search_cells

OUTCOMES = {"kept": "kept as before tuning", "retried": "repeated at a lower rate"}
"""Words for the outcomes of rows that get a note."""


class Runner(Protocol):
    """The pool that trains for the tuner: WorkerPool."""

    facts: SweepFacts

    @property
    def size(self) -> int: ...

    def run(self, executions: Sequence[tuple[Cell, int]]) -> Iterator[tuple[Cell, int, Execution]]: ...

    def close(self) -> None: ...


class LedgerTuner(keras_tuner.Tuner):
    """A KerasTuner whose trials are the rows of a ledger; subclasses define what trains them.

    Args:
      record: the sweep.
      rows: its ledger.
      oracle: hands out its trials.
    """

    def __init__(self, record: SweepRecord, rows: Ledger, oracle: SweepOracle):
        self.record = record
        self.ledger = rows
        # The ledger has the earlier executions, so KerasTuner's own files start empty.
        super().__init__(
            oracle=oracle,
            hypermodel=no_hypermodel,
            directory=str(keras_tuner_folder(record.settings.ledger_dir)),
            project_name=record.name,
            overwrite=True,
        )

    def get_best_hyperparameters(self, num_trials: int = 1) -> list[keras_tuner.HyperParameters]:
        """The hyperparameters of the cell that is best on val over all its draws, at the deployed size.

        One trial is one draw: taking the best trial would choose a lucky draw.

        Raises:
          ValueError: more than one model is requested.
        """
        if num_trials != 1:
            raise ValueError(f"Only the best cell is kept, not the best {num_trials}")
        best = best_cell(self.planned_rows(), self.record.settings.deployed_size)
        place = self.record.plan.index((best, self.record.settings.first_draw))
        trial = next(trial for name, trial in self.oracle.trials.items() if int(name) == place)
        chosen, key = trial.hyperparameters.copy(), self.record.keys[place]
        chosen.values[ROW_KEY] = key
        drop_all_but(self.record.settings, key)
        return [chosen]

    def planned_rows(self) -> list[Row]:
        """The ledger's rows of this plan, in its order; the ledger may hold rows of earlier plans too."""
        rows = self.ledger.rows
        return [rows[key] for key in self.record.keys if key in rows]

    def write_planned_rows(self, path: Path) -> None:
        """Writes the planned rows as a ledger of their own."""
        ledger.write_ledger(path, self.record.header, self.planned_rows())


class SweepTuner(LedgerTuner):
    """Runs a sweep's executions in this machine's workers; those that the ledger holds do not run again.

    Args:
      runner: trains cells of this sweep.
      settings: the sweep.
      deadline: by `clock`, when it stops with the rows that it has; none: when everything is trained.
      clock: seconds.
    """

    def __init__(
        self, runner: Runner, settings: SweepSettings, deadline: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):  # fmt: skip
        self.runner = runner
        self.deadline = deadline
        self.clock = clock
        self._ran_out = False
        record = SweepRecord(settings, runner.facts)
        super().__init__(record, record.open_ledger(), SweepOracle(record))

    def search(self, *args: Any, **kwargs: Any) -> None:
        """Runs the planned executions that the ledger lacks, then lets KerasTuner go through its trials.

        If the sweep is searched (cell_search), and after the deadline, the plan becomes the trained executions: at
        least one cell at every n (sweep.rounds).

        Raises:
          ThawError: an execution failed; those that ended before are kept.
        """
        label, planned = f"sweep {self.record.settings.name}", self.record.plan
        with contextlib.closing(self.runner):
            asked = self._run(label)
            trained = {one for one in planned if one in asked and self._has(*one)}
            if len(trained) < len(planned):
                why = (
                    "its time is over"
                    if self._ran_out
                    else "the search expects too little of the others for their cost"
                )
                progress.console().print(f"  {label}: ended early, at {len(trained)} of {len(planned)}: {why}")
            self.record.keep(complete_cells(planned, lambda *one: one in trained))
            super().search(*args, verbose=0, **kwargs)

    def _run(self, label: str) -> set[tuple[Cell, int]]:
        """Runs the executions of the plan, or of a search, that the ledger lacks, as long as there is time.

        Returns:
          The executions of the plan or the search: other rows of the ledger do not change its choice.
        """
        settings, record = self.record.settings, self.record
        asked: dict[tuple[Cell, int], None] = {}
        work = ExpectedWork(settings.ledger_dir, settings.name, self.runner.size)
        with progress.work_bar(label, len(record.plan), work.time_left, "trainings") as advance:

            def train(plan: Plan) -> bool:
                begun, new = bool(asked), [execution for execution in plan if execution not in asked]
                asked.update(dict.fromkeys(new))
                return self._train(new, work, advance, to_its_end=not begun)

            if settings.search == "grid":
                in_order = [record.plan] if self.deadline is None else rounds(settings)
                work.foresee([] if self.deadline is None else record.plan)
                all(train(one) for one in in_order)
                return set(record.plan)
            header, folder = record.header, keras_tuner_folder(settings.ledger_dir) / "search" / record.name
            val = sum(header.val_images)
            search_cells(settings, header.max_freeze_count, val, train, self._val_accuracy, folder, work.foresee)
        return set(asked)

    def _train(self, plan: Plan, work: ExpectedWork, advance: Callable[[str], None], *, to_its_end: bool) -> bool:
        """Runs the executions of a plan that the ledger lacks; False if time ran out, and running executions are
        lost."""
        lacking = [execution for execution in plan if not self._has(*execution)]
        for _ in range(len(plan) - len(lacking)):
            advance("from the ledger")
        if lacking and not to_its_end and self._is_over():
            self._ran_out = True
            return False
        work.begin(lacking)
        for execution in self.runner.run(lacking):
            row = self.record.row(*execution)
            self.ledger.append(row)
            work.ended(Cell.of_row(row), row.draw, row.seconds)
            advance(row_note(row))
            if not to_its_end and self._is_over():
                self._ran_out = True
                return False
        return True

    def _is_over(self) -> bool:
        return self.deadline is not None and self.clock() >= self.deadline

    def _val_accuracy(self, cell: Cell, draw: int) -> float:
        return self.ledger.rows[self.record.key(cell, draw)].val_accuracy

    def _has(self, cell: Cell, draw: int) -> bool:
        return self.record.key(cell, draw) in self.ledger.rows

    def run_trial(self, trial: keras_tuner.engine.trial.Trial, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Val accuracy and loss of the trial's execution, which `search` has put into the ledger."""
        return row_metrics(self.ledger.rows[self.record.keys[int(trial.trial_id)]])


def row_note(row: Row) -> str:
    """A row in the progress bar's few words."""
    note = f"{Cell.of_row(row).note} val {row.val_accuracy:.1%}"
    return note if row.outcome == "trained" else f"{note} ({OUTCOMES.get(row.outcome, row.outcome)})"
