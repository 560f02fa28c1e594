"""The ledger: durable rows, found again by key; damage is reported. Pure Python."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiment.errors import ThawError
from ledger.ledger import Ledger, LedgerParts, content_key, read_ledger, write_ledger
from ledger.rows import Header
from tests.stacks import STACK

HEADER = Header(
    sweep="cats_dogs__original", source="cats_dogs", architecture="original", baseline="original", data="cifar10",
    classes=("automobile", "truck"), source_hash="ab", content_hash="c0", test_labels=(0, 1, 1), test_ids_hash="cd",
    val_images=(5, 5), max_freeze_count=8, family="", stack=STACK, test_groups=(),
)  # fmt: skip


def assert_same(row, other):
    for field in dataclasses.fields(row):
        left, right = getattr(row, field.name), getattr(other, field.name)
        assert np.array_equal(left, right) if field.name == "test_probabilities" else left == right


def test_a_row_comes_back_as_it_was_appended(make_row, tmp_path):
    ledger = Ledger(tmp_path / "new" / "sweep.jsonl", HEADER)
    ledger.append(make_row())
    header, rows = read_ledger(ledger.path)
    assert header == HEADER
    assert_same(rows[0], make_row())


def test_opening_again_finds_the_rows_by_key(make_row, tmp_path):
    Ledger(tmp_path / "sweep.jsonl", HEADER).append(make_row("k7"))
    assert list(Ledger(tmp_path / "sweep.jsonl", HEADER).rows) == ["k7"]


def test_a_header_says_how_much_can_be_frozen(make_row, tmp_path):
    other = dataclasses.replace(HEADER, architecture="b0", max_freeze_count=5, family="EfficientNetB0")
    for header, most in (HEADER, 8), (other, 5):
        ledger = Ledger(tmp_path / f"{header.architecture}.jsonl", header)
        ledger.append(make_row())
        found, _ = read_ledger(ledger.path)
        assert found == header and found.max_freeze_count == most


@settings(deadline=None)  # a row waits for the disk
@given(st.integers(1, 400))
def test_a_last_line_cut_short_anywhere_is_dropped_and_the_rest_kept(make_row, tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("ledger") / "sweep.jsonl"
    ledger = Ledger(path, HEADER)
    ledger.append(make_row("k1"))
    whole = path.stat().st_size
    ledger.append(make_row("k2"))
    added = path.stat().st_size - whole
    with path.open("r+b") as file:
        file.truncate(whole + min(cut, added - 1))
    again = Ledger(path, HEADER)
    assert list(again.rows) == ["k1"] and again.dropped == min(cut, added - 1)
    again.append(make_row("k3"))
    assert [row.key for row in read_ledger(path)[1]] == ["k1", "k3"]


def test_a_ledger_cut_within_its_header_starts_anew(tmp_path):
    path = tmp_path / "sweep.jsonl"
    path.write_text('{"header":{"swe')
    assert Ledger(path, HEADER).rows == {}
    assert read_ledger(path) == (HEADER, [])


def test_a_damaged_line_in_the_middle_is_named(make_row, tmp_path):
    path = tmp_path / "sweep.jsonl"
    Ledger(path, HEADER).append(make_row())
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1][:40], lines[1]]) + "\n")
    with pytest.raises(ThawError, match=r"sweep\.jsonl, line 2: damaged"):
        read_ledger(path)


def test_the_ledger_of_another_sweep_is_refused(tmp_path):
    Ledger(tmp_path / "sweep.jsonl", HEADER)
    with pytest.raises(ThawError, match=r"belongs to another sweep \(cats_dogs__original on cifar10\)"):
        Ledger(tmp_path / "sweep.jsonl", dataclasses.replace(HEADER, data="SYNTHETIC"))


def test_a_file_without_a_header_is_refused(tmp_path):
    path = tmp_path / "sweep.jsonl"
    path.write_text(json.dumps({"row": 1}) + "\n")
    with pytest.raises(ThawError, match="first line should be the header"):
        read_ledger(path)


def test_a_missing_ledger_is_named(tmp_path):
    with pytest.raises(ThawError, match=r"none\.jsonl: No such file"):
        read_ledger(tmp_path / "none.jsonl")


def test_a_written_ledger_reads_back(make_row, tmp_path):
    write_ledger(tmp_path / "copy.jsonl", HEADER, [make_row("a"), make_row("b", draw=1)])
    assert [(row.key, row.draw) for row in read_ledger(tmp_path / "copy.jsonl")[1]] == [("a", 0), ("b", 1)]


@pytest.mark.parametrize("gone", [1, 2, 3])
def test_a_written_ledger_that_lost_whole_rows_is_named(make_row, tmp_path, gone):
    path = tmp_path / "copy.jsonl"
    write_ledger(path, HEADER, [make_row("a"), make_row("b", draw=1), make_row("c", draw=2)])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:gone], *lines[gone + 1 :]]))
    with pytest.raises(ThawError, match=r"copy\.jsonl, line 3: .*3 rows were written and 2 are left.*metadata\.sqlite"):
        read_ledger(path)


def test_a_key_depends_on_content_and_not_on_the_order_of_names():
    assert content_key(a=1, b="x") == content_key(b="x", a=1) != content_key(a=2, b="x")


def test_writers_of_one_name_have_files_of_their_own_and_each_row_is_seen_once(make_row, tmp_path):
    parts = LedgerParts(tmp_path / "sweep", HEADER)
    assert parts.new_rows() == []
    first, second = parts.new_writer("tuner0"), parts.new_writer("tuner0")
    first.append(make_row("a"))
    second.append(make_row("b"))
    assert sorted(row.key for row in parts.new_rows()) == ["a", "b"]
    assert parts.new_rows() == []
    first.append(make_row("c"))
    assert [row.key for row in parts.new_rows()] == ["c"]


@settings(deadline=None)  # a row waits for the disk
@given(st.integers(1, 400))
def test_a_line_that_another_is_writing_is_read_when_it_is_whole(make_row, tmp_path_factory, shown):
    folder = tmp_path_factory.mktemp("parts")
    writer = LedgerParts(folder, HEADER).new_writer("tuner0")
    writer.append(make_row("a"))
    before = writer.path.stat().st_size
    writer.append(make_row("b"))
    whole = writer.path.read_bytes()
    parts = LedgerParts(folder, HEADER)
    writer.path.write_bytes(whole[: min(before + shown, len(whole) - 1)])
    assert [row.key for row in parts.new_rows()] == ["a"]
    writer.path.write_bytes(whole)
    assert [row.key for row in parts.new_rows()] == ["b"]


def test_a_part_of_another_sweep_or_with_a_damaged_line_is_named(make_row, tmp_path):
    writer = LedgerParts(tmp_path, dataclasses.replace(HEADER, data="SYNTHETIC")).new_writer("tuner0")
    with pytest.raises(ThawError, match=r"tuner0-.*belongs to another sweep"):
        LedgerParts(tmp_path, HEADER).new_rows()
    parts = LedgerParts(tmp_path, dataclasses.replace(HEADER, data="SYNTHETIC"))
    writer.append(make_row())
    assert len(parts.new_rows()) == 1
    with writer.path.open("a") as file:
        file.write('{"row": \n')
    with pytest.raises(ThawError, match=r"tuner0-\w+\.jsonl, line 3: damaged"):
        parts.new_rows()
