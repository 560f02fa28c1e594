"""Fresh draws of single cells: other images than the search's, a ledger of their own, nothing trained twice."""

import dataclasses

import pytest

from experiment.changes import changed
from experiment.training_settings import FIRST_FRESH_DRAW
from ledger.cell_selection import Cell
from ledger.ledger import read_ledger
from ledger.ledger_note import FRESH_DRAWS_FOLDER
from trainer_module.sweep.fresh_draws import fresh_job, fresh_rows, trained_before
from trainer_module.sweep.process_pool import checked_pool
from trainer_module.sweep.record import SweepRecord

CELL = Cell(16, 0, False)


@pytest.fixture(scope="module")
def job(baseline_job):
    return fresh_job(baseline_job, 2)


def test_fresh_draws_have_rows_of_their_own_beside_the_search(job, baseline_job):
    told = []
    executions = [(CELL, FIRST_FRESH_DRAW), (CELL, FIRST_FRESH_DRAW + 1)]
    header, rows = fresh_rows(job, executions, told.append)
    assert [row.draw for row in rows] == [FIRST_FRESH_DRAW, FIRST_FRESH_DRAW + 1] and sorted(
        row.draw for row in told
    ) == [row.draw for row in rows]
    assert header.val_images == (15, 15)
    with checked_pool(baseline_job, 1) as pool:
        record = SweepRecord(baseline_job.settings, pool.facts)
        [(_, _, searched)] = pool.run([(CELL, 0)])
    assert not {row.key for row in rows} & set(record.keys)
    assert record.header == header
    assert all((row.test_probabilities != searched.test.probabilities).any() for row in rows)
    [path] = (baseline_job.settings.ledger_dir / FRESH_DRAWS_FOLDER).glob("*.jsonl")
    assert len(read_ledger(path)[1]) == 2


def test_what_the_ledger_holds_is_not_trained_again(job):
    executions = [(CELL, FIRST_FRESH_DRAW)]
    first = fresh_rows(job, executions, lambda row: None)[1]
    again = fresh_rows(job, executions, lambda row: None)[1]
    assert [row.seconds for row in first] == [row.seconds for row in again]


def test_what_the_ledger_holds_is_known_before_a_worker_starts(job):
    header, _ = fresh_rows(job, [(CELL, FIRST_FRESH_DRAW)], lambda row: None)
    is_there = trained_before(job, header)
    assert is_there(CELL, FIRST_FRESH_DRAW)
    assert not is_there(CELL, FIRST_FRESH_DRAW + 7)
    assert not is_there(Cell(8, 0, False), FIRST_FRESH_DRAW)


def test_without_a_ledger_nothing_is_there(job, tmp_path):
    header, _ = fresh_rows(job, [(CELL, FIRST_FRESH_DRAW)], lambda row: None)
    elsewhere = dataclasses.replace(job, settings=changed(job.settings, ledger_dir=tmp_path))
    assert not trained_before(elsewhere, header)(CELL, FIRST_FRESH_DRAW)
    assert not list(tmp_path.iterdir())
