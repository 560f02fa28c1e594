"""The record counts of a split, read from files written by hand. Reads only small files."""

import json

import pytest

from experiment.errors import ThawError
from trainer_module.data.record_counts import COUNTS_FILE, check_count


@pytest.fixture
def split(tmp_path):
    """A split's folder in an artifact that says that it has five records."""
    (tmp_path / COUNTS_FILE).write_text(json.dumps({"train": 5, "val": 2}))
    return f"{tmp_path}/Split-train"


def test_the_number_that_was_noted_passes(split):
    check_count([split], 5)


@pytest.mark.parametrize("found", [4, 6, 2])
def test_another_number_is_refused_with_what_was_expected_and_what_to_do(split, found):
    words = rf"Split-train is damaged: it holds {found} records\. Expected 5, .*Restore it from a copy.*caching"
    with pytest.raises(ThawError, match=words):
        check_count([split], found)


def test_several_folders_are_held_against_the_sum(split):
    folders = [split, split.replace("train", "val")]
    check_count(folders, 7)
    with pytest.raises(ThawError, match=r"Split-train, .*Split-val is damaged: it holds 5 records\. Expected 7"):
        check_count(folders, 5)


def test_without_a_note_nothing_is_checked(split, tmp_path):
    check_count([f"{tmp_path}/elsewhere/Split-train"], 3)
    check_count([split, f"{tmp_path}/elsewhere/Split-train"], 3)


@pytest.mark.parametrize("content", [b"", b"[1]", b"{}", b'{"train": "5"}', b'{"train": 5', b"\xff", b"[" * 100_000])
def test_a_damaged_note_is_named(split, tmp_path, content):
    (tmp_path / COUNTS_FILE).write_bytes(content)
    with pytest.raises(ThawError, match=rf"{COUNTS_FILE} is damaged: it does not say how many records Split-train"):
        check_count([split], 5)
