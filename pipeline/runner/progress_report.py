"""The progress of an experiment: executions in its ledgers against the plan. Imports config and planning, no TFX."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from experiment.config import Architecture, ExperimentConfig
from experiment.errors import worded
from experiment.schedules import Way, ways_of
from experiment.training_settings import BUDGET_KEY
from ledger.ledger_note import FRESH_DRAWS_FOLDER, note_path
from ledger.sealed_lines import SealedLines
from pipeline.dag.node_settings import asked_digest
from pipeline.planning.budget import NO_TIME
from pipeline.planning.fresh_cells import fresh_executions
from pipeline.planning.precision import as_last_run
from pipeline.runs.run_files import (
    SUMMARY_FILE,
    comparable,
    damaged,
    read_started,
    read_summary,
    runs_of,
    settings_of,
    with_whole_paths,
)
from pipeline.runs.run_lock import has_run
from pipeline.runs.run_log import RUN_LOG, lines_of

FRESH_DRAWS = "fresh draws"
FILLED_IN = ("sha256", "mflop", "parts")
"""Fields of a backbone that a run fills in, in its config.yaml."""
Bound = Literal["", "at most "]
NODE_BEGUN = re.compile(r"Component (\S+) is running\.")
"""A line that TFX's local runner logs."""


@dataclasses.dataclass(frozen=True)
class SweepState:
    """One sweep.

    Attributes:
      sweep: its name.
      done: executions in the ledger that a sweep with these settings used last.
      planned: executions of the configuration.
      diverged: how many of those done did not train as planned.
      training_s: seconds of training that they took, all workers together.
      bound: how to read `planned`: a search or a time limit trains a part.
      fewest: how many of `planned` are trained in any case; the others depend on val's choice and on undecided sizes.
    """

    sweep: str
    done: int
    planned: int
    diverged: int
    training_s: float
    bound: Bound = ""
    fewest: int = 0


@dataclasses.dataclass(frozen=True)
class ExperimentState:
    """An experiment: its sweeps in the order of the plan, FRESH_DRAWS last, and its newest run.

    Attributes:
      data: name of the data; empty if it is not known yet.
      run: folder of the newest run with these settings, whatever its time limit; None if there was no run with them.
      run_minutes: that run's time limit, if it had one.
      finished: whether that run came to its end.
      running: whether that run is working in the workspace now, and not a later one with other settings.
      node: the last node that began by its log; empty if the run is finished, or no node began.
      last_line: the last line of its log; empty if the run is finished.
      other_run: folder of the experiment's newest run, if its settings differ.
      differing: names of the settings that differ.
    """

    sweeps: tuple[SweepState, ...]
    data: str
    run: Path | None
    finished: bool
    node: str
    last_line: str
    other_run: Path | None = None
    differing: tuple[str, ...] = ()
    running: bool = False
    run_minutes: float | None = None


def state_of(config: ExperimentConfig) -> ExperimentState:
    """Reads ledgers and run folders; starts nothing and changes nothing.

    Raises:
      ThawError: a ledger or a file of a run is damaged.
    """
    config = as_last_run(config)
    from_scratch = ways_of((0,), config.fine_tune, ())
    sweeps: dict[str, tuple[str, Architecture, Sequence[Way]]] = {
        f"baseline__{name}": ("", name, from_scratch) for name in config.baseline_architectures
    }
    sweeps |= {t.id: (t.source, t.architecture, config.ways(t.architecture)) for t in config.transfers}
    found = {name: _sweep_state(config, name, *about) for name, about in sweeps.items()}
    fresh = _fresh_draws(config, [name for *_, name in found.values() if name])
    run, other, differing = _newest_runs(config)
    finished = run is not None and (run / SUMMARY_FILE).exists()
    lines = [] if finished or run is None else lines_of(run / RUN_LOG)
    begun = (match[1] for line in reversed(lines) if (match := NODE_BEGUN.search(line)))
    names = [name for _, name, _ in found.values() if name]
    minutes = None
    if run is not None:
        minutes = read_started(run)["settings"].get(BUDGET_KEY)
        names = [str((read_summary if finished else read_started)(run)["data"])]
    return ExperimentState(
        sweeps=(*(state for state, *_ in found.values()), fresh),
        data=names[0] if names else "",
        run=run,
        finished=finished,
        node=next(begun, ""),
        last_line=lines[-1] if lines else "",
        other_run=other,
        differing=differing,
        running=has_run(config.pipeline_folder) and runs_of(config.name, config.runs.absolute())[-1:] == [run],
        run_minutes=minutes,
    )


def in_words(state: ExperimentState) -> str:
    """Sentences on the state of the newest run."""
    if state.run is None:
        found = "Nothing ran yet with these settings. `thaw run` with the same options starts it."
        differing = ", ".join(state.differing)
        return found + f" The newest run, {state.other_run}, differs in {differing}." * (state.other_run is not None)
    if state.finished:
        limit, minutes = "", state.run_minutes
        if minutes and minutes < 2 * NO_TIME:
            limit = " `thaw report` made it from a run that stopped. `thaw run` trains the rest."
        elif minutes:
            limit = (f" It had a limit of {minutes:g} {worded(minutes, 'minute')}. `thaw run` with more, or none, "
                     "trains the rest.")  # fmt: skip
        if not any(sweep.done for sweep in state.sweeps):
            limit += " This version of Thaw finds none of its trainings in the ledgers: `thaw run` would repeat them."
        return f"The newest run is finished: {state.run / 'report.html'}.{limit}"
    at = f" at the node {state.node}" if state.node else " before its first node"
    if state.running:
        return f"The newest run, {state.run}, is running{at if state.node else ''}."
    return (f"The newest run, {state.run}, stopped{at}. `thaw run` with the same options continues it and repeats no "
            "training; `thaw report` reports on what was trained. Its log.txt has all messages.")  # fmt: skip


def _sweep_state(
    config: ExperimentConfig, name: str, source: str, architecture: Architecture, ways: Sequence[Way]
) -> tuple[SweepState, str, str]:  # fmt: skip
    """The sweep, the name of the data in its ledger, and the name of the ledger; both empty if there is no ledger."""
    planned = len(config.sizes) * len(ways) * config.draws
    note = note_path(config.ledger_folder, name, asked_digest(config, source, architecture))
    ledger = _named_in(note) if note.exists() else ""
    data, rows = _ledger(config.ledger_folder / ledger) if ledger else ("", [])
    # A search may have trained other cells, and so may a run with other sizes or more draws.
    rows = [row for row in rows if row["n"] in config.sizes and row["draw"] < config.draws
            and (row["freeze_count"], row["fine_tune"], row.get("held_from", 0)) in ways]  # fmt: skip
    searched = bool(source) and (config.search == "bayesian" or config.budget_minutes is not None)
    return _counted(name, rows, planned, "at most " if searched else ""), data, ledger


def _fresh_draws(config: ExperimentConfig, ledgers: Sequence[str]) -> SweepState:
    """All fresh draws; their ledgers have the names of the search's."""
    folder = config.ledger_folder / FRESH_DRAWS_FOLDER
    rows = [row for name in ledgers for row in _ledger(folder / name)[1] if row["n"] in config.sizes]
    fewest, most = fresh_executions(config)
    return _counted(FRESH_DRAWS, rows, most, "" if fewest == most else "at most ", fewest)


def _counted(name: str, rows: Sequence[Mapping[str, Any]], planned: int, bound: Bound, fewest: int = 0) -> SweepState:
    diverged = sum(row["outcome"] in ("retried", "diverged") for row in rows)
    return SweepState(name, len(rows), planned, diverged, sum(row["seconds"] for row in rows), bound, fewest)


def _named_in(note: Path) -> str:
    """The ledger's file name in a note.

    Raises:
      ThawError: it has none.
    """
    try:
        name = note.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise damaged(note, error) from error
    if not name.endswith(".jsonl") or not name.isprintable() or "/" in name:
        raise damaged(note, "it should name a ledger")
    return name


def _ledger(path: Path) -> tuple[str, list[dict[str, Any]]]:
    """Name of the data, and rows without probabilities; the last line may be in the middle of being written.

    Only one line is in memory at a time: a row of many test images and classes has megabytes of probabilities.
    """
    lines = SealedLines(path)
    try:
        with path.open("rb") as file:
            whole = (line for line in file if line.endswith(b"\n"))
            rows = [{**row, "test_probabilities": None} for line in whole for row in lines.read(line)]
    except FileNotFoundError:
        return "", []  # it was moved away, so that its trainings are done again
    except OSError as error:
        raise damaged(path, error) from error
    return str(lines.header.get("data", "")), rows


def _newest_runs(config: ExperimentConfig) -> tuple[Path | None, Path | None, tuple[str, ...]]:
    """The newest run with these settings; else the experiment's newest, and the settings that differ."""
    asked, runs = _but_for_time(settings_of(with_whole_paths(config))), runs_of(config.name, config.runs.absolute())
    begun = {run: read_started(run) for run in reversed(runs)}
    # With the decision of `auto`, which earlier versions of Thaw did not write.
    settings = {run: _but_for_time({**one["settings"], **{key: one[key] for key in one if key == "precision"}})
                for run, one in begun.items()}  # fmt: skip
    run = next((run for run, found in settings.items() if not _differing(asked, found)), None)
    if run is not None or not runs:
        return run, None, ()
    return None, runs[-1], _differing(asked, settings[runs[-1]])


def _differing(asked: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the settings that are not equal; a backbone's facts count only if both sides have them."""
    one, other = _known_to_both(asked, found), _known_to_both(found, asked)
    return tuple(name for name in sorted({*one, *other}) if one.get(name) != other.get(name))


def _known_to_both(settings: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    known = others.get("backbones", {})
    backbones = {
        name: {key: value for key, value in backbone.items()
               if key not in FILLED_IN or (value and known.get(name, {}).get(key))}
        for name, backbone in settings.get("backbones", {}).items()
    }  # fmt: skip
    return {**settings, "backbones": backbones}


def _but_for_time(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that decide what a run trains; a time limit changes only how much of it."""
    return {name: value for name, value in comparable(settings).items() if name != BUDGET_KEY}
