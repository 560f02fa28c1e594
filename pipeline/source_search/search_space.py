"""The space of a search: cells, their costs, and their estimates before training. Imports advice, no TFX."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Literal

from experiment.changes import as_written, changed
from experiment.config import ExperimentConfig
from experiment.errors import ThawError, counted
from experiment.loading import validate_config
from pipeline.dag.fingerprint import SWEEP_CODE, source_fingerprint
from pipeline.dag.node_settings import model_settings, sweep_settings
from pipeline.planning.training_costs import SECONDS_PER_PROGRAM, SECONDS_PER_SWEEP, training_seconds
from pipeline.runs.finished_run import FinishedRun
from pipeline.source_search.advice import features_of, target_images
from trainer_module.oracles.advised_oracle import SearchCandidate
from trainer_module.oracles.gaussian_process import SearchPoint
from trainer_module.sweep.job import SweepJob
from trainer_module.worker_pools.process_pool import default_workers
from trainer_module.worker_pools.search_sweeps import most_processes
from transferability.estimators import LABEL_ESTIMATORS

ESTIMATORS = ("logme", "probe")
"""Names of LABEL_ESTIMATORS; on the images of draw 0."""
USUAL_GFLOPS = 50.0
"""Rate of a core; not measured, so that a search that stopped requests the same again. The trials depend only on shares
of seconds."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """The options of a search.

    Attributes:
      n: labelled images of the run's target.
      draws: trainings of the cell that is chosen, and the most of any cell.
      share: of the whole grid's expected seconds.
    """

    n: int
    draws: int
    share: float


def searched_config(config: ExperimentConfig, wanted: Wanted) -> ExperimentConfig:
    """The run's experiment with one size and every freeze count, controls and `tuned` left out.

    Raises:
      ThawError: the experiment does not allow that size or so many draws.
    """
    kept = tuple(transfer for transfer in config.transfers if transfer.id not in config.controls)
    architectures = {transfer.architecture for transfer in kept}
    changes = {
        "sizes": [wanted.n], "candidate_size": None, "draws": wanted.draws,
        "transfers": [transfer.model_dump() for transfer in kept],
        "sources": {t.source: as_written(config.sources[t.source]) for t in kept},
        "tuned": {},
        "freeze_counts": {name: list(range(config.most_frozen(name) + 1)) for name in sorted(architectures)},
    }  # fmt: skip
    return validate_config({**as_written(config), **changes}, f"to search at n = {wanted.n}")


def jobs_of(run: FinishedRun, config: ExperimentConfig) -> dict[str, SweepJob]:
    """One sweep for each transfer and each baseline, by name."""
    domain, data_name = run.output("DomainExamples.target", "domain"), str(run.summary["data"])
    code, workers = source_fingerprint(*SWEEP_CODE), config.workers or default_workers()
    jobs: dict[str, SweepJob] = {}
    for source, architecture in [(t.source, t.architecture) for t in config.transfers] + [
        ("", architecture) for architecture in config.baseline_architectures
    ]:
        role: Literal["transfer", "baseline"] = "transfer" if source else "baseline"
        settings = model_settings(config, role, source, architecture, data_name=data_name, code=code)
        sweep = changed(sweep_settings(config, settings), workers=workers)
        model = str(run.model(f"source.{source}.{architecture}")) if source else ""
        files = (f"{domain}/Split-train/*",), (f"{domain}/Split-val/*",)
        jobs[sweep.name] = SweepJob(sweep, *files, model, most_processes(workers))
    return jobs


def scored_images(run: FinishedRun) -> int:
    """How many images every training is scored on.

    Reads the training images too, so that damage is reported here, before worker processes find it.

    Raises:
      ThawError: images of the target are missing or damaged.
    """
    images = {split: len(run.records("target", split)) for split in ("train", "val", "test")}
    return images["val"] + images["test"]


def candidates_of(run: FinishedRun, config: ExperimentConfig, n: int) -> Iterator[SearchCandidate]:
    """Every cell, with its expected cost and the estimates of its source at its cut.

    A network that phase 1 trained whole, for as long as allowed, is not fine-tuned (sweep.py): that cell is left out.
    """
    images = target_images(run, config.target.classes, n)
    scored = scored_images(run)
    for transfer in config.transfers:
        architecture = transfer.architecture
        counts = config.freeze_counts[architecture]
        for count, features in features_of(run, transfer, images, counts):
            try:
                said = tuple(LABEL_ESTIMATORS[name](features, images.labels) for name in ESTIMATORS)
            except ValueError as error:
                raise ThawError(f"{transfer.id} with {counted(count, 'layer')} frozen has no estimate before training: "
                                f"{error} Run without this transfer, and search that run.") from error  # fmt: skip
            for tuned in config.fine_tune:
                if tuned and count == 0 and (config.schedule.tuning or config.schedule.max_steps is not None):
                    continue
                seconds = training_seconds(config, architecture, n, count, tuned, scored, USUAL_GFLOPS)
                seconds += SECONDS_PER_PROGRAM / config.draws
                yield SearchCandidate(SearchPoint(transfer.id, count / max(counts), tuned), count, seconds, said)


def most_seconds(config: ExperimentConfig, wanted: Wanted, whole: float, scored: int, gflops: float) -> float:
    """The most seconds of a search: its budget, then the networks from scratch on the chosen cell's draws.

    Args:
      config: of the search.
      wanted: the search's options.
      whole: the grid's seconds at USUAL_GFLOPS.
      scored: images that every training is scored on.
      gflops: rate of a core of this machine.
    """
    tuned = True in config.fine_tune
    scratch = sum(
        training_seconds(config, name, wanted.n, 0, tuned, scored, gflops, transferred=False) + SECONDS_PER_PROGRAM
        for name in config.baseline_architectures
    )
    trained = wanted.share * whole * USUAL_GFLOPS / gflops + wanted.draws * scratch
    return SECONDS_PER_SWEEP + trained / (config.workers or default_workers())


def grid_seconds(candidates: Sequence[SearchCandidate], draws: int) -> float:
    """Expected seconds of training every cell; a fine-tuned cell includes its counterpart's."""
    dearest: dict[tuple[str, int], float] = {}
    for one in candidates:
        place = one.place.transfer, one.freeze_count
        dearest[place] = max(dearest.get(place, 0.0), one.seconds)
    return draws * sum(dearest.values())
