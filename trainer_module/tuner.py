"""tuner_fn: KerasTuner plans the sweep and keeps its trials; workers run them. Imports workers, no TFX component."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import keras_tuner
import numpy as np
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.components.tuner.component import TunerFnResult

from trainer_module import ledger, progress
from trainer_module.ledger import Header, Ledger, Row
from trainer_module.selection import Cell, best_cell
from trainer_module.settings import SETTINGS_KEY, SweepSettings
from trainer_module.sweep import Execution
from trainer_module.sweep_job import SweepFacts, SweepJob
from trainer_module.workers import WorkerPool, default_workers

Plan = list[tuple[Cell, int]]
"""Executions: a cell and the number of its draw."""


class Runner(Protocol):
    """What trains for the tuner: WorkerPool."""

    facts: SweepFacts

    def run(self, executions: Sequence[tuple[Cell, int]]) -> Iterator[tuple[Cell, int, Execution]]: ...

    def close(self) -> None: ...


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """Builds the sweep of one transfer (a base model is given) or of one baseline (none is)."""
    settings = SweepSettings.model_validate(fn_args.custom_config[SETTINGS_KEY])
    workers = settings.workers or default_workers()
    job = SweepJob(
        settings, tuple(fn_args.train_files), tuple(fn_args.eval_files), fn_args.base_model or "", workers
    )  # fmt: skip
    tuner = SweepTuner(WorkerPool(job, workers), settings)
    return TunerFnResult(tuner=tuner, fit_kwargs={})


def plan_sweep(settings: SweepSettings) -> Plan:
    """All executions in the order of KerasTuner's trials, a fine-tuned cell straight after its twin."""
    return [
        (Cell(n, freeze_count, fine_tune), draw)
        for freeze_count in sorted(settings.freeze_counts)
        for draw in range(settings.draws)
        for n in sorted(settings.sizes)
        for fine_tune in sorted(settings.fine_tune)
    ]


class SweepOracle(keras_tuner.Oracle):
    """Hands out the planned executions in order; every one is a trial.

    Args:
      plan: the executions.
    """

    def __init__(self, plan: Plan):
        self.plan = plan
        space = keras_tuner.HyperParameters()
        for name, values in zip(("n", "freeze_count", "fine_tune", "draw"), _axes(plan), strict=True):
            space.Choice(name, values)
        super().__init__(
            objective=keras_tuner.Objective("val_accuracy", "max"),
            max_trials=len(plan),
            hyperparameters=space,
            allow_new_entries=False,
            tune_new_entries=False,
            seed=1,
        )

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        cell, draw = self.plan[int(trial_id)]
        values = {"n": cell.n, "freeze_count": cell.freeze_count, "fine_tune": cell.fine_tune, "draw": draw}
        return {"status": keras_tuner.engine.trial.TrialStatus.RUNNING, "values": values}


class SweepTuner(keras_tuner.Tuner):
    """A KerasTuner whose trials run in the workers, or come from the ledger when they ran before.

    Args:
      runner: trains cells of this sweep.
      settings: the sweep.
    """

    def __init__(self, runner: Runner, settings: SweepSettings):
        self.runner = runner
        self.settings = settings
        self.plan = plan_sweep(settings)
        facts = runner.facts
        self.header = Header(
            sweep=settings.name,
            source=settings.source,
            architecture=settings.architecture,
            data=settings.data_name,
            classes=settings.classes,
            source_hash=facts.source_hash,
            test_labels=facts.test_labels,
            test_ids_hash=facts.test_ids_hash,
        )
        self._content = {
            "source": facts.source_hash,
            "data": facts.content_hash,
            "settings": settings.model_dump(
                mode="json",
                include={"role", "architecture", "classes", "mobilenet", "schedule", "seed", "code"},
            ),
        }
        name = f"{settings.name}-{ledger.content_key(**self._content)[:12]}"
        self.ledger = Ledger(settings.ledger_dir / f"{name}.jsonl", self.header)
        # The ledger answers for what ran before, so KerasTuner's own files start anew.
        super().__init__(
            oracle=SweepOracle(self.plan),
            hypermodel=_no_hypermodel,
            directory=str(settings.ledger_dir / "keras_tuner"),
            project_name=name,
            overwrite=True,
        )

    def search(self, *args: Any, **kwargs: Any) -> None:
        """Runs every planned execution that the ledger lacks, then lets KerasTuner go through its trials.

        Raises:
          ThawError: an execution failed; those that ended before are kept.
        """
        missing = [execution for execution in self.plan if self._key(*execution) not in self.ledger.rows]
        name = f"sweep {self.settings.name}"
        with contextlib.closing(self.runner), progress.progress_bar(name, len(self.plan)) as advance:
            for _ in range(len(self.plan) - len(missing)):
                advance("from the ledger")
            for row in self._run(missing):
                advance(f"n={row.n} k={row.freeze_count} val {row.val_accuracy:.1%}")
            super().search(*args, verbose=0, **kwargs)

    def run_trial(self, trial: keras_tuner.engine.trial.Trial, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Returns val accuracy and loss of the trial's execution; runs it if the ledger lacks it.

        Raises:
          keras_tuner.errors.FatalError: the execution failed; KerasTuner would otherwise go on without it.
        """
        values = trial.hyperparameters.values
        cell, draw = Cell(values["n"], values["freeze_count"], values["fine_tune"]), values["draw"]
        key = self._key(cell, draw)
        try:
            row = self.ledger.rows[key] if key in self.ledger.rows else next(self._run([(cell, draw)]))
        except Exception as error:
            raise keras_tuner.errors.FatalError(f"{self.settings.name}, {cell}: {error}") from error
        return {"val_accuracy": row.val_accuracy, "val_loss": row.val_loss}

    def get_best_hyperparameters(self, num_trials: int = 1) -> list[keras_tuner.HyperParameters]:
        """The hyperparameters of the cell that is best on val over all its draws, at the deployed size.

        One trial is one draw: taking the best trial would choose a lucky draw.

        Raises:
          ValueError: more than the one best is asked for.
        """
        if num_trials != 1:
            raise ValueError(f"Only the best cell is kept, not the best {num_trials}")
        best = best_cell(self.planned_rows(), self.settings.deployed_size)
        trial = self.oracle.trials[self._trial_id(best)]
        return [trial.hyperparameters]

    def planned_rows(self) -> list[Row]:
        """The ledger's rows of this plan, in its order; the ledger may hold rows of earlier plans too."""
        rows = self.ledger.rows
        return [rows[key] for key in (self._key(cell, draw) for cell, draw in self.plan) if key in rows]

    def write_planned_rows(self, path: Path) -> None:
        """Writes the planned rows as a ledger of their own."""
        ledger.write_ledger(path, self.header, self.planned_rows())

    def _trial_id(self, cell: Cell) -> str:
        place = self.plan.index((cell, 0))
        return next(name for name in self.oracle.trials if int(name) == place)

    def _run(self, executions: Sequence[tuple[Cell, int]]) -> Iterator[Row]:
        """Runs executions and adds each to the ledger as it ends."""
        for cell, draw, execution in self.runner.run(executions):
            row = Row(
                key=self._key(cell, draw), n=cell.n, freeze_count=cell.freeze_count, fine_tune=cell.fine_tune,
                draw=draw, val_accuracy=execution.val.accuracy, val_loss=execution.val.loss,
                test_accuracy=execution.test.accuracy, test_loss=execution.test.loss,
                steps=execution.steps, seconds=execution.seconds, curve=execution.curve,
                frozen_hash=execution.frozen_hash,
                test_probabilities=execution.test.probabilities.astype(np.float16),
            )  # fmt: skip
            self.ledger.append(row)
            yield row

    def _key(self, cell: Cell, draw: int) -> str:
        return ledger.content_key(**self._content, cell=[cell.n, cell.freeze_count, cell.fine_tune], draw=draw)


def _no_hypermodel(hp: keras_tuner.HyperParameters) -> None:
    """KerasTuner wants one; the engine builds its models itself."""


def _axes(plan: Plan) -> list[list[Any]]:
    """Values of n, freeze_count, fine_tune and draw that the plan holds, sorted."""
    points = [(cell.n, cell.freeze_count, cell.fine_tune, draw) for cell, draw in plan]
    return [sorted(set(axis)) for axis in zip(*points, strict=True)]
