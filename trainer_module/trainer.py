"""run_fn: trains and exports one model, be it source, candidate or baseline. Imports sweep and serving, no DAG."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
from tfx.components.trainer.fn_args_utils import FnArgs

from pipeline.errors import ThawError
from trainer_module import controls, freezing, input_pipeline, progress, serving, source, workers
from trainer_module.architectures import Network
from trainer_module.artifact_folders import read_folder, written_folder
from trainer_module.freezing import Weights
from trainer_module.selection import Cell
from trainer_module.settings import SETTINGS_KEY, ModelSettings
from trainer_module.source_card import CARD_FILE, check_unaltered
from trainer_module.sweep import SweepEngine
from trainer_module.target import TargetData, drawn_records

DEPLOYED_DRAW = 0


def run_fn(fn_args: FnArgs) -> None:
    """Trains the model that custom_config asks for, and writes it to `fn_args.serving_model_dir`.

    Every folder holds source.KERAS_FILE and CARD_FILE (what the model is); candidates and baselines a SavedModel too.

    Raises:
      ThawError: a source can't be trained, has weights that are no numbers, or was altered since it was written.
    """
    settings = ModelSettings.model_validate(fn_args.custom_config[SETTINGS_KEY])
    with written_folder(fn_args.serving_model_dir) as folder:
        _write_model(fn_args, settings, folder)


def _write_model(fn_args: FnArgs, settings: ModelSettings, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if settings.role == "source":
        network, card = _train_source(fn_args, settings)
    else:
        network, card = _train_on_target(fn_args, settings)
        serving.export(network.model, settings, fn_args.transform_graph_path, folder)
    weights = freezing.read_weights(freezing.backbone_variables(network))
    _assert_finite(weights, settings.name)
    network.model.save(folder / source.KERAS_FILE)
    hash_ = freezing.weights_hash(weights)
    card = {"name": settings.name, "role": settings.role, "backbone_hash": hash_, **card}
    (folder / CARD_FILE).write_text(json.dumps(card, indent=2), encoding="utf-8")


def _train_source(fn_args: FnArgs, settings: ModelSettings) -> tuple[Network, dict]:
    network = source.network_of(settings)
    if not settings.classes and settings.own is not None:
        _assert_same_file(settings.own.model, settings.weights_hash)
        source.load_own(network, settings.own)
        return network, {"model": str(settings.own.model)}
    if not settings.classes:
        weights = settings.mobilenet.weights
        if weights is None:
            raise ThawError("ImageNet weights were not found; give their path as mobilenet_v2.weights.")
        _assert_same_file(weights, settings.weights_hash)
        source.load_imagenet(network, weights, settings.mobilenet)
        return network, {"weights": str(weights)}
    if settings.control == "random":
        controls.keep_initial_weights(network, settings.seed)
        return network, {"control": settings.control}
    train = input_pipeline.read_split(fn_args.train_files, settings.image_shape)
    val = input_pipeline.read_split(fn_args.eval_files, settings.image_shape)
    if settings.control == "shuffled_labels":
        train = controls.with_permuted_labels(train, settings.seed)
        learnt = source.train_source(network, train, controls.some_originals(train, len(val)), settings)
        return network, {
            "control": settings.control, "classes": settings.classes, "permuted_labels_recalled_by_step": learnt,
        }  # fmt: skip
    history = source.train_source(network, train, val, settings)
    largest_class = float(np.bincount(val.labels).max() / len(val))
    return network, {
        "classes": settings.classes, "val_accuracy_by_step": history, "val_images": len(val),
        "val_largest_class": largest_class,
    }  # fmt: skip


def _assert_finite(weights: Weights, name: str) -> None:
    broken = [path for path, values in weights.items() if not np.isfinite(values).all()]
    if broken:
        raise ThawError(
            f"The model {name} has weights that are no finite numbers, the first in {broken[0]}. Expected numbers: "
            "give another weights file, or train with a lower learning rate."
        )


def _assert_same_file(path: Path, expected: str) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != expected:
        raise ThawError(f"The weights file {path} changed while the run went on: its SHA-256 was {expected} and is "
                        f"{found}. Leave it alone, or give another, and run again.")  # fmt: skip


@dataclasses.dataclass(frozen=True)
class _DeployedJob:
    """What the deployed model's training needs to begin, as plain values for the process that does it."""

    settings: ModelSettings
    train_files: tuple[str, ...]
    val_files: tuple[str, ...]
    base_model: str
    n: int

    def build(self) -> SweepEngine:
        """Reads data and source.

        Raises:
          ThawError: the source does not fit the architecture, or was altered since it was written.
        """
        settings, classes = self.settings, len(self.settings.classes)
        network, transferred = source.network_of(settings), None
        if self.base_model:
            transferred = source.source_weights(self.base_model, network)
            check_unaltered(self.base_model, freezing.weights_hash(transferred))
        train = input_pipeline.read_split(self.train_files, settings.image_shape)
        val = input_pipeline.read_split(self.val_files, settings.image_shape)
        data = TargetData(
            train=drawn_records(train, self.n, classes, settings.seed, [DEPLOYED_DRAW]),
            val=val,
            # No test image is read here: what the engine scores as test is val again, and is not used.
            test=val,
            num_classes=classes,
            content_hash="",
        )
        return SweepEngine(network, transferred, data, settings.schedule, settings.seed)


def _train_on_target(fn_args: FnArgs, settings: ModelSettings) -> tuple[Network, dict]:
    """Runs the cell that the Tuner chose, as the sweep ran it, so that the model is the one the ledger speaks of."""
    chosen = fn_args.hyperparameters["values"]
    cell = Cell(chosen["n"], chosen["freeze_count"], chosen["fine_tune"])
    with read_folder(fn_args.base_model) if fn_args.base_model else contextlib.nullcontext("") as base_model:
        job = _DeployedJob(
            settings, tuple(fn_args.train_files), tuple(fn_args.eval_files), str(base_model), cell.n
        )  # fmt: skip
        execution, weights = workers.train_alone(job, cell, DEPLOYED_DRAW)
    network = source.network_of(settings)
    freezing.set_weights(freezing.model_variables(network), weights)
    progress.console().print(f"  trained {settings.name}: val {execution.val.accuracy:.1%}", markup=False)
    return network, {
        "n": cell.n, "freeze_count": cell.freeze_count, "fine_tune": cell.fine_tune, "draw": DEPLOYED_DRAW,
        "classes": settings.classes, "data": settings.data_name, "val_accuracy": execution.val.accuracy,
        "outcome": execution.outcome,
    }  # fmt: skip
