"""Paths and names on the command line: `~` where the shell leaves it, and empty ones. Imports no TensorFlow."""

import argparse
import contextlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from experiment.loading import PRESETS
from pipeline.new_experiment import wanted
from pipeline.runner.options import add_options
from pipeline.runs.run_files import unfinished_run
from tests.pipeline.metadata_recorder import Recorder, small_summary
from thaw.main import main as run_command


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The home folder; the working folder is another one."""
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "home"


@pytest.fixture
def call(monkeypatch, capfd):
    """A function that runs `thaw` in this process: its status, and all that it printed."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["thaw", *arguments])
        with pytest.raises(SystemExit) as ended:
            run_command()
        captured = capfd.readouterr()
        return ended.value.code, captured.out + captured.err

    return call


@pytest.mark.parametrize("arguments", [["latest", "--runs=~/runs"], ["~/runs/20261124-100000-small"]])
def test_a_run_in_the_home_folder_is_found(home, call, tmp_path, arguments):
    folder = home / "runs" / "20261124-100000-small"
    folder.mkdir(parents=True)
    recorder = Recorder(tmp_path / "metadata.sqlite")
    recorder.execution("run", "DomainExamples.target", {}, {"domain": str(tmp_path / "domain")})
    (folder / "summary.json").write_text(json.dumps(small_summary(recorder)))
    status, said = call("report", *arguments)
    assert status == 0 and str(folder / "report.html") in said, said


def test_a_run_that_did_not_finish_is_found_too(home):
    (home / "runs" / "20261124-100000-small").mkdir(parents=True)
    (home / "runs" / "20261124-100000-small" / "started.json").touch()
    assert unfinished_run("~/runs/20261124-100000-small", Path("runs")) == home / "runs" / "20261124-100000-small"


def test_a_configuration_in_the_home_folder_is_read(home, call):
    (home / "mine.yaml").write_text((PRESETS / "tiny.yaml").read_text())
    status, said = call("status", "--config=~/mine.yaml")
    assert status == 0 and "Experiment tiny" in said, said


def test_init_makes_no_folder_of_that_name(home, call):
    status, said = call("init", "~/photos", "--out=~/made")
    assert status == 1 and f"{home}/photos does not exist" in said, said
    (home / "photos" / "a").mkdir(parents=True)
    status, said = call("init", "~/photos", "--out=~/photos/made")
    assert status == 1 and f"{home}/photos/made and the images in {home}/photos contain each other" in said, said


def test_a_model_in_the_home_folder_is_the_one_that_is_transferred(home):
    none = (
        "target",
        "classes",
        "image_key",
        "label_key",
        "id_key",
        "val_key",
        "group_key",
        "scale",
        "image_size",
        "mirror",
    )
    asked = {**dict.fromkeys(none), "backbone": ["~/mine.keras"]}
    assert wanted.wanted_from("photos", asked).backbones["mine"].model == home / "mine.keras"


def test_options_of_the_runners_know_it_as_well(home):
    parser = argparse.ArgumentParser()
    add_options(parser)
    given = parser.parse_args(["--config=~/mine.yaml", "--data=~/photos", "--weights=~/w.h5"])
    assert [given.config, given.data, given.weights] == [home / name for name in ("mine.yaml", "photos", "w.h5")]


def test_a_folder_whose_name_begins_with_a_tilde_is_no_home_folder(home, call):
    Path("~x").mkdir()
    status, said = call("report", "--runs=./~x")
    assert status == 1 and f"No run in {os.path.normpath('~x')} is finished" in said, said


KEYS = [["init", "photos", f"--{key}-key="] for key in ("image", "label", "id")]


@pytest.mark.parametrize(
    "arguments",
    [["report", ""], ["report", "--runs="], ["compare", "", "latest"], ["compare", "latest", ""],
     ["status", "--config="], ["status", "--data="], ["status", "--weights="], ["init", ""],
     ["init", "photos", "--out="], ["init", "photos", "--name="], *KEYS],
)  # fmt: skip
def test_empty_text_is_neither_the_working_folder_nor_the_default(home, call, arguments):
    Path("summary.json").touch()  # which `.` would be
    status, said = call(*arguments)
    assert status == 2 and "got an empty text" in said, said


def test_the_runners_refuse_an_empty_path(capsys):
    parser = argparse.ArgumentParser()
    add_options(parser)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["--data="])
    assert ended.value.code == 2 and "argument --data: expected a path, got an empty text" in capsys.readouterr().err


@contextlib.contextmanager
def nobodys():
    """As a user for whom a file may be closed; nothing is closed to root, and click asks for the real user."""
    user = os.getuid()
    try:
        if user == 0:
            os.setresuid(65534, 65534, 0)
        yield
    finally:
        if user == 0:
            os.setresuid(0, 0, 0)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["init", "labels.csv"], "labels.csv can't be read: Permission denied. Expected a CSV file that you may read"),
        (["init", "photos"], "photos can't be read: Permission denied. Expected a folder that you may read."),
        (
            ["data", "--config={place}/quick.yaml", "--data=photos"],
            "photos can't be read: Permission denied. Expected a folder that you may read.",
        ),
        (["report", "--runs=photos"], "Can't use photos: Permission denied. Expected a path that Thaw can read"),
    ],
)
def test_a_path_that_may_not_be_read_is_answered_as_other_mistakes_are(call, monkeypatch, arguments, expected):
    # pytest's own folders are closed to others.
    with tempfile.TemporaryDirectory(dir="/tmp") as temporary:
        place = Path(temporary)
        (place / "photos").mkdir(mode=0)
        (place / "labels.csv").touch(mode=0)
        # The project's own may be below a folder that is closed to others.
        Path(shutil.copy(PRESETS / "quick.yaml", place)).chmod(0o644)
        place.chmod(0o777)
        monkeypatch.chdir(place)
        given = [one.format(place=place) for one in arguments]
        call(*given)  # imports what the command needs
        with nobodys():
            status, said = call(*given)
        (place / "photos").chmod(0o755)
        monkeypatch.chdir("/")
    assert status == 1 and expected in said and "Usage" not in said, said
