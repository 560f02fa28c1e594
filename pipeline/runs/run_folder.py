"""runs/<run id>/: all results of one run. Imports MLMD's client, no TFX component."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from tfx.dsl.io import fileio

from experiment.config import ExperimentConfig
from experiment.stack import Precision
from ledger.ledger import LEDGER_FILE, read_ledger
from pipeline.runs import tensorboard_log
from pipeline.runs.ml_metadata import MetadataRecord, NodeRun
from pipeline.runs.run_digests import with_digests, with_own_digest
from pipeline.runs.run_files import (
    CONFIG_FILE,
    LATEST,
    RUN_NAME,
    STARTED_FILE,
    SUMMARY_FILE,
    settings_of,
    with_whole_paths,
)
from pipeline.runs.run_lock import check_writable, unusable
from trainer_module.data.artifact_folders import SERVING_FOLDER, read_folder


def new_run_folder(config: ExperimentConfig, data: str, precision: Precision | None = None) -> Path:
    """Makes runs/<time>-<name>/ for a run that begins now, with a number appended if that name is taken.

    If the clock was set back, as in autumn, the folder gets the time of the newest one, so that later runs sort after
    earlier ones.

    Args:
      config: as the user asked for it.
      data: name of the data.
      precision: of the trainings, if the configuration has `auto`.

    Raises:
      ThawError: nothing can be written there.
    """
    check_writable(config.runs)
    names = (RUN_NAME.fullmatch(path.name) for path in config.runs.iterdir())
    begun = [(match["time"], int(match["number"] or 1)) for match in names if match]
    stamp, taken = max([(datetime.datetime.now().strftime("%Y%m%d-%H%M%S"), 0), *begun])
    # `thaw report` may continue it from another folder.
    settings = settings_of(with_whole_paths(config))
    started = with_own_digest({"data": data, "settings": settings, "precision": precision or config.precision})
    numbers = itertools.count(taken + 1)
    folders = (config.runs.absolute() / f"{stamp}-{config.name}{f'-{one}' if one > 1 else ''}" for one in numbers)
    return next(folder for folder in folders if _begun(folder, started))


def _begun(folder: Path, started: Mapping[str, Any]) -> bool:
    """Makes a run's folder with its started.json in one step; False if the name is taken.

    Nothing is known of a folder without that file, and `thaw status` asks to move it away.
    """
    try:
        with _beside(folder) as fresh:
            (fresh / STARTED_FILE).write_text(json.dumps(started, indent=2) + "\n", encoding="utf-8")
            fresh.rename(folder)
    except OSError as error:
        if isinstance(error, FileExistsError) or os.path.lexists(folder):
            return False
        raise unusable(folder, error) from error
    return True


def finish_run_folder(
    folder: Path, config: ExperimentConfig, nodes: dict[str, NodeRun], origin: str, record: MetadataRecord,
    began: float,
) -> dict[str, Any]:  # fmt: skip
    """Fills the folder from the run's artifacts and points runs/latest to it.

    The files are written next to the folder and moved into it when they are complete, summary.json last, so a folder
    with one is complete.

    Args:
      folder: made by new_run_folder.
      config: the resolved configuration.
      nodes: the executions of the run's nodes.
      origin: where the data was found.
      record: ML Metadata's record of the run.
      began: start of the command, by time.monotonic.

    Returns:
      The content of summary.json.

    Raises:
      OSError: a file can't be written; then the folder has none of them.
    """
    with _beside(folder) as fresh:
        with read_folder(nodes["TransferReport"].outputs["report"][0]) as report:
            shutil.copytree(report, fresh, dirs_exist_ok=True)
        summary: dict[str, Any] = json.loads((fresh / SUMMARY_FILE).read_text(encoding="utf-8"))
        summary["data_origin"] = origin
        summary["seconds_per_node"] = {name: round(node.seconds, 3) for name, node in nodes.items()}
        summary["cached_nodes"] = [name for name, node in nodes.items() if node.cached]
        summary["sweep_evaluation"] = nodes["SweepEvaluator"].outputs["evaluations"][0]
        summary["ml_metadata"] = {
            "store": str(record.store.absolute()), "run_context": record.run_context, "run_name": record.run_name,
        }  # fmt: skip
        summary["pushed"]["path"] = _pushed_path(nodes["Pusher"]) if summary["pushed"]["blessed"] else None
        summary["trained_models"] = _trained_models(nodes)
        _write_tensorboard(fresh / "tensorboard", nodes)
        settings = yaml.safe_dump(settings_of(config), sort_keys=False)
        (fresh / CONFIG_FILE).write_text(f"# Data: {summary['data']}\n{settings}", encoding="utf-8")
        (fresh / SUMMARY_FILE).unlink()
        summary = with_digests({**summary, "seconds_total": round(time.monotonic() - began, 3)}, fresh)
        (fresh / SUMMARY_FILE).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        for path in sorted(fresh.iterdir(), key=lambda path: path.name == SUMMARY_FILE):
            path.replace(folder / path.name)
    point_latest_to(folder)
    return summary


@contextlib.contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A hidden folder on the same file system, removed when the context ends."""
    fresh = folder.with_name(f".{folder.name}.partial")
    fresh.mkdir()
    try:
        yield fresh
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _write_tensorboard(folder: Path, nodes: dict[str, NodeRun]) -> None:
    """Sources and sweeps of the run, for `tensorboard --logdir` on the run's folder."""
    trained = {name: node.outputs["model"][0] for name, node in nodes.items() if name.startswith("Trainer.source.")}
    models = {name.removeprefix("Trainer.source."): f"{uri}/{SERVING_FOLDER}" for name, uri in trained.items()}
    tuners = [node.outputs["tuner_results"][0] for name, node in nodes.items() if name.startswith("Tuner.")]
    with contextlib.ExitStack() as stack:
        sweeps = [read_ledger(stack.enter_context(read_folder(uri)) / LEDGER_FILE) for uri in tuners]
        sources = {name: str(stack.enter_context(read_folder(uri))) for name, uri in models.items()}
        tensorboard_log.write_run(folder, tensorboard_log.source_curves(sources), sweeps)


def _trained_models(nodes: Mapping[str, NodeRun]) -> dict[str, str]:
    """The SavedModels of candidates and baselines at the size to deploy, by the name of their sweep."""
    return {
        sweep + node.removeprefix(kind): f"{run.outputs['model'][0]}/{SERVING_FOLDER}"
        for node, run in nodes.items()
        for kind, sweep in (("Trainer.baseline.", "baseline__"), ("Trainer.transfer.", ""))
        if node.startswith(kind)
    }


def _pushed_path(pusher: NodeRun) -> str | None:
    """The SavedModel that Pusher wrote, if it wrote one."""
    folder = pusher.outputs["pushed_model"][0]
    return folder if fileio.exists(f"{folder}/saved_model.pb") else None


def point_latest_to(folder: Path) -> None:
    """Makes the link runs/latest, replacing an older one.

    Does nothing if the file system has no links, or a folder has that name: run_files.latest_run works without the
    link.
    """
    link = folder.parent / LATEST
    fresh = folder.parent / f".{LATEST}-{os.getpid()}"
    if link.is_dir() and not link.is_symlink():
        return
    with contextlib.suppress(OSError):
        link.unlink(missing_ok=True)  # a link to an older run would be misleading
        fresh.symlink_to(folder.name, target_is_directory=True)
        fresh.replace(link)
