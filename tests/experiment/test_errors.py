"""What becomes a ThawError, and what stays a traceback. Imports only errors."""

import collections
import json
import struct
import zlib
from pathlib import Path

import pytest

import thaw_entry
from acquisition.image_folders import image_files
from experiment.errors import OURS, Damaged, ThawError, counted, home_expanded, is_own_mistake, listed, worded
from pipeline.runs.finished_run import reading


def test_the_modules_that_are_ours_are_those_that_win_over_others():
    assert set(thaw_entry.NAMES) == OURS


def test_a_home_that_nobody_has_stays_as_it_is_written():
    assert home_expanded(Path("~nosuchuser/images")) == Path("~nosuchuser/images")
    assert home_expanded(Path("~/images")) == Path.home() / "images"


BROKEN_BY_US = {
    AttributeError: lambda: None.missing, KeyError: lambda: {}["missing"], IndexError: lambda: [][0],
    ValueError: lambda: int("seven"), TypeError: lambda: len(7), StopIteration: lambda: next(iter(())),
    ZeroDivisionError: lambda: 1 / 0,
}  # fmt: skip


def damage_found_by_us():
    raise Damaged("half of it is missing")


BROKEN_BY_INPUT = {
    "TypeError": lambda: json.dumps({(1, 2): 3}), "ValueError": lambda: json.loads("{"),
    "KeyError": lambda: collections.ChainMap()["missing"], "OSError": lambda: Path("/nowhere").read_bytes(),
    "UnicodeDecodeError": lambda: b"\xff".decode(), "zlib.error": lambda: zlib.decompress(b"?"),
    "struct.error": lambda: struct.unpack("<I", b"?"), "Damaged": damage_found_by_us,
}  # fmt: skip


@pytest.fixture
def read_by(monkeypatch, tmp_path):
    """A function that yields readers which come upon what a function raises, as if a module of ours called it."""
    monkeypatch.setitem(globals(), "__name__", "pipeline.somewhere")
    (tmp_path / "a.png").write_bytes(b"x")

    def read_by(broken):
        def artifact():
            with reading("a file"):
                broken()

        monkeypatch.setattr(image_files, "_opened", lambda *_: broken())
        return artifact, lambda: image_files.load_image(tmp_path / "a.png", "a.png")

    return read_by


@pytest.mark.parametrize("expected", BROKEN_BY_US)
def test_a_mistake_of_ours_is_not_taken_for_damaged_input(read_by, expected):
    for read in read_by(BROKEN_BY_US[expected]):
        with pytest.raises(expected):
            read()


@pytest.mark.parametrize("name", BROKEN_BY_INPUT)
def test_what_input_breaks_is_told_as_damage(read_by, name):
    for read in read_by(BROKEN_BY_INPUT[name]):
        with pytest.raises(ThawError, match=r"a file is missing or damaged|a\.png: damaged or cut short"):
            read()


def test_a_header_that_our_own_code_fails_on_is_not_called_no_image(monkeypatch, tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")
    monkeypatch.setitem(globals(), "__name__", "pipeline.somewhere")
    monkeypatch.setattr(image_files, "_opened", lambda *_: {}["missing"])
    with pytest.raises(KeyError):
        image_files.image_header(tmp_path / "a.png")


def test_an_error_that_nobody_raised_is_no_mistake():
    assert not is_own_mistake(ValueError())


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 images are"), (1, "1 image is"), (2, "2 images are"), (2000, "2,000 images are")]
)
def test_the_words_fit_the_number(count, words):
    assert counted(count, "image is", "images are") == words


def test_without_other_words_an_s_is_added():
    assert (counted(1, "cell"), counted(3, "cell"), worded(1, "it", "them"), worded(2, "it", "them")) == (
        "1 cell", "3 cells", "it", "them",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "words"),
    [(["rose", "tulip"], "rose, tulip"), ([10, 50], "10, 50"), ([], "none"), (["a, b", " "], "'a, b', ' '")],
)
def test_a_list_is_written_in_words(values, words):
    assert listed(values) == words
