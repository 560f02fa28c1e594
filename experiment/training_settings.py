"""Settings of Trainer and Tuner nodes, typed: the one entry of their custom_config. Imports experiment.config."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pydantic
from typing_extensions import Self

from experiment.changes import changed
from experiment.config import Backbone, Schedule, SourceSchedule
from experiment.domains import Architecture, Control
from experiment.machine import read_machine
from experiment.schedules import Search, TunedRanges, Way, ways_of
from experiment.stack import Precision

SETTINGS_KEY = "settings"
CODE_KEY = "code"
"""Fingerprint of the sources that decide what the node writes; only for TFX's cache."""
STACK_KEY = "stack"
"""What would train (experiment.stack), in words; only for TFX's cache: the ledger says what did."""
BUDGET_KEY = "budget_minutes"
"""Of a run that has one; only for TFX's cache: with more minutes a sweep continues. When it ends, the machine's file
says."""
DEPLOYED_DRAW = 0
"""The draw whose model is deployed."""
FIRST_FRESH_DRAW = 1000
"""Fresh draws are numbered from here; a search's have smaller numbers (`draws` of the configuration is bounded)."""
ROW_KEY = "row"
"""Among the values of the best hyperparameters: the key of the first of their rows in the ledger."""
CHIEF_KEY = "chief"
"""Set by the Tuner's executor, not by the DAG: the host and port at which the node serves its sweep to workers."""


class ModelSettings(pydantic.BaseModel):
    """One model to train: a source, the candidate of a transfer, or a baseline."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    role: Literal["source", "transfer", "baseline"]
    name: str
    """The transfer's id, `baseline__<architecture>`, or `<source>__<architecture>` for a source itself."""
    source: str
    """Name of the source; empty for a baseline."""
    architecture: Architecture
    baseline: Architecture | None = None
    """The network from random weights that a transfer is compared with; None for a source."""
    classes: tuple[str, ...]
    """Classes of the domain trained on, in the order of their labels; empty for a source from a file."""
    image_shape: tuple[int, int, int]
    resize: bool = False
    """Whether served images may have any size; see Data.resize."""
    image_key: str
    """Feature with the encoded image in the records that are served."""
    backbone: Backbone | None = None
    """Of an architecture that is one; a family's weights only for its source."""
    schedule: Schedule | SourceSchedule
    seed: int
    precision: Precision = "float32"
    """Of activations and kernels in training; part of every key of a ledger, as part of its stack."""
    data_name: str
    code: str
    """Fingerprint of the sources that decide the result of the training; part of every key of a ledger."""
    control: Control | None = None
    """Of a source: what it is a control for; `self` is trained as any source is."""
    activations_gib: float = 4.0
    """Memory for activations, all processes together; as in machine.Machine, whose file takes precedence."""
    asked: str = ""
    """As in machine.Machine, for this sweep. Empty: no note of the ledger is left."""
    ledger_dir: Path | None = None
    """Where the sweeps' ledgers and the machine's file lie; None for a source."""

    def as_custom_config(self, node_code: str) -> dict[str, Any]:
        """A node's custom_config.

        Args:
          node_code: fingerprint of the sources that decide what the node writes in addition to the training's result.
        """
        return {SETTINGS_KEY: self.model_dump(mode="json"), CODE_KEY: node_code}

    def on_this_machine(self) -> Self:
        """A copy with the values of the machine's file."""
        machine = read_machine(self.ledger_dir) if self.ledger_dir else None
        if machine is None:
            return self
        known = machine.model_dump(include=set(type(self).model_fields) - {"asked"})
        return changed(self, **known, asked=machine.asked.get(self.name, ""))


def of_baseline(schedule: Schedule) -> Schedule:
    """The schedule of a network from random weights: there is nothing that could be tuned."""
    return changed(schedule, tuning=None)


class SweepSettings(ModelSettings):
    """One sweep over the target: the grid, and where its ledger lives."""

    schedule: Schedule

    sizes: tuple[int, ...]
    freeze_counts: tuple[int, ...]
    fine_tune: tuple[bool, ...]
    tuned: TunedRanges = ()
    search: Search = "grid"
    """As in the configuration; a baseline's cells are all trained."""
    draws: int
    """Of every cell."""
    first_draw: int = 0
    """The draws are numbered from here."""
    deployed_size: int
    ledger_dir: Path
    allow_untrained_sources: bool = False
    workers: int | None = None
    """Processes that train side by side; None for workers.default_workers."""

    @property
    def ways(self) -> list[Way]:
        """What is tried at each n."""
        return ways_of(self.freeze_counts, self.fine_tune, self.tuned)

    @property
    def draw_numbers(self) -> range:
        """Numbers of the draws of every cell."""
        return range(self.first_draw, self.first_draw + self.draws)
