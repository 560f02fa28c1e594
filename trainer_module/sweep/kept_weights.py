"""Weights of the network to deploy, as the sweep trained it, so that Trainer need not train it again. Imports record,
no TFX.

A side file next to the ledgers: if it is missing, as on a cluster, the model is trained again, to the same weights.
"""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from experiment.training_settings import DEPLOYED_DRAW, SweepSettings
from ledger.cell_selection import Cell, cell_merit
from trainer_module.cell_training.execution import Execution
from trainer_module.networks import weight_values
from trainer_module.networks.weight_values import Weights
from trainer_module.sweep.engine import SweepEngine
from trainer_module.sweep.job import SweepFacts
from trainer_module.sweep.record import SweepRecord

FOLDER = "weights"
"""Folder next to the ledgers, with a file per execution, named by its sweep and its key."""
SCORE, OUTCOME = "val_accuracy", "outcome"
"""Names in the file other than paths of variables, which all have a slash."""


@dataclasses.dataclass(frozen=True)
class Kept:
    """The content of a file.

    Attributes:
      weights: of the whole network, by path.
      val_accuracy: a fraction.
      outcome: as in the ledger's row.
    """

    weights: Weights
    val_accuracy: float
    outcome: str


class WeightsKeeper:
    """Keeps one worker's best execution at the size to deploy, by the rule that chooses cells.

    Args:
      settings: the sweep.
      facts: of its data and its source.
    """

    def __init__(self, settings: SweepSettings, facts: SweepFacts):
        self._record = SweepRecord(settings, facts)
        self._best: tuple[tuple[float, int, bool, bool, int], Path] | None = None

    def offer(self, engine: SweepEngine, cell: Cell, draw: int, execution: Execution) -> None:
        """Writes the weights that the engine has just trained, if they are the best so far.

        A full disk costs only this file.
        """
        settings, merit = self._record.settings, cell_merit(cell, execution.val.accuracy)
        if draw != DEPLOYED_DRAW or cell.n != settings.deployed_size or (self._best and self._best[0] >= merit):
            return
        path = weights_file(settings.ledger_dir, settings.name, self._record.key(cell, draw))
        written = path.with_suffix(".new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with written.open("wb") as file:
                kept: dict[str, Any] = {SCORE: execution.val.accuracy, OUTCOME: execution.outcome}
                kept |= weight_values.read_weights(weight_values.model_variables(engine.network))
                np.savez(file, **kept)
            written.replace(path)
        except OSError:
            _remove(written)
            return
        if self._best:
            _remove(self._best[1])
        self._best = merit, path


def weights_file(ledger_dir: Path, sweep: str, key: str) -> Path:
    """Where an execution's weights lie, if they were kept.

    Args:
      ledger_dir: of the settings.
      sweep: its name.
      key: of its row.
    """
    return ledger_dir / FOLDER / f"{sweep}-{key}.npz"


def read_kept(path: Path) -> Kept | None:
    """The kept weights; None if the file is missing or damaged, so that the model must be trained again."""
    try:
        with np.load(path, allow_pickle=False) as file:
            values = {name: file[name] for name in file.files}
        score, outcome = float(values.pop(SCORE)), str(values.pop(OUTCOME))
    except Exception:  # a damaged file can raise anything: of zipfile, numpy and tokenize
        return None
    return Kept(values, score, outcome)


def drop_all_but(settings: SweepSettings, kept: str) -> None:
    """Removes the files of a sweep's other executions, including those with earlier settings.

    Args:
      settings: the sweep.
      kept: key of the execution that is deployed.
    """
    file = weights_file(settings.ledger_dir, settings.name, kept)
    for other in file.parent.glob("*.npz"):
        if other != file and other.stem.rsplit("-", 1)[0] == settings.name:
            _remove(other)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
