"""`thaw search`: the best cell of all transfers at one n, at a part of the grid's cost. Imports TensorFlow, no TFX."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from rich.console import Console

from analysis.cells.cell_summaries import CellSummary, summarise
from analysis.cells.paired_ledgers import pair_ledgers
from experiment.backbones import MAX_FREEZE_COUNT
from experiment.changes import changed
from experiment.config import Architecture, ExperimentConfig
from experiment.errors import ThawError
from experiment.loading import validate_config
from ledger.cell_selection import Cell
from ledger.rows import Header, Row
from pipeline.dag.fingerprint import SWEEP_CODE, source_fingerprint
from pipeline.dag.training_settings import model_settings, sweep_settings
from pipeline.runner.plan import SECONDS_PER_PROGRAM, training_seconds
from pipeline.runs.finished_run import FinishedRun, open_run
from pipeline.runs.run_lock import locked
from pipeline.runs.run_log import output_to_log
from pipeline.source_search.advice import features_of, target_images
from trainer_module.oracles.advised_oracle import AdvisedOracle, SearchCandidate
from trainer_module.oracles.gaussian_process import SearchPoint
from trainer_module.processes import fork_server
from trainer_module.processes.single_thread import one_thread
from trainer_module.sources.estimates import OF_LABELS
from trainer_module.sweep.job import SweepJob
from trainer_module.sweep.process_pool import default_workers
from trainer_module.sweep.record import keras_tuner_folder
from trainer_module.sweep.search_sweeps import SearchSweep, SearchSweeps, most_processes
from trainer_module.tuners.search_tuner import Asked, SearchTuner

ESTIMATORS = ("logme", "probe")
"""Of OF_LABELS; on the images of draw 0."""
USUAL_GFLOPS = 50.0
"""Of a core; not measured, so that a search that stopped asks for the same again. Only shares of seconds count."""
LOG_FILE = "search.log"


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What to search.

    Attributes:
      n: labelled images of the run's target.
      draws: trainings of the cell that is chosen, and the most of any cell.
      share: of the seconds that the whole grid is expected to take.
    """

    n: int
    draws: int
    share: float


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
    """What a search came to.

    Attributes:
      data: name of the data.
      wanted: what was searched.
      chosen: the cell to take, on test, against the baseline of its architecture on the same draws.
      tried: all cells that were trained; those with most draws first, and of these the best on val.
      cells: that there are.
      trainings: that were asked for, baselines apart; those that a ledger held already among them.
      share: of the whole grid's expected seconds.
      expected_loss: points of val accuracy that the choice may lose on average, by the search's own beliefs.
      seconds: by the clock, estimates and baselines among them.
    """

    data: str
    wanted: Wanted
    chosen: CellSummary
    tried: tuple[Tried, ...]
    cells: int
    trainings: int
    share: float
    expected_loss: float
    seconds: float


def search_run(folder: Path, n: int | None, draws: int, share: float, terminal: Console) -> Found:
    """Searches every freeze count of a finished run's transfers, whichever of them the run has swept.

    Rows go to the ledgers of the run's workspace: a search that stopped goes on, and a run finds them.

    Args:
      folder: of the run.
      n: labelled images; none: the size to deploy.
      draws, share: see Wanted.
      terminal: is told what is trained.

    Raises:
      ThawError: the run can't be opened, another run works in its workspace, n can't be drawn, or a training failed.
    """
    run = open_run(folder)
    one_thread()
    wanted = Wanted(n or run.config.deployed_size, draws, share)
    config = searched_config(run.config, wanted)
    with locked(config.pipeline_folder), output_to_log(config.pipeline_folder / LOG_FILE):
        fork_server.start()
        jobs = {name: SearchSweep(job) for name, job in jobs_of(run, config).items()}
        sweeps = SearchSweeps(jobs, config.workers or default_workers())
        with contextlib.closing(sweeps):
            return _search(run, config, wanted, sweeps, terminal)


def searched_config(config: ExperimentConfig, wanted: Wanted) -> ExperimentConfig:
    """The run's experiment with one size and every freeze count, controls left out.

    Raises:
      ThawError: the experiment can't be had with that size or so many draws.
    """
    kept = tuple(transfer for transfer in config.transfers if transfer.id not in config.controls)
    architectures = {transfer.architecture for transfer in kept}
    changes = {
        "sizes": [wanted.n], "candidate_size": None, "draws": wanted.draws, "most_draws": None,
        "transfers": [transfer.model_dump() for transfer in kept],
        "sources": {t.source: config.sources[t.source].model_dump(exclude_none=True) for t in kept},
        "freeze_counts": {name: list(range(most_frozen(config, name) + 1)) for name in sorted(architectures)},
    }  # fmt: skip
    return validate_config({**config.model_dump(exclude_none=True), **changes}, f"to search at n = {wanted.n}")


def most_frozen(config: ExperimentConfig, architecture: Architecture) -> int:
    """Layers, blocks or parts of an architecture that can be frozen."""
    own = config.own if architecture == "own" else None
    return own.parts if own else MAX_FREEZE_COUNT[architecture]


def jobs_of(run: FinishedRun, config: ExperimentConfig) -> dict[str, SweepJob]:
    """One sweep for each transfer and each baseline, by name."""
    domain, data_name = run.output("DomainExamples.target", "domain"), str(run.summary["data"])
    code, workers = source_fingerprint(*SWEEP_CODE), config.workers or default_workers()
    jobs: dict[str, SweepJob] = {}
    for source, architecture in [(t.source, t.architecture) for t in config.transfers] + [
        ("", architecture) for architecture in config.architectures
    ]:
        role: Literal["transfer", "baseline"] = "transfer" if source else "baseline"
        settings = model_settings(config, role, source, architecture, data_name=data_name, code=code)
        sweep = changed(sweep_settings(config, settings), workers=workers)
        model = str(run.model(f"source.{source}.{architecture}")) if source else ""
        files = (f"{domain}/Split-train/*",), (f"{domain}/Split-val/*",)
        jobs[sweep.name] = SweepJob(sweep, *files, model, most_processes(workers))
    return jobs


def _search(
    run: FinishedRun, config: ExperimentConfig, wanted: Wanted, sweeps: SearchSweeps, terminal: Console
) -> Found:  # fmt: skip
    began = time.perf_counter()
    candidates = list(candidates_of(run, config, wanted.n))
    whole = grid_seconds(candidates, wanted.draws)
    terminal.print(
        f"n = {wanted.n}: {len(candidates)} cells of {len(config.transfers)} transfers; the grid would take "
        f"{wanted.draws * len(candidates)} trainings",
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
    SearchTuner(oracle, wanted.n, train, folder, config.workers or default_workers()).search()
    best = candidates[oracle.best()]
    chosen = _against_baseline(sweeps, best.place.transfer, Cell(wanted.n, best.freeze_count, best.place.fine_tune),
                               sorted(draw for place, draw in oracle.done if place == oracle.best()))  # fmt: skip
    return Found(
        str(run.summary["data"]), wanted, chosen, _tried(oracle), len(candidates), len(oracle.done),
        oracle.spent_seconds / whole, oracle.expected_loss, time.perf_counter() - began,
    )  # fmt: skip


def candidates_of(run: FinishedRun, config: ExperimentConfig, n: int) -> Iterator[SearchCandidate]:
    """Every cell, with what it is expected to cost and what the estimators say of its source at its cut.

    A network that phase 1 trained whole, as long as it may, is not fine-tuned (sweep.py): that cell is left out.
    """
    images = target_images(run, config.target.classes, n)
    scored = sum(len(run.records("target", split)) for split in ("val", "test"))
    for transfer in config.transfers:
        architecture = transfer.architecture
        counts = config.freeze_counts[architecture]
        for count, features in features_of(run, transfer, images, counts):
            try:
                said = tuple(OF_LABELS[name](features, images.labels) for name in ESTIMATORS)
            except ValueError as error:
                raise ThawError(f"{transfer.id} with {count} layers frozen can't be judged before training: {error} "
                                "Run without this transfer, and search that run.") from error  # fmt: skip
            for tuned in config.fine_tune:
                if tuned and count == 0 and config.schedule.max_steps is not None:
                    continue
                seconds = training_seconds(config, architecture, n, count, tuned, scored, USUAL_GFLOPS)
                seconds += SECONDS_PER_PROGRAM / config.draws
                yield SearchCandidate(SearchPoint(transfer.id, count / max(counts), tuned), count, seconds, said)


def grid_seconds(candidates: Sequence[SearchCandidate], draws: int) -> float:
    """Expected seconds of training every cell: a fine-tuned cell has its twin's among its own."""
    dearest: dict[tuple[str, int], float] = {}
    for one in candidates:
        place = one.place.transfer, one.freeze_count
        dearest[place] = max(dearest.get(place, 0.0), one.seconds)
    return draws * sum(dearest.values())


def _trained(sweeps: SearchSweeps, asked: Sequence[Asked]) -> list[list[float]]:
    """Val accuracies of each trial's cells."""
    wanted: dict[str, list[tuple[Cell, int]]] = {}
    for one in asked:
        wanted.setdefault(one.transfer, []).extend((cell, one.draw) for cell in one.cells)
    rows = sweeps.rows({name: list(dict.fromkeys(executions)) for name, executions in wanted.items()})
    found = {(name, row.freeze_count, row.fine_tune, row.draw): row.val_accuracy
             for name, group in rows.items() for row in group}  # fmt: skip
    return [[found[one.transfer, cell.freeze_count, cell.fine_tune, one.draw] for cell in one.cells] for one in asked]


def _against_baseline(sweeps: SearchSweeps, transfer: str, cell: Cell, draws: Sequence[int]) -> CellSummary:
    """The chosen cell on test, and the baseline of its architecture on the same draws, trained now."""
    baseline = f"baseline__{transfer.split('__')[-1]}"
    asked = {transfer: cell, baseline: Cell(cell.n, 0, cell.fine_tune)}
    ledgers: list[tuple[Header, list[Row]]] = []
    for name, one in asked.items():
        twins = [Cell(one.n, one.freeze_count, tuned) for tuned in sorted({False, one.fine_tune})]
        rows = sweeps.rows({name: [(twin, draw) for draw in draws for twin in twins]})[name]
        record, _ = sweeps.sweeps[name].open()
        ledgers.append((record.header, [row for row in rows if row.fine_tune == one.fine_tune]))
    return summarise(pair_ledgers(ledgers)).transfers[transfer][0]


def _tried(oracle: AdvisedOracle) -> tuple[Tried, ...]:
    by_cell: dict[int, list[float]] = {}
    for (place, _), accuracy in oracle.done.items():
        by_cell.setdefault(place, []).append(accuracy / 100)
    tried = []
    for place, accuracies in by_cell.items():
        one = oracle.candidates[place]
        mean = sum(accuracies) / len(accuracies)
        tried.append(Tried(one.place.transfer, one.freeze_count, one.place.fine_tune, len(accuracies), mean))
    return tuple(sorted(tried, key=lambda one: (-one.draws, -one.val_accuracy)))


def in_words(freeze_count: int, fine_tune: bool) -> str:
    """A cell of a transfer, for a sentence."""
    frozen = f"the first {freeze_count} frozen" if freeze_count else "nothing frozen"
    return f"{frozen}, then fine-tuned" if fine_tune else frozen
