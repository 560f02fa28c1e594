"""A sweep's ledger when it is opened again. Trains nothing."""

import dataclasses

import pytest

from experiment.changes import changed
from experiment.config import Schedule
from experiment.training_settings import SweepSettings
from ledger import ledger
from ledger.cell_selection import Cell
from terminal import progress
from tests.stacks import STACK
from trainer_module.sweep.job import SweepFacts
from trainer_module.sweep.record import SweepRecord

FACTS = SweepFacts("ab", "cd", (0, 1, 1), "ef", (5, 5), STACK)


@pytest.fixture
def record(tmp_path):
    settings = SweepSettings(
        role="transfer", name="cats_dogs__remastered", source="cats_dogs", architecture="remastered",
        classes=("automobile", "truck"), image_shape=(32, 32, 3), image_key="image",
        schedule=Schedule(), seed=1, data_name="SYNTHETIC", code="c0de", sizes=(10,), freeze_counts=(6,),
        fine_tune=(False,), draws=1, deployed_size=10, ledger_dir=tmp_path,
    )  # fmt: skip
    return SweepRecord(settings, FACTS)


def test_a_row_that_a_kill_cut_short_is_dropped_and_said_so(record, make_row, monkeypatch):
    said = []

    class Console:
        def print(self, line, **options):
            said.append(line)

    monkeypatch.setattr(progress, "console", Console)
    opened = record.open_ledger()
    opened.append(make_row("k1"))
    with opened.path.open("ab") as file:
        file.write(b'{"row":{"key":"k2","n":')
    assert list(record.open_ledger().rows) == ["k1"]
    assert said == [
        f"  {opened.path.name}: the last row is incomplete (23 bytes). Thaw drops it and runs its execution again"
    ]  # fmt: skip
    record.open_ledger()
    assert len(said) == 1


def test_tuned_ranges_follow_in_the_plan_and_other_cells_keep_their_keys(record):
    settings = changed(record.settings, tuned=((4, 5), (0, 2)), draws=2, fine_tune=(False, True))
    wider = SweepRecord(settings, FACTS)
    assert [(cell.layers, cell.fine_tune, draw) for cell, draw in wider.plan] == [
        ("6", False, 0), ("6", True, 0), ("6", False, 1), ("6", True, 1),
        ("[0, 2]", False, 0), ("[0, 2]", False, 1), ("[4, 5]", False, 0), ("[4, 5]", False, 1),
    ]  # fmt: skip
    assert len(set(wider.keys)) == 8 and wider.name == record.name
    assert wider.keys[0] == record.keys[0]
    content = wider._content
    assert record.keys[0] == ledger.content_key(**content, cell=[10, 6, False], draw=0)
    assert wider.key(Cell(10, 0, False, 2), 0) == ledger.content_key(**content, cell=[10, 0, False, 2], draw=0)


def test_rows_stay_where_the_sweep_is_compared_with_another_baseline(record, make_row):
    record.open_ledger().append(make_row("k1"))
    settings = changed(record.settings, baseline="original")
    other = SweepRecord(settings, FACTS)
    opened = other.open_ledger()
    assert list(opened.rows) == ["k1"] and other.keys == record.keys
    assert (other.header.baseline, record.header.baseline) == ("original", "remastered")
    opened.append(make_row("k2"))
    assert list(record.open_ledger().rows) == ["k1", "k2"]


def test_rows_stay_where_other_test_images_belong_together(record, make_row):
    """Someone who adds a column `group` to the labels of a finished run changes intervals, and no training."""
    record.open_ledger().append(make_row("k1"))
    grouped = SweepRecord(record.settings, dataclasses.replace(FACTS, test_groups=(0, 1, 1)))
    assert (grouped.keys, grouped.name) == (record.keys, record.name)
    assert list(grouped.open_ledger().rows) == ["k1"]
    handed_on = record.settings.ledger_dir / "handed_on.jsonl"
    ledger.write_ledger(handed_on, grouped.header, grouped.open_ledger().rows.values())
    assert ledger.read_ledger(handed_on)[0].test_groups == (0, 1, 1)
