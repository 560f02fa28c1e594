"""How far an experiment is: executions in its ledgers against the plan. Imports config and plan, no TFX."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from pathlib import Path

from pipeline.config import ExperimentConfig
from pipeline.console import RUN_LOG

NODE_BEGUN = re.compile(r"Component (\S+) is running\.")
"""What TFX's local runner logs."""


@dataclasses.dataclass(frozen=True)
class SweepState:
    """One sweep.

    Attributes:
      sweep: its name.
      done: executions in its newest ledger.
      planned: executions that the configuration asks for, further draws (most_draws) not counted.
      diverged: of those done, how many did not train as planned.
      training_s: seconds of training that they took, all workers together.
    """

    sweep: str
    done: int
    planned: int
    diverged: int
    training_s: float


@dataclasses.dataclass(frozen=True)
class ExperimentState:
    """An experiment: its sweeps in the order of the plan, and its newest run.

    Attributes:
      run: the newest run's folder; none where nothing ran yet.
      finished: whether that run came to its end.
      node: the last that its log says was begun; empty where it is finished, or none was.
      last_line: the last thing that its log says; empty where it is finished.
    """

    sweeps: tuple[SweepState, ...]
    run: Path | None
    finished: bool
    node: str
    last_line: str


def state_of(config: ExperimentConfig) -> ExperimentState:
    """Reads ledgers and run folders; starts nothing and changes nothing."""
    ways = len(config.sizes) * len(config.fine_tune)
    counts: dict[str, tuple[int, ...]] = {f"baseline__{name}": (0,) for name in config.architectures}
    counts |= {transfer.id: config.freeze_counts[transfer.architecture] for transfer in config.transfers}
    ledgers = config.workspace.absolute() / config.pipeline_name / "ledgers"
    run = _newest_run(config)
    finished = run is not None and (run / "summary.json").exists()
    lines = [] if finished or run is None else _lines(run / RUN_LOG)
    begun = (match[1] for line in reversed(lines) if (match := NODE_BEGUN.search(line)))
    return ExperimentState(
        sweeps=tuple(
            _sweep_state(config, ledgers, name, some, ways * len(some) * _draws(config, name))
            for name, some in counts.items()
        ),
        run=run,
        finished=finished,
        node=next(begun, ""),
        last_line=lines[-1] if lines else "",
    )


def in_words(state: ExperimentState) -> str:
    """What the newest run is at."""
    if state.run is None:
        return "Nothing ran yet: `thaw run` begins."
    if state.finished:
        return f"The newest run is finished: {state.run / 'report.html'}"
    at = f"It is at the node {state.node}, or stopped there" if state.node else f"Its log ends: {state.last_line}"
    return f"The newest run, {state.run}, is not finished. {at}; all that it said is in its log.txt."


def _draws(config: ExperimentConfig, sweep: str) -> int:
    return config.all_draws if sweep.startswith("baseline__") else config.draws


def _sweep_state(
    config: ExperimentConfig, ledgers: Path, name: str, counts: Sequence[int], planned: int
) -> SweepState:  # fmt: skip
    # Other settings or code leave other ledgers behind; the newest is the one that counts.
    files = sorted(ledgers.glob(f"{name}-*.jsonl"), key=lambda path: path.stat().st_mtime)
    rows = [json.loads(line)["row"] for line in _whole_lines(files[-1])[1:]] if files else []
    # A search may have trained other cells, and so may a run with other sizes.
    rows = [row for row in rows if row["n"] in config.sizes and row["freeze_count"] in counts]
    diverged = sum(row["outcome"] != "trained" for row in rows)
    return SweepState(name, len(rows), planned, diverged, sum(row["seconds"] for row in rows))


def _whole_lines(path: Path) -> list[str]:
    """Lines that end; the last may be in the middle of being written."""
    content = path.read_text(encoding="utf-8")
    return content[: content.rfind("\n") + 1].splitlines()


def _newest_run(config: ExperimentConfig) -> Path | None:
    folders = [path for path in config.runs.absolute().glob(f"*-{config.name}") if path.is_dir()]
    return max(folders, key=lambda path: path.name, default=None)


def _lines(log: Path) -> list[str]:
    """A log's lines that say something."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return [line.strip() for line in text.splitlines() if line.strip()]
