"""The messages of a failed run: errors from a node. Builds no pipeline."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from experiment.errors import ThawError
from pipeline.runner.failed_run import AFTER_NODES, explained, reported_causes


def test_a_nodes_own_error_is_shown_however_it_was_wrapped():
    try:
        try:
            raise ThawError("the label is 10")
        except ThawError as error:
            raise RuntimeError("while running stage 7") from error
    except RuntimeError as wrapped:
        said = explained(wrapped, "AnomalyGate", Path("log.txt"), Path())
    assert str(said) == "AnomalyGate: the label is 10"


def raised_while_handling(first, second):
    second.__context__ = first  # as Python sets it
    return second


def test_an_error_that_repeats_what_it_wraps_is_reported_as_the_wrapped_one_and_any_other_is_not():
    first = ThawError("the label is 10")
    wrapped = raised_while_handling(first, RuntimeError("ThawError: the label is 10 [while running 'Map']"))
    assert list(reported_causes(wrapped)) == [wrapped, first]
    assert str(explained(wrapped, "AnomalyGate", Path("log.txt"), Path())) == "AnomalyGate: the label is 10"
    other = raised_while_handling(first, KeyError("a"))
    assert list(reported_causes(other)) == [other]
    assert "The node AnomalyGate failed: KeyError" in str(explained(other, "AnomalyGate", Path("log.txt"), Path()))


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), RuntimeError("query failed: database or disk is full query: X")],
)
def test_a_full_disk_is_said_in_words_whoever_found_it(error):
    said = explained(error, "Transform", Path("log.txt"), Path())
    assert str(said).startswith("Transform: the disk is full. Expected room") and "log.txt" in str(said)


def test_the_full_disk_of_the_runs_folder_is_named_and_its_log_is_not_said_to_be_whole(tmp_path):
    """The log lies on that disk, so it has what there was room for."""
    full = shutil.Error([("a.csv", "b.csv", f"[Errno 28] {os.strerror(errno.ENOSPC)}")])  # copytree's names no file
    said = str(explained(full, AFTER_NODES, tmp_path / "log.txt", tmp_path))
    assert f"Writing the run's folder: the disk is full ({tmp_path}). Expected room" in said and "TMPDIR" in said
    assert "as far as there was room" in said and "All output" not in said


def test_any_other_error_names_node_and_log(tmp_path):
    log = tmp_path / "log.txt"
    said = explained(ValueError("boom"), "Transform", log, tmp_path)
    assert "The node Transform failed: ValueError: boom" in str(said) and f"the traceback are in {log}." in str(said)


def test_a_run_whose_folder_was_deleted_meanwhile_is_told_that_it_is_gone(tmp_path):
    log, error = tmp_path / "deleted" / "log.txt", FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "a.csv")
    said = str(explained(error, AFTER_NODES, log, tmp_path))
    assert f"{log.parent} is gone; it was deleted, moved or renamed" in said and "permissions" not in said
    assert f"{log} is gone with its folder" in str(explained(ValueError("boom"), "Transform", log, tmp_path))
    log.parent.mkdir()
    assert "correct its permissions" in str(explained(error, AFTER_NODES, log, tmp_path))


def test_a_full_disk_that_sqlite_hides_is_said_with_the_folder_on_it(tmp_path, small_disk):
    """ML Metadata's change was undone by SQLite, so COMMIT had nothing to commit; nothing named a disk."""
    undone = RuntimeError("Error when executing query: cannot commit - no transaction is active query: COMMIT;")
    said = str(explained(undone, "Confirmer", tmp_path / "log.txt", small_disk))
    assert said.startswith(f"Confirmer: the disk is full ({small_disk}). Expected room")
    assert "The node Confirmer failed" in str(explained(undone, "Confirmer", tmp_path / "log.txt", tmp_path))


def test_the_folder_on_a_full_disk_is_named_where_the_error_names_no_file(tmp_path, small_disk):
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    said = str(explained(error, "Transform", tmp_path / "log.txt", small_disk / "not" / "there"))
    assert said.startswith("Transform: the disk is full. Expected room")
    assert f"full ({small_disk}). " in str(explained(error, "Transform", tmp_path / "log.txt", small_disk))
    error.filename = "a.csv"
    assert "full (a.csv). " in str(explained(error, "Transform", tmp_path / "log.txt", small_disk))
