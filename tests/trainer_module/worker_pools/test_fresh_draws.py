"""Fresh draws of single cells: other images than the search's, a ledger of their own, nothing trained twice."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from experiment.changes import changed
from experiment.errors import ThawError
from experiment.training_settings import FIRST_FRESH_DRAW
from ledger.cell_selection import Cell
from ledger.ledger import read_ledger
from ledger.ledger_note import FRESH_DRAWS_FOLDER
from trainer_module.sources.source_card import CARD_FILE
from trainer_module.sweep.record import SweepRecord
from trainer_module.worker_pools.fresh_draws import FreshDraws, fresh_rows
from trainer_module.worker_pools.joint_pool import JointPool, KnownSweep
from trainer_module.worker_pools.process_pool import checked_pool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CELL, NAME = Cell(16, 0, False), "baseline"
FIRST, SECOND = (CELL, FIRST_FRESH_DRAW), (CELL, FIRST_FRESH_DRAW + 1)


@pytest.fixture(scope="module")
def searched(small_job):
    """The search's record and one of its executions."""
    with checked_pool(small_job, 1) as pool:
        [(_, _, execution)] = pool.run([(CELL, 0)])
        return SweepRecord(small_job.settings, pool.facts), execution


@pytest.fixture
def fresh(small_job, searched, tmp_path):
    """Of a search with a ledger folder of its own."""
    job = dataclasses.replace(small_job, settings=changed(small_job.settings, ledger_dir=tmp_path))
    return lambda: FreshDraws(job, searched[0].header, 2)


def trained(sweep: FreshDraws, executions, advance=lambda name, row, found: None, begin=lambda lacking: None):
    with JointPool({NAME: KnownSweep(sweep.job, sweep.facts, lambda cell: 1.0)}, 2) as pool:
        return fresh_rows({NAME: sweep}, pool, {NAME: executions}, advance, begin)[NAME]


def test_fresh_draws_have_rows_of_their_own_beside_the_search(fresh, searched, tmp_path):
    record, execution = searched
    told, lacking = [], []
    header, rows = trained(fresh(), [FIRST, SECOND], lambda *one: told.append(one), lacking.append)
    assert lacking == [{NAME: [FIRST, SECOND]}]
    assert [row.draw for row in rows] == [FIRST[1], SECOND[1]]
    assert sorted((name, row.draw, found) for name, row, found in told) == [
        (NAME, FIRST[1], False), (NAME, SECOND[1], False)
    ]  # fmt: skip
    assert header == record.header and header.val_images == (15, 15)
    assert not {row.key for row in rows} & set(record.keys)
    assert all((row.test_probabilities != execution.test.probabilities).any() for row in rows)
    [path] = (tmp_path / FRESH_DRAWS_FOLDER).glob("*.jsonl")
    assert len(read_ledger(path)[1]) == 2


def test_what_the_ledger_holds_is_known_and_not_trained_again(fresh):
    [first] = trained(fresh(), [FIRST])[1]
    again, told, lacking = fresh(), [], []
    assert again.row(*FIRST).seconds == first.seconds
    assert again.row(*SECOND) is None and again.row(Cell(8, 0, False), FIRST[1]) is None
    _, rows = trained(again, [SECOND, FIRST], lambda name, row, found: told.append((row.draw, found)), lacking.append)
    assert lacking == [{NAME: [SECOND]}]
    assert told == [(FIRST[1], True), (SECOND[1], False)]  # what was found comes first
    assert [row.draw for row in rows] == [SECOND[1], FIRST[1]] and rows[1].seconds == first.seconds


def test_nothing_is_written_before_an_execution_has_ended(fresh, tmp_path):
    sweep = fresh()
    assert sweep.row(*FIRST) is None and sweep.rows([FIRST])[1] == []
    assert trained(sweep, [])[1] == []
    assert not list(tmp_path.iterdir())


def test_data_that_changed_since_the_search_ends_the_training_and_is_said(fresh, searched, tmp_path):
    sweep = fresh()
    sweep.facts = dataclasses.replace(sweep.facts, content_hash="of other images")
    with pytest.raises(ThawError, match=f"^{NAME}: The data or the source changed"):
        trained(sweep, [FIRST])
    assert not (tmp_path / FRESH_DRAWS_FOLDER).exists()


def test_a_source_that_was_altered_is_refused_before_anything_is_trained(fresh, tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / CARD_FILE).write_text('{"backbone_hash": "of other weights"}')
    sweep = fresh()
    sweep.job = dataclasses.replace(sweep.job, base_model=str(tmp_path / "source"))
    with pytest.raises(ThawError, match="was altered after it was trained"):
        trained(sweep, [FIRST])
    assert sorted(Path(tmp_path).iterdir()) == [tmp_path / "source"]
