"""Weights that a sweep keeps of the network to deploy: the same as Trainer would train. Runs real workers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from experiment.changes import changed
from ledger.cell_selection import Cell
from trainer_module.processes.fixed_threads import run_alone
from trainer_module.sweep.job import SweepJob
from trainer_module.sweep.kept_weights import FOLDER, OUTCOME, SCORE, drop_all_but, read_kept, weights_file
from trainer_module.sweep.model_jobs import DeployedJob, trained_cell
from trainer_module.sweep.record import SweepRecord
from trainer_module.worker_pools.process_pool import WorkerPool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def job(small_job, tmp_path_factory) -> SweepJob:
    settings = changed(small_job.settings, ledger_dir=tmp_path_factory.mktemp("ledgers"))
    return dataclasses.replace(small_job, settings=settings, keep_weights=True)


@pytest.fixture(scope="module")
def swept(job) -> dict[tuple[Cell, int], object]:
    """Both sizes, both ways, both draws."""
    executions = [(Cell(n, 0, tuned), draw) for n in (8, 16) for tuned in (False, True) for draw in (0, 1)]
    with WorkerPool(job, 1) as pool:
        found = {(cell, draw): execution for cell, draw, execution in pool.run(executions)}
        return {"record": SweepRecord(job.settings, pool.facts), **found}


def files(job: SweepJob) -> list[Path]:
    return sorted((job.settings.ledger_dir / FOLDER).iterdir())


def test_one_file_is_left_of_the_draw_and_the_size_that_are_deployed(job, swept):
    cells = [Cell(16, 0, tuned) for tuned in (False, True)]
    best = max(cells, key=lambda cell: (round(swept[cell, 0].val.accuracy, 9), not cell.fine_tune))
    assert files(job) == [weights_file(job.settings.ledger_dir, job.settings.name, swept["record"].key(best, 0))]


def test_it_holds_what_trainer_would_train_bit_for_bit(job, swept, tmp_path):
    [file] = files(job)
    cell = next(
        cell for cell in (Cell(16, 0, False), Cell(16, 0, True)) if file.stem.endswith(swept["record"].key(cell, 0))
    )
    deployed = DeployedJob(job.settings, job.train_files, job.val_files, "", cell, 1.0, tmp_path)
    execution, weights = run_alone(trained_cell, deployed, task="trained it")
    kept = read_kept(file)
    assert kept.weights.keys() == weights.keys()
    assert all(kept.weights[name].tobytes() == value.tobytes() for name, value in weights.items())
    assert (kept.val_accuracy, kept.outcome) == (execution.val.accuracy, execution.outcome)


def test_the_sweep_s_other_files_are_removed_those_of_earlier_settings_too(job, swept):
    [file], name = files(job), job.settings.name
    key = file.stem.rsplit("-", 1)[1]
    folder = job.settings.ledger_dir
    other, longer = weights_file(folder, name, "0123"), weights_file(folder, f"{name}-wide", "0123")
    for path in (other, longer):
        path.write_bytes(file.read_bytes())
    drop_all_but(job.settings, key)
    assert files(job) == sorted([file, longer])
    longer.unlink()


def test_no_bit_that_is_flipped_passes_for_weights(tmp_path):
    """It is read as written, or taken for none: never an error, never other values."""
    whole = tmp_path / "whole.npz"
    np.savez(whole, **{"a/kernel": np.arange(3.0), SCORE: 0.5, OUTCOME: "trained"})
    content = whole.read_bytes()
    damaged = tmp_path / "damaged.npz"
    for place in range(len(content)):
        damaged.write_bytes(content[:place] + bytes([content[place] ^ (1 << place % 8)]) + content[place + 1 :])
        kept = read_kept(damaged)
        assert kept is None or kept.weights.get("a/kernel", np.arange(3.0)).tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut short"])
def test_a_damaged_or_missing_file_is_as_good_as_none(tmp_path, content):
    damaged = tmp_path / "weights.npz"
    damaged.write_bytes(content)
    assert read_kept(damaged) is None
    assert read_kept(tmp_path / "missing.npz") is None
    np.savez(damaged, **{"a/kernel": np.zeros(2)})
    assert read_kept(damaged) is None


def test_a_folder_that_can_not_be_written_costs_the_file_alone(job, swept, tmp_path):
    (tmp_path / FOLDER).write_text("a file in the folder's place")
    elsewhere = dataclasses.replace(job, settings=changed(job.settings, ledger_dir=tmp_path))
    with WorkerPool(elsewhere, 1) as pool:
        [(_, _, execution)] = pool.run([(Cell(16, 0, False), 0)])
    assert execution.val.accuracy == swept[Cell(16, 0, False), 0].val.accuracy
