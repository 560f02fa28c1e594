"""`thaw search`: finds the best cell of all transfers at one n, for a part of the grid's cost. Imports TensorFlow, no
TFX."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from analysis.cells.cell_summaries import CellSummary
from analysis.cells.paired_ledgers import BASELINE_PREFIX, pair_ledgers
from analysis.findings.from_scratch import FromScratch
from experiment.config import ExperimentConfig
from experiment.errors import ThawError, counted
from ledger.cell_selection import Cell, cell_merit
from ledger.rows import Header, Row
from pipeline.planning.plan import measure_gflops
from pipeline.runs.finished_run import FinishedRun, open_run
from pipeline.runs.run_lock import locked
from pipeline.runs.run_log import output_to_log
from pipeline.source_search.best_from_scratch import compared_with_scratch
from pipeline.source_search.search_space import (
    Wanted,
    candidates_of,
    grid_seconds,
    jobs_of,
    most_seconds,
    scored_images,
    searched_config,
)
from trainer_module.oracles.advised_oracle import AdvisedOracle
from trainer_module.processes import fork_server
from trainer_module.processes.fixed_threads import one_thread
from trainer_module.sweep.record import keras_tuner_folder
from trainer_module.tuners.search_tuner import Asked, SearchTuner
from trainer_module.worker_pools.process_pool import default_workers
from trainer_module.worker_pools.search_sweeps import SearchSweep, SearchSweeps

LOG_FILE = "search.log"


@dataclasses.dataclass(frozen=True)
class Tried:
    """One cell that was trained; val_accuracy is a fraction, the mean over `draws`."""

    transfer: str
    freeze_count: int
    fine_tune: bool
    draws: int
    val_accuracy: float


@dataclasses.dataclass(frozen=True)
class Found:
    """The results of a search.

    Attributes:
      data: name of the data.
      wanted: the search's options.
      chosen: the best cell on val, on test, against its baseline on the same draws.
      scratch: the same against the best network from scratch on val; None if that is its baseline.
      tried: all cells that were trained; those with most draws first, and of these the best on val.
      cells: number of all cells.
      trainings: number requested, without baselines, including those already in a ledger.
      share: of the whole grid's expected seconds.
      expected_loss: points of val accuracy that the choice may lose on average, by the search's own posterior.
      at_once: trainings that each round requested, one for each worker process; it affects which cells are tried.
      seconds: wall time, including estimates and baselines.
    """

    data: str
    wanted: Wanted
    chosen: CellSummary
    scratch: FromScratch | None
    tried: tuple[Tried, ...]
    cells: int
    trainings: int
    share: float
    expected_loss: float
    at_once: int
    seconds: float


def search_run(folder: Path, n: int | None, draws: int, share: float, terminal: Console) -> Found:
    """Searches every freeze count of a finished run's transfers, including those that the run did not sweep.

    Rows go to the ledgers of the run's workspace: a search that stopped continues, and a run finds them.

    Args:
      folder: of the run.
      n: labelled images; none: the size to deploy.
      draws, share: see Wanted.
      terminal: for messages about trainings.

    Raises:
      ThawError: the run can't be opened, another run works in its workspace, n can't be drawn, the share is too small
        for a training, or a training failed.
    """
    run = open_run(folder)
    one_thread()
    wanted = Wanted(n or run.config.deployed_size, draws, share)
    config = searched_config(run.config, wanted)
    with locked(config.pipeline_folder, searching=True), output_to_log(config.pipeline_folder / LOG_FILE):
        fork_server.start()
        jobs = {name: SearchSweep(job) for name, job in jobs_of(run, config).items()}
        sweeps = SearchSweeps(jobs, config.workers or default_workers())
        with contextlib.closing(sweeps):
            return _search(run, config, wanted, sweeps, terminal)


def _search(
    run: FinishedRun, config: ExperimentConfig, wanted: Wanted, sweeps: SearchSweeps, terminal: Console
) -> Found:  # fmt: skip
    began = time.perf_counter()
    candidates = list(candidates_of(run, config, wanted.n))
    whole = grid_seconds(candidates, wanted.draws)
    most = most_seconds(config, wanted, whole, scored_images(run), measure_gflops())
    terminal.print(
        f"n = {wanted.n:,}: {counted(len(candidates), 'cell')} of {counted(len(config.transfers), 'transfer')}; the "
        f"grid would take {counted(wanted.draws * len(candidates), 'training')}. The search takes at most about "
        f"{counted(max(1, math.ceil(most / 60)), 'minute')} if nothing is cached.",
        soft_wrap=True,
    )  # fmt: skip
    oracle = AdvisedOracle(candidates, wanted.draws, wanted.share * whole, config.seed)

    def train(asked: Sequence[Asked]) -> list[list[float]]:
        found = _trained(sweeps, asked)
        for one, accuracies in zip(asked, found, strict=True):
            cell, share = one.cells[-1], oracle.spent_seconds / whole
            terminal.print(f"  {one.transfer}, {in_words(cell.freeze_count, cell.fine_tune)}, draw {one.draw}: "
                           f"val {accuracies[-1]:.1%}; {share:.1%} of the grid")  # fmt: skip
        return found

    folder = keras_tuner_folder(config.ledger_folder)
    SearchTuner(oracle, wanted.n, folder, sweeps.workers).search(train)
    if not oracle.done:
        least = min(candidates[place].seconds for place in oracle.first_of_each_transfer()) / whole
        raise ThawError(f"--budget {wanted.share:g} of the grid's time is too little for one training. Give --budget "
                        f"{math.ceil(1000 * least) / 1000:g} or more.")  # fmt: skip
    best = candidates[oracle.best()]
    chosen, scratch = _on_test(sweeps, best.place.transfer, Cell(wanted.n, best.freeze_count, best.place.fine_tune),
                               sorted(draw for place, draw in oracle.done if place == oracle.best()))  # fmt: skip
    return Found(
        str(run.summary["data"]), wanted, chosen, scratch, _tried(oracle), len(candidates), len(oracle.done),
        oracle.spent_seconds / whole, oracle.expected_loss, sweeps.workers, time.perf_counter() - began,
    )  # fmt: skip


def _trained(sweeps: SearchSweeps, asked: Sequence[Asked]) -> list[list[float]]:
    """Val accuracies of each trial's cells."""
    wanted: dict[str, list[tuple[Cell, int]]] = {}
    for one in asked:
        wanted.setdefault(one.transfer, []).extend((cell, one.draw) for cell in one.cells)
    rows = sweeps.rows({name: list(dict.fromkeys(executions)) for name, executions in wanted.items()})
    found = {(name, row.freeze_count, row.fine_tune, row.draw): row.val_accuracy
             for name, group in rows.items() for row in group}  # fmt: skip
    return [[found[one.transfer, cell.freeze_count, cell.fine_tune, one.draw] for cell in one.cells] for one in asked]


def _on_test(
    sweeps: SearchSweeps, transfer: str, cell: Cell, draws: Sequence[int]
) -> tuple[CellSummary, FromScratch | None]:  # fmt: skip
    """The chosen cell on test, and every network from scratch on the same draws, trained now."""
    baselines = [name for name in sweeps.sweeps if name.startswith(BASELINE_PREFIX)]
    asked = {transfer: cell, **dict.fromkeys(baselines, Cell(cell.n, 0, cell.fine_tune))}
    ledgers: list[tuple[Header, list[Row]]] = []
    for name, one in asked.items():
        twins = [Cell(one.n, one.freeze_count, tuned) for tuned in sorted({False, one.fine_tune})]
        rows = sweeps.rows({name: [(twin, draw) for draw in draws for twin in twins]})[name]
        record, _ = sweeps.sweeps[name].open()
        ledgers.append((record.header, [row for row in rows if row.fine_tune == one.fine_tune]))
    return compared_with_scratch(pair_ledgers(ledgers), transfer)


def _tried(oracle: AdvisedOracle) -> tuple[Tried, ...]:
    """Cells with most draws first, then in the oracle's order of preference: its choice is the first."""
    by_cell: dict[int, list[float]] = {}
    for (place, _), accuracy in oracle.done.items():
        by_cell.setdefault(place, []).append(accuracy / 100)
    tried = []
    for place, accuracies in by_cell.items():
        one = oracle.candidates[place]
        mean = sum(accuracies) / len(accuracies)
        tried.append(Tried(one.place.transfer, one.freeze_count, one.place.fine_tune, len(accuracies), mean))
    merits = {one: cell_merit(Cell(0, one.freeze_count, one.fine_tune), one.val_accuracy) for one in tried}
    return tuple(sorted(tried, key=lambda one: (one.draws, merits[one]), reverse=True))


def in_words(freeze_count: int, fine_tune: bool) -> str:
    """A cell of a transfer, for a sentence."""
    frozen = f"the first {freeze_count} frozen" if freeze_count else "nothing frozen"
    return f"{frozen}, then fine-tuned" if fine_tune else frozen
