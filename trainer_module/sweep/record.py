"""Plan, keys and files of a sweep's executions. Imports job and ledger, no KerasTuner, no TFX."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from experiment.backbones import MAX_FREEZE_COUNT
from experiment.training_settings import SweepSettings
from ledger import ledger
from ledger.cell_selection import Cell
from ledger.ledger import Ledger, LedgerParts
from ledger.ledger_note import note_path, write_note
from ledger.rows import Header, Row
from terminal import progress
from trainer_module.cell_training.execution import Execution
from trainer_module.sweep.job import SweepFacts

JOB_FILE = "job.json"


class SweepRecord:
    """One sweep's plan, keys and files, the same on every machine that has the same settings, data and source.

    Args:
      settings: the sweep.
      facts: of its data and its source.

    Attributes:
      plan: its executions.
      keys: their keys, in the same order.
      header: what holds for every row.
      name: the sweep's name and a hash of all that decides its results.
    """

    def __init__(self, settings: SweepSettings, facts: SweepFacts):
        self.settings = settings
        self.plan = plan_sweep(settings)
        backbone = settings.backbone
        self.header = Header(
            sweep=settings.name,
            source=settings.source,
            architecture=settings.architecture,
            baseline=settings.baseline or settings.architecture,
            data=settings.data_name,
            classes=settings.classes,
            source_hash=facts.source_hash,
            content_hash=facts.content_hash,
            test_labels=facts.test_labels,
            test_ids_hash=facts.test_ids_hash,
            val_images=facts.val_images,
            max_freeze_count=backbone.most_frozen if backbone else MAX_FREEZE_COUNT[settings.architecture],
            family=(backbone.family or "") if backbone else "",
            stack=facts.stack,
            test_groups=facts.test_groups,
        )
        self._content: dict[str, Any] = {
            "source": facts.source_hash,
            "data": facts.content_hash,
            "data_name": settings.data_name,
            "stack": dataclasses.asdict(facts.stack),
            "settings": _decisive(settings),
        }
        self.name = f"{settings.name}-{ledger.content_key(**self._content)[:12]}"
        self.keys = [self.key(*execution) for execution in self.plan]

    def keep(self, plan: Plan) -> None:
        """Reduces the plan to these executions, which must be in it."""
        self.plan, self.keys = plan, [self.key(*execution) for execution in plan]

    @property
    def folder(self) -> Path:
        """The folder that workers on other machines read and write."""
        return self.settings.ledger_dir / self.name

    @property
    def ledger_path(self) -> Path:
        """The file of the sweep's rows."""
        return self.settings.ledger_dir / f"{self.name}.jsonl"

    def key(self, cell: Cell, draw: int) -> str:
        """Hash of everything that decides the execution's result."""
        held = [cell.held_from] if cell.held_from else []  # all other cells keep the keys that they had before
        return ledger.content_key(**self._content, cell=[cell.n, cell.freeze_count, cell.fine_tune, *held], draw=draw)

    def row(self, cell: Cell, draw: int, execution: Execution) -> Row:
        """The ledger's row of an execution."""
        return Row(
            key=self.key(cell, draw), n=cell.n, freeze_count=cell.freeze_count, fine_tune=cell.fine_tune,
            draw=draw, val_accuracy=execution.val.accuracy, val_loss=execution.val.loss,
            test_accuracy=execution.test.accuracy, test_loss=execution.test.loss,
            train_accuracy=execution.train_accuracy, steps=execution.steps, seconds=execution.seconds,
            curve=execution.curve, frozen_hash=execution.frozen_hash,
            test_probabilities=execution.test.probabilities, outcome=execution.outcome, held_from=cell.held_from,
        )  # fmt: skip

    def parts(self) -> LedgerParts:
        """The rows that workers on other machines have written."""
        return LedgerParts(self.folder, self.header)

    def open_ledger(self) -> Ledger:
        """The sweep's ledger, with every row that workers on other machines had written by now.

        Leaves a note by which `thaw status` finds it. Prints a line if a row was dropped because a kill had cut it
        short.
        """
        opened = Ledger(self.ledger_path, self.header)
        if opened.dropped:
            progress.console().print(
                f"  {opened.path.name}: the last row is incomplete ({opened.dropped} bytes). Thaw drops it and runs "
                "its execution again",
            )  # fmt: skip
        add_missing(opened, self.parts().new_rows())
        if self.settings.asked:
            write_note(note_path(self.settings.ledger_dir, self.settings.name, self.settings.asked), self.ledger_path)
        return opened


def _decisive(settings: SweepSettings) -> dict[str, Any]:
    """Settings that decide an execution's result, in addition to cell and draw; files count by content, not by path."""
    included = {"role", "architecture", "backbone", "classes", "image_shape", "seed", "precision", "code"}
    decisive = settings.model_dump(mode="json", include=included, exclude={"backbone": {"weights", "model"}})
    return {**decisive, "schedule": settings.schedule.decisive}


def add_missing(to: Ledger, rows: Iterable[Row]) -> None:
    """Adds the rows whose key the ledger lacks: an execution that two workers trained is kept once."""
    for row in rows:
        if row.key not in to.rows:
            to.append(row)


Plan = list[tuple[Cell, int]]
"""Executions: a cell and the number of its draw."""


def plan_sweep(settings: SweepSettings) -> Plan:
    """All executions in the order of KerasTuner's trials, a fine-tuned cell right after its counterpart."""
    executions = itertools.product(settings.ways, settings.draw_numbers, settings.sizes)
    plan = [(Cell(n, *way), draw) for way, draw, n in executions]

    def place(execution: tuple[Cell, int]) -> tuple[int, int, int, int, bool]:
        cell, draw = execution
        return cell.held_from, cell.freeze_count, draw, cell.n, cell.fine_tune

    return sorted(plan, key=place)


def keras_tuner_folder(ledger_folder: Path) -> Path:
    """The folder of KerasTuner's own files, next to the ledgers."""
    return ledger_folder / "keras_tuner"
