"""ML Metadata's file: locked, damaged, emptied, deleted. Real SQLite files; no TFX."""

import contextlib
import os
import sqlite3
import time

import pytest

from experiment.errors import ThawError
from pipeline.runs.metadata_file import METADATA_FILE, check_metadata


@pytest.fixture
def path(tmp_path):
    """A file of several pages with the table that identifies MLMD's files, and an artifact next to it."""
    (tmp_path / "artifacts" / "Transform").mkdir(parents=True)
    path = tmp_path / METADATA_FILE
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE MLMDEnv (schema_version INTEGER)")
        database.execute("CREATE TABLE Artifact (uri TEXT)")
        database.executemany("INSERT INTO Artifact VALUES (?)", [(f"/a/{n}" * 20,) for n in range(500)])
    return path


@pytest.mark.parametrize("to_write", [True, False])
def test_a_whole_file_is_accepted(path, to_write):
    check_metadata(path, to_write=to_write)


def test_before_the_first_run_there_is_none(tmp_path):
    check_metadata(tmp_path / "thaw-quick" / METADATA_FILE)


@pytest.mark.parametrize("to_write", [True, False])
def test_a_file_that_another_process_holds_is_told_in_seconds(path, to_write):
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        with pytest.raises(ThawError, match=r"Another process holds .*metadata\.sqlite.*Close the program"):
            check_metadata(path, to_write=to_write)
        assert time.monotonic() - began < 10


@pytest.mark.parametrize("to_write", [True, False])
def test_a_file_that_was_cut_damaged_or_replaced_is_named_with_the_repair(path, to_write):
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:50], b"\xff" * 5000, whole[:4096] + b"\xff" * 4096 + whole[8192:]):
        path.write_bytes(content)
        with pytest.raises(ThawError, match=r"metadata\.sqlite, is damaged.*the folder `artifacts` beside it away"):
            check_metadata(path, to_write=to_write)


@pytest.mark.parametrize("to_write", [True, False])
def test_an_emptied_or_deleted_file_whose_artifacts_are_there_is_named_with_the_repair(path, to_write):
    os.truncate(path, 0)
    with pytest.raises(ThawError, match=r"is empty.*no training that is in a ledger"):
        check_metadata(path, to_write=to_write)
    path.unlink()
    with pytest.raises(ThawError, match=r"is missing.*no training that is in a ledger"):
        check_metadata(path, to_write=to_write)


def test_another_database_is_no_record_of_runs(tmp_path):
    path = tmp_path / METADATA_FILE
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE other (n INTEGER)")
    with pytest.raises(ThawError, match="no table MLMDEnv"):
        check_metadata(path)
