"""The folder that the user takes away. Writes a small real ML Metadata store."""

import errno
import json
import os
import shutil
import threading
import time
from pathlib import Path

import pytest
import yaml

from experiment.errors import ThawError
from experiment.loading import PRESETS, load_config
from pipeline.runs import run_folder
from pipeline.runs.ml_metadata import MetadataRecord, NodeRun
from pipeline.runs.run_files import (
    read_cells,
    read_fresh_draws,
    read_origin,
    read_settings,
    read_started,
    runs_of,
    unfinished_run,
)

TRAININGS = """transfer,n,freeze_count,fine_tune,held_from,draw,test_accuracy
a__original,20,6,false,0,0,0.75
a__original,20,6,false,0,1,0.70
"""
RECORD = MetadataRecord(Path("/workspace/metadata.sqlite"), 7, "2026-11-29T10:00:00")


@pytest.fixture
def finished(tmp_path):
    """A run folder filled from artifacts, for a blessed and for a refused winner."""

    def finish(blessed, size=0):
        report, pushed = tmp_path / "report", tmp_path / "pushed"
        report.mkdir(), pushed.mkdir()
        (report / "report.html").write_text("<html>" + "x" * size)
        summary = {"data": "SYNTHETIC", "target": {}, "stack": {}, "pushed": {"blessed": blessed, "path": None}}
        (report / "summary.json").write_text(json.dumps(summary))
        for name in ("cells.csv", "confirmed.csv"):
            (report / name).write_text(TRAININGS)
        if blessed:
            (pushed / "saved_model.pb").write_bytes(b"x")
        config = load_config(_quick(), (f"runs={tmp_path}/runs",))
        nodes = {
            "Trainer.baseline.original": NodeRun(2.5, False, {"model": ["/artifacts/14"]}),
            "Trainer.transfer.a__original": NodeRun(0.25, False, {"model": ["/artifacts/15"]}),
            "SweepEvaluator": NodeRun(1.5, False, {"evaluations": ["where/tfma/results/are"]}),
            "TransferReport": NodeRun(0.5, True, {"report": [str(report)]}),
            "Pusher": NodeRun(0.1, False, {"pushed_model": [str(pushed)]}),
        }
        folder = run_folder.new_run_folder(config, "photos")
        return (
            folder,
            config,
            run_folder.finish_run_folder(folder, config, nodes, "found here", RECORD, time.monotonic() - 5),
        )

    return finish


def _quick():
    return PRESETS / "quick.yaml"


def test_the_folder_holds_report_summary_and_a_config_that_loads_again(finished):
    folder, config, summary = finished(blessed=True)
    assert (folder / "report.html").exists()
    assert json.loads((folder / "summary.json").read_text()) == summary
    assert summary["seconds_per_node"] == {
        "Trainer.baseline.original": 2.5, "Trainer.transfer.a__original": 0.25, "SweepEvaluator": 1.5,
        "TransferReport": 0.5, "Pusher": 0.1,
    }  # fmt: skip
    assert summary["sweep_evaluation"] == "where/tfma/results/are"
    assert summary["seconds_total"] >= 5
    assert summary["cached_nodes"] == ["TransferReport"]
    assert summary["pushed"]["path"].endswith("pushed")
    assert summary["trained_models"] == {
        "baseline__original": "/artifacts/14/Format-Serving", "a__original": "/artifacts/15/Format-Serving",
    }  # fmt: skip
    assert summary["ml_metadata"] == {
        "store": "/workspace/metadata.sqlite", "run_context": 7, "run_name": "2026-11-29T10:00:00",
    }  # fmt: skip
    assert load_config(folder / "config.yaml") == config
    assert yaml.safe_load((folder / "config.yaml").read_text())["name"] == "quick"
    assert (folder / "config.yaml").read_text().startswith("# Data: SYNTHETIC\n")


READERS = {
    "summary.json": (read_origin, b'"data": "SYNTHETIC"', b'"data": "real"'),
    "config.yaml": (read_settings, b"seed: 2022", b"seed: 7"),
    "cells.csv": (read_cells, b"0.75", b"0.95"),
    "confirmed.csv": (read_fresh_draws, b"a__original,20,6,false,0,1,0.70\n", b""),
}


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_was_altered_after_the_run_is_refused(finished, name):
    folder, *_ = finished(blessed=True)
    read, written, altered = READERS[name]
    assert read(folder)
    content = (folder / name).read_bytes()
    assert written in content
    (folder / name).write_bytes(content.replace(written, altered))
    with pytest.raises(ThawError, match=f"{name} is missing or damaged: it was altered"):
        read(folder)


def test_fresh_draws_that_were_removed_are_missed(finished):
    folder, *_ = finished(blessed=True)
    (folder / "confirmed.csv").unlink()
    with pytest.raises(ThawError, match=r"confirmed\.csv is missing"):
        read_fresh_draws(folder)


def test_a_run_from_before_there_were_digests_is_read(finished):
    folder, *_ = finished(blessed=True)
    summary = json.loads((folder / "summary.json").read_text())
    assert sorted(summary.pop("file_digests")) == ["cells.csv", "config.yaml", "confirmed.csv", "report.html"]
    assert summary.pop("digest")
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "confirmed.csv").write_text(TRAININGS.replace("0.75", "0.95"))
    assert read_origin(folder) == summary and len(read_cells(folder)) == len(read_fresh_draws(folder)) == 2


def test_a_refused_winner_has_no_path(finished):
    assert finished(blessed=False)[2]["pushed"]["path"] is None


def test_a_clock_that_was_set_back_changes_no_order_of_runs(tmp_path):
    config = load_config(_quick(), (f"runs={tmp_path}",))
    for name in ("20990101-000000-quick", "20990101-000000-tiny-3"):
        (tmp_path / name).mkdir()
    names = [run_folder.new_run_folder(config, "photos").name for _ in range(2)]
    assert names == ["20990101-000000-quick-4", "20990101-000000-quick-5"]
    assert [path.name for path in runs_of("quick", tmp_path)] == ["20990101-000000-quick", *names]
    assert unfinished_run("latest", tmp_path).name == names[-1]


def test_a_run_has_its_settings_from_the_moment_that_its_folder_is_there(tmp_path):
    """`thaw status` of another terminal may read at any moment, and a kill may come at any moment: `thaw status` asked
    to move a folder without them away."""
    config = load_config(_quick(), (f"runs={tmp_path}",))
    bare, ended = [], threading.Event()

    def look():
        while not ended.is_set():
            bare.extend(path for path in runs_of("quick", tmp_path)[-1:] if not (path / "started.json").exists())

    looking = threading.Thread(target=look)
    looking.start()
    names = [run_folder.new_run_folder(config, "photos").name for _ in range(60)]
    ended.set()
    looking.join()
    assert bare == [] and sorted(path.name for path in tmp_path.iterdir()) == sorted(set(names))
    assert len(set(names)) == 60


def test_an_old_run_without_settings_is_left_alone(tmp_path):
    config = load_config(_quick(), (f"runs={tmp_path}",))
    (tmp_path / "20990101-000000-quick").mkdir()
    (tmp_path / "20990101-000000-quick-2").write_text("a file of the user's")
    folder = run_folder.new_run_folder(config, "photos")
    assert folder.name == "20990101-000000-quick-3" and read_started(folder)
    assert sorted(path.name for path in tmp_path.iterdir())[:2] == ["20990101-000000-quick", "20990101-000000-quick-2"]


def test_what_began_is_found_from_another_folder_by_the_places_that_it_had(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    changes = ("data.path=photos", "backbones.mobilenet_v2.weights=w.h5", "backbones.own.model=mine.keras")
    folder = run_folder.new_run_folder(load_config(_quick(), changes), "photos")
    settings = read_started(folder)["settings"]
    assert (settings["workspace"], settings["runs"]) == (f"{tmp_path}/workspace", f"{tmp_path}/runs")
    assert settings["data"]["path"] == f"{tmp_path}/photos"
    networks = settings["backbones"]
    assert (networks["mobilenet_v2"]["weights"], networks["own"]["model"]) == (
        f"{tmp_path}/w.h5", f"{tmp_path}/mine.keras",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("written", "altered"), [('"seed": 2022', '"seed": 2023'), ('"data": "photos"', '"data": "other"')]
)
def test_the_record_of_what_began_is_refused_if_it_was_altered(tmp_path, monkeypatch, written, altered):
    """By it `thaw status` says whether these settings ran, and `thaw report` repeats what was stopped."""
    monkeypatch.chdir(tmp_path)
    folder = run_folder.new_run_folder(load_config(_quick(), ()), "photos")
    content = (folder / "started.json").read_text()
    assert written in content and read_started(folder)
    (folder / "started.json").write_text(content.replace(written, altered))
    with pytest.raises(ThawError, match=r"started\.json is missing or damaged: it was altered.* Then move .* away"):
        read_started(folder)


def test_latest_points_to_the_newest_folder(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        run_folder.point_latest_to(tmp_path / name)
    assert (tmp_path / "latest").resolve() == tmp_path / "second"


def test_a_folder_named_latest_is_left_alone(tmp_path):
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest" / "kept.txt").touch()
    (tmp_path / "first").mkdir()
    run_folder.point_latest_to(tmp_path / "first")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "latest"]
    assert (tmp_path / "latest" / "kept.txt").exists() and not (tmp_path / "latest").is_symlink()


def test_where_there_are_no_links_nothing_is_left_behind(tmp_path, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))  # as vfat says it

    (tmp_path / "first").mkdir()
    monkeypatch.setattr(Path, "symlink_to", refuse)
    run_folder.point_latest_to(tmp_path / "first")
    assert [path.name for path in tmp_path.iterdir()] == ["first"]


def test_a_report_for_which_there_is_no_room_leaves_a_run_that_is_not_finished(
    finished, file_limit, tmp_path, monkeypatch
):
    def no_room(report, fresh, **_):
        with file_limit(4096):
            return copytree(report, fresh, **_)

    copytree = shutil.copytree
    monkeypatch.setattr(shutil, "copytree", no_room)
    with pytest.raises((OSError, shutil.Error), match="File too large"):
        finished(blessed=True, size=100_000)
    [runs] = [path for path in tmp_path.iterdir() if path.name == "runs"]
    [folder] = runs.iterdir()
    assert [path.name for path in folder.iterdir()] == ["started.json"]
