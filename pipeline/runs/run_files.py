"""The files of runs/<run id>/: names, reading, messages about damaged ones. Imports no TFX and no TensorFlow."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pydantic

from experiment.changes import as_written, changed
from experiment.config import ExperimentConfig
from experiment.errors import ThawError, home_expanded
from experiment.loading import load_config
from pipeline.runs.run_digests import FILES, is_altered, is_altered_content
from pipeline.runs.run_formats import CELL_COLUMNS, TRAINING_COLUMNS, Compared, Started, Summary

SUMMARY_FILE, CONFIG_FILE, CELLS_FILE, FRESH_FILE = "summary.json", "config.yaml", "cells.csv", "confirmed.csv"
STARTED_FILE = "started.json"
"""Written when a run begins: its settings and its data."""
LATEST = "latest"
PLACES = ("workspace", "runs", "workers", "strict", "activations_gib", "beam_args", "pipeline_root")
"""Settings for where and how a run works; they decide no result."""
RUN_NAME = re.compile(r"(?P<time>\d{8}-\d{6})-(?P<experiment>[a-z0-9_]+)(-(?P<number>\d+))?")


def read_summary(folder: Path) -> dict[str, Any]:
    """The content of a finished run's summary.json.

    Raises:
      ThawError: it is missing or damaged.
    """
    return _read_json(folder / SUMMARY_FILE, Summary)


def read_origin(folder: Path) -> dict[str, Any]:
    """As read_summary, but requires only `data`, `target`, `stack` and `confirmed`."""
    return _read_json(folder / SUMMARY_FILE, Compared)


def read_started(folder: Path) -> dict[str, Any]:
    """The content of a run's started.json: `settings` and `data`.

    Raises:
      ThawError: it is missing or damaged. A new run would not repair it, so the message has its own advice.
    """
    try:
        return _read_json(folder / STARTED_FILE, Started)
    except ThawError as error:
        raise ThawError(f"{error} Then move {folder} away: Thaw treats it as a run while it is there.") from error


def read_settings(folder: Path) -> ExperimentConfig:
    """The resolved configuration of a finished run.

    Raises:
      ThawError: config.yaml is missing or damaged.
    """
    path = folder / CONFIG_FILE
    if not read_unaltered(folder, CONFIG_FILE).endswith(b"\n"):
        raise damaged(path, "the last line is cut short")
    try:
        return load_config(path)
    except (ValueError, ThawError) as error:
        raise damaged(path, error) from error


def read_cells(folder: Path) -> list[dict[str, str]]:
    """The search's trainings in a finished run's cells.csv; with valid values in the columns of CELL_COLUMNS.

    Raises:
      ThawError: it is missing or damaged.
    """
    path = folder / CELLS_FILE
    rows = _read_trainings(path)
    if not rows:
        raise damaged(path, "it has no rows")
    return rows


def read_fresh_draws(folder: Path) -> list[dict[str, str]]:
    """The trainings on fresh draws in a finished run's confirmed.csv, as read_cells; none if it confirmed nothing.

    Raises:
      ThawError: it is damaged, or missing though the run's summary has it, or confirmed answers.
    """
    path, summary = folder / FRESH_FILE, read_origin(folder)
    expected = summary.get("confirmed") or FRESH_FILE in summary.get(FILES, {})
    return _read_trainings(path) if path.exists() or expected else []


def read_unaltered(folder: Path, name: str) -> bytes:
    """The content of another file of a finished run.

    Raises:
      ThawError: it is missing, or not the one that the run wrote; or the run's summary is damaged.
    """
    try:
        content = (path := folder / name).read_bytes()
    except OSError as error:
        raise damaged(path, error) from error
    if (folder / SUMMARY_FILE).exists() and is_altered(name, content, read_origin(folder)):
        raise damaged(path, f"it was altered, as its content does not match its digest in {SUMMARY_FILE}")
    return content


def _read_trainings(path: Path) -> list[dict[str, str]]:
    content = read_unaltered(path.parent, path.name)
    try:
        text = content.decode()
        if not text.endswith("\n"):
            raise ValueError("the last line is cut short" if text else "it is empty")
        # Runs from before layers could be held have no such column.
        rows = [{"held_from": "0", **row} for row in csv.DictReader(io.StringIO(text, newline=""), strict=True)]
        trainings: dict[tuple[object, ...], int] = {}
        for number, row in enumerate(rows, 2):
            training = _checked_training(row, number)
            if (first := trainings.setdefault(training, number)) != number:
                raise ValueError(f"lines {first} and {number} are of the same training")
    except (ValueError, csv.Error) as error:
        raise damaged(path, error) from error
    return rows


def _checked_training(row: Mapping[str | None, Any], number: int) -> tuple[object, ...]:
    """The training of a row."""
    if None in row:
        raise ValueError(f"line {number} has more fields than there are columns")
    found = {}
    for column, kind in CELL_COLUMNS.items():
        try:
            found[column] = kind(row[column])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"line {number} has no {getattr(kind, '__name__', kind)} in the column {column}"
            ) from error
    return tuple(found[column] for column in TRAINING_COLUMNS)


def _read_json(path: Path, model: type[pydantic.BaseModel]) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text, parse_constant=_refuse_constant)
        # The content itself is used afterwards, so its types must be exact: no text for a number.
        model.model_validate_json(text, strict=True)
        if is_altered_content(content):
            raise ValueError("it was altered, as its content does not match its digest")
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise damaged(path, f"{where}: {first['msg']}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(path, error) from error
    return dict(content)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"it holds {name}, which is not a number")


def damaged(path: Path, reason: object) -> ThawError:
    """The error for a file of a run that can't be read."""
    text = reason.strerror if isinstance(reason, OSError) and reason.strerror else reason
    return ThawError(f"{path} is missing or damaged: {text}. Expected the file as the run left it. Restore it from a "
                     "copy, or run the same configuration again: what was computed is not repeated.")  # fmt: skip


def order_of(name: str) -> tuple[str, int, str]:
    """Sort key of run folders: the time at which they began, within a second their number."""
    match = RUN_NAME.fullmatch(name)
    return (match["time"], int(match["number"] or 1), name) if match else ("", 0, name)


def finished_runs(runs: Path) -> list[str]:
    """Names of the finished runs in a folder, the oldest first; `latest` is not among them."""
    folders = runs.iterdir() if runs.is_dir() else ()
    names = [path.name for path in folders if (path / SUMMARY_FILE).exists()]
    return sorted((name for name in names if name != LATEST and not name.startswith(".")), key=order_of)


def runs_of(experiment: str, runs: Path) -> list[Path]:
    """Folders of an experiment's runs, finished or not, the oldest first."""
    if not runs.is_dir():
        return []
    matches = ((path, RUN_NAME.fullmatch(path.name)) for path in runs.iterdir() if path.is_dir())
    found = [path for path, match in matches if match and match["experiment"] == experiment]
    return sorted(found, key=lambda path: order_of(path.name))


def latest_run(runs: Path) -> Path | None:
    """The run that `latest` means: the link's target; without a link, the newest finished run by name.

    A real folder `latest`, as in a copy or an archive, may be out of date; it counts only if there is no other finished
    run.
    """
    link, names = runs / LATEST, finished_runs(runs)
    if (link / SUMMARY_FILE).exists() and (link.is_symlink() or not names):
        return link
    return runs / names[-1] if names else None


def unfinished_run(run: str, runs: Path) -> Path | None:
    """The folder of a run that began and did not finish; None if `run` names no such run.

    Args:
      run: its path or name, or `latest`: the newest of all, if that one is unfinished.
      runs: folder of runs.
    """
    if run == LATEST:
        begun = [path for path in runs.iterdir() if RUN_NAME.fullmatch(path.name)] if runs.is_dir() else []
        places = sorted(begun, key=lambda path: order_of(path.name))[-1:]
    else:
        places = [home_expanded(run), runs / run]
    written = (SUMMARY_FILE, CELLS_FILE)  # only one of them: a finished run that was damaged
    return next(
        (one for one in places if (one / STARTED_FILE).exists() and not any((one / name).exists() for name in written)),
        None,
    )


def comparable(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without PLACES, the path of weights (their content counts) and the target's name (a title)."""
    kept = {name: value for name, value in settings.items() if name not in PLACES}
    networks = {name: _without("weights", network) for name, network in kept.get("backbones", {}).items()}
    return {**kept, "target": _without("name", kept.get("target", {})), "backbones": networks}


def _without(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}


def with_whole_paths(config: ExperimentConfig) -> ExperimentConfig:
    """The configuration with absolute paths of files and folders."""

    def whole(path: Path) -> Path:
        return home_expanded(path).absolute()

    data = changed(config.data, path=whole(config.data.path)) if config.data.path else config.data
    networks = {name: one.with_file(whole(one.file)) if one.file else one for name, one in config.backbones.items()}
    places = {"workspace": config.workspace.absolute(), "runs": config.runs.absolute()}
    return changed(config, data=data, backbones=networks, **places)


def settings_of(config: ExperimentConfig) -> dict[str, Any]:
    """A configuration as JSON values."""
    return as_written(config)
