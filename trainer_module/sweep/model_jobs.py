"""The training of a source and of a deployed model, for separate processes. Imports sweep, no TFX."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiment.config import Schedule
from experiment.training_settings import DEPLOYED_DRAW, ModelSettings
from ledger.cell_selection import Cell
from trainer_module.cell_training.execution import Execution
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.cell_training.target_data import TargetData, drawn_records
from trainer_module.data import input_pipeline
from trainer_module.networks import weight_values
from trainer_module.networks.weight_values import Weights
from trainer_module.sources import controls, source
from trainer_module.sources.source_card import check_unaltered
from trainer_module.sweep.engine import SweepEngine
from trainer_module.training.activation_cache import Budget


def trained_source(
    settings: ModelSettings, train_files: tuple[str, ...], val_files: tuple[str, ...]
) -> tuple[Weights, dict[str, Any]]:
    """Trains a source on its domain; the control `random` keeps the weights that a training begins with.

    Args:
      settings: of a source with classes, or of a control; `shuffled_labels` is trained on permuted labels.
      train_files, val_files: file patterns of the domain's splits.

    Returns:
      All weights and statistics by path, and the training's entries in the source's card.

    Raises:
      ThawError: training diverged, or a record can't be read.
    """
    network = source.network_of(settings)
    if settings.control == "random":
        controls.keep_initial_weights(network, settings.seed)
        return weight_values.read_weights(weight_values.model_variables(network)), {"control": settings.control}
    train = input_pipeline.read_split(train_files, settings.image_shape)
    val = input_pipeline.read_split(val_files, settings.image_shape)
    if settings.control == "shuffled_labels":
        train = controls.with_permuted_labels(train, settings.seed)
        learned = source.train_source(network, train, controls.some_originals(train, len(val)), settings)
        about: dict[str, Any] = {"control": settings.control, "permuted_labels_recalled_by_step": _in_training(learned)}
    else:
        history = source.train_source(network, train, val, settings)
        largest_class = float(np.bincount(val.labels).max() / len(val))
        about = {
            "val_accuracy_by_step": _in_training(history), "val_images": len(val), "val_largest_class": largest_class,
        }  # fmt: skip
    weights = weight_values.read_weights(weight_values.model_variables(network))
    return weights, {"classes": settings.classes, **about}


def _in_training(history: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """The moments after a step: a training of fewer steps than source.CHECKS has moments left over, at step 0."""
    return [(step, accuracy) for step, accuracy in history if step]


@dataclasses.dataclass(frozen=True)
class DeployedJob:
    """What the deployed model's training needs to begin, as plain values for its process.

    Attributes:
      settings: of the candidate or the baseline.
      train_files, val_files: file patterns of the target's splits.
      base_model: folder of the source's model; empty for a baseline.
      cell: the one that the Tuner chose.
      activations_gib: memory for activations of frozen layers.
      spill_dir: where the rest goes.
    """

    settings: ModelSettings
    train_files: tuple[str, ...]
    val_files: tuple[str, ...]
    base_model: str
    cell: Cell
    activations_gib: float
    spill_dir: Path

    def build(self) -> SweepEngine:
        """Reads data and source.

        Raises:
          ThawError: the source does not fit the architecture, or was altered since it was written.
        """
        settings, classes = self.settings, len(self.settings.classes)
        assert isinstance(settings.schedule, Schedule)  # of the target
        network, transferred = source.network_of(settings), None
        if self.base_model:
            transferred = source.source_weights(self.base_model, network)
            check_unaltered(self.base_model, weight_values.weights_hash(transferred))
        train = input_pipeline.read_split(self.train_files, settings.image_shape)
        val = input_pipeline.read_split(self.val_files, settings.image_shape)
        data = TargetData(
            train=drawn_records(train, self.cell.n, classes, settings.seed, [DEPLOYED_DRAW]),
            val=val,
            # No test image is read here: the engine scores val again in place of test, and that score is not used.
            test=val,
            num_classes=classes,
            content_hash="",
        )
        budget = Budget(int(self.activations_gib * 2**30), self.spill_dir)
        return SweepEngine(network, transferred, data, StepSchedule(settings.schedule), settings.seed, budget)


def trained_cell(job: DeployedJob) -> tuple[Execution, Weights]:
    """Runs the job's cell as the sweep ran it, and returns the network's weights after training."""
    engine = job.build()
    execution = engine.run(job.cell, DEPLOYED_DRAW)
    return execution, weight_values.read_weights(weight_values.model_variables(engine.network))
