"""run_fn, which trains and exports one model: a source, candidate or baseline. Imports sweep and export, no DAG."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
from tfx.components.trainer.fn_args_utils import FnArgs

from experiment.errors import ThawError
from experiment.training_settings import DEPLOYED_DRAW, ROW_KEY, SETTINGS_KEY, ModelSettings
from ledger.cell_selection import Cell
from terminal import progress
from trainer_module.data.artifact_folders import read_folder, written_folder
from trainer_module.export import saved_model
from trainer_module.export.stock_layers import in_stock_layers
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import Network
from trainer_module.networks.weight_values import Weights
from trainer_module.processes.fixed_threads import SOURCE_THREADS, run_alone
from trainer_module.sources import source
from trainer_module.sources.source_card import CARD_FILE
from trainer_module.sweep.kept_weights import Kept, read_kept, weights_file
from trainer_module.sweep.model_jobs import DeployedJob, trained_cell, trained_source


def run_fn(fn_args: FnArgs) -> None:
    """Trains the model that custom_config describes, and writes it to `fn_args.serving_model_dir`.

    Every folder holds source.KERAS_FILE and CARD_FILE (what the model is); candidates and baselines a SavedModel too.

    Raises:
      ThawError: a source can't be trained, has weights that are not finite, or was altered since it was written.
    """
    settings = ModelSettings.model_validate(fn_args.custom_config[SETTINGS_KEY]).on_this_machine()
    with written_folder(fn_args.serving_model_dir) as folder:
        _write_model(fn_args, settings, folder)


def _write_model(fn_args: FnArgs, settings: ModelSettings, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if settings.role == "source":
        network, card = trained_or_read_source(fn_args, settings)
    else:
        network, card = _train_on_target(fn_args, settings, folder)
        saved_model.export(network.model, settings, fn_args.transform_graph_path, folder)
    weights = weight_values.read_weights(weight_values.backbone_variables(network))
    _assert_finite(weights, settings.name)
    in_stock_layers(network.model).save(folder / source.KERAS_FILE)
    hash_ = weight_values.weights_hash(weights)
    card = {"name": settings.name, "role": settings.role, "backbone_hash": hash_, **card}
    (folder / CARD_FILE).write_text(json.dumps(card, indent=2), encoding="utf-8")


def trained_or_read_source(fn_args: FnArgs, settings: ModelSettings) -> tuple[Network, dict]:
    """A source's network, trained on its domain or read from a file, and its entries in the card.

    Args:
      fn_args: where the domain's records lie; not read for a source from a file.
      settings: the source.

    Raises:
      ThawError: the file is missing, or changed while the run continued.
    """
    network = source.network_of(settings)
    if not settings.classes:
        backbone = settings.backbone
        if backbone is None or backbone.file is None:
            raise ThawError(f"No weights of the backbone {settings.architecture} were found; give their path as "
                            f"backbones.{settings.architecture}.weights.")  # fmt: skip
        _assert_same_file(backbone.file, backbone.sha256)
        source.load_pretrained(network, backbone)
        return network, {"model" if backbone.model else "weights": str(backbone.file)}
    files = tuple(fn_args.train_files), tuple(fn_args.eval_files)
    task = f"trained the source {settings.name}"
    trained, about = run_alone(trained_source, settings, *files, task=task, threads=SOURCE_THREADS)
    weight_values.set_weights(weight_values.model_variables(network), trained)
    return network, about


def _assert_finite(weights: Weights, name: str) -> None:
    broken = [path for path, values in weights.items() if not np.isfinite(values).all()]
    if broken:
        raise ThawError(
            f"The model {name} has weights that are not finite, the first in {broken[0]}. Expected finite weights: "
            "give another weights file, or train with a lower learning rate."
        )


def _assert_same_file(path: Path, expected: str) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != expected:
        raise ThawError(f"The weights file {path} changed during the run: its SHA-256 was {expected} and is "
                        f"{found}. Do not change it during a run, and run again.")  # fmt: skip


def _train_on_target(fn_args: FnArgs, settings: ModelSettings, spill_dir: Path) -> tuple[Network, dict]:
    """The network of the cell that the Tuner chose, as the sweep trained it: the one in the ledger."""
    values = fn_args.hyperparameters["values"]
    cell = Cell.of_values(values)
    kept, row = None, values.get(ROW_KEY)
    if row and settings.ledger_dir:
        kept = read_kept(weights_file(settings.ledger_dir, settings.name, row))
    kept = kept or _trained_again(fn_args, settings, cell, spill_dir)
    network = source.network_of(settings)
    weight_values.set_weights(weight_values.model_variables(network), kept.weights)
    progress.console().print(f"  {settings.name}, {cell.note}: val {kept.val_accuracy:.1%}")
    return network, {
        **dataclasses.asdict(cell), "draw": DEPLOYED_DRAW,
        "classes": settings.classes, "data": settings.data_name, "val_accuracy": kept.val_accuracy,
        "outcome": kept.outcome,
    }  # fmt: skip


def _trained_again(fn_args: FnArgs, settings: ModelSettings, cell: Cell, spill_dir: Path) -> Kept:
    """Runs the cell as the sweep ran it."""
    with read_folder(fn_args.base_model) if fn_args.base_model else contextlib.nullcontext("") as base_model:
        job = DeployedJob(
            settings, tuple(fn_args.train_files), tuple(fn_args.eval_files), str(base_model), cell,
            settings.activations_gib, spill_dir,
        )  # fmt: skip
        execution, weights = run_alone(trained_cell, job, task=f"trained {settings.name}, {cell},")
    return Kept(weights, execution.val.accuracy, execution.outcome)
