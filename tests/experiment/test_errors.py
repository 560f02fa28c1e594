"""What becomes a ThawError, and what stays a traceback. Imports errors alone."""

from pathlib import Path

import pytest

import thaw_entry
from acquisition.image_folders import image_files
from experiment.errors import OURS, ThawError, home_expanded, is_own_mistake
from pipeline.runs.finished_run import reading


def test_the_modules_that_are_ours_are_those_that_win_over_others():
    assert set(thaw_entry.NAMES) == OURS


def test_a_home_that_nobody_has_stays_as_it_is_written():
    assert home_expanded(Path("~nosuchuser/images")) == Path("~nosuchuser/images")
    assert home_expanded(Path("~/images")) == Path.home() / "images"


def broken_by_us(*_):
    return None.missing


def broken_by_a_library(*_):
    import json

    json.dumps({(1, 2): 3})


@pytest.mark.parametrize("broken", [broken_by_us, broken_by_a_library])
def test_a_mistake_of_ours_is_not_taken_for_damaged_input(broken, monkeypatch, tmp_path):
    monkeypatch.setitem(broken.__globals__, "__name__", "pipeline.somewhere")
    expected = AttributeError if broken is broken_by_us else ThawError
    with pytest.raises(expected), reading("a file"):
        broken()
    monkeypatch.setattr(image_files, "_opened", broken)
    (tmp_path / "a.png").write_bytes(b"x")
    for read in (image_files.image_header, lambda path: image_files.load_image(path, "a.png")):
        with pytest.raises(expected):
            read(tmp_path / "a.png")


def test_only_errors_that_no_input_should_cause_are_mistakes():
    assert not is_own_mistake(ValueError())
