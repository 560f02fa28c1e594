"""A node that fails ends the run with an error that names it and its log. Imports TFX, runs no node."""

import json
import shutil
import types

import apache_beam as beam
import pytest
from tfx.orchestration.local.local_dag_runner import LocalDagRunner

from experiment.errors import ThawError
from experiment.loading import PRESETS, load_config
from pipeline.dag import dag
from pipeline.planning.plan import Plan
from pipeline.planning.precision import Decision
from pipeline.runner import launch, prepare, process
from tests.pipeline.metadata_recorder import Recorder

pytestmark = pytest.mark.component

FLOAT32 = Decision("float32", "as configured", "2.16.2")


@pytest.fixture
def launched(tmp_path, monkeypatch):
    """A function that launches the experiment with data that was found and a DAG of no nodes."""
    config = load_config(PRESETS / "quick.yaml", (f"workspace={tmp_path}/workspace", f"runs={tmp_path}/runs"))
    dataset = types.SimpleNamespace(name="photos", origin="found here")
    nothing = Plan({}, False, {}, 0, 0, False, 0, False, 0.0, 0.0)
    prepared = prepare.Prepared(config, config, dataset, {}, nothing, FLOAT32)
    monkeypatch.setattr(launch, "prepare", lambda *_: prepared)
    monkeypatch.setattr(dag, "create_pipeline", lambda *_, **__: types.SimpleNamespace(components=[]))
    return lambda **changes: launch.launch(config, tmp_path, {}, plan_only=False, **changes)


def test_the_report_of_a_stopped_run_is_made_on_its_own_images_alone(launched, tmp_path):
    """In a shell that lacks CIFAR10_DIR the images would be drawn, and sources trained on them."""
    with pytest.raises(ThawError, match=r"run used cifar10, but Thaw now finds photos.*CIFAR10_DIR"):
        launched(data="cifar10")
    assert not (tmp_path / "runs").exists()


def test_whatever_a_node_raises_is_said_with_the_place_of_the_log(launched, tmp_path, monkeypatch):
    def fail(self, pipeline):
        raise OSError("no space left on device")

    monkeypatch.setattr(LocalDagRunner, "run", fail)
    with pytest.raises(ThawError, match=r"OSError: no space left on device") as raised:
        launched()
    [folder] = (tmp_path / "runs").glob("2*")
    assert str(folder / "log.txt") in str(raised.value)
    assert isinstance(raised.value.__cause__, OSError)


@pytest.mark.parametrize(("interrupt", "status"), [(KeyboardInterrupt, 130), (process.Terminated, 143)])
def test_a_signal_that_hits_beams_code_stops_the_run_and_is_no_failure_of_a_node(
    launched, monkeypatch, capfd, interrupt, status
):
    def hit(_element):
        raise interrupt

    def run(self, pipeline):
        with beam.Pipeline() as nodes:
            _ = nodes | beam.Create([1]) | beam.Map(hit)

    monkeypatch.setattr(LocalDagRunner, "run", run)
    assert process.exit_status(launched, {}) == status
    said = capfd.readouterr().err
    assert process.STOPPED in said and "failed" not in said


class RecordedRun:
    """Stands for the local runner: leaves the artifacts and the ML Metadata of a run whose nodes have ended."""

    def __init__(self, folder, store):
        self.folder, self.store, self.runs = folder, store, 0

    def run(self, _pipeline):
        self.runs += 1
        self.store.parent.mkdir(parents=True, exist_ok=True)
        recorder = Recorder(self.store)
        report = self.folder / "artifacts" / "report"
        report.mkdir(parents=True, exist_ok=True)
        summary = {
            "experiment": "quick", "data": "photos", "synthetic": False, "winner": "a", "left_out": {},
            "collapsed": [], "advice": [], "diverged": [],
            "worse_on_val": [], "pushed": {"blessed": False, "path": None}, "closing_table": [],
        }  # fmt: skip
        (report / "summary.json").write_text(json.dumps(summary))
        (report / "cells.csv").write_text("n\n" * 50_000)
        for node, outputs in {
            "SweepEvaluator": {"evaluations": "evaluations"}, "TransferReport": {"report": str(report)}, "Pusher": {},
        }.items():  # fmt: skip
            recorder.execution(f"run{self.runs}", node, {}, outputs)


@pytest.fixture
def ended(launched, tmp_path, monkeypatch):
    """A function that runs the experiment up to the writing of its folder."""
    recorded = RecordedRun(tmp_path, tmp_path / "workspace" / "thaw-quick" / "metadata.sqlite")
    monkeypatch.setattr(LocalDagRunner, "run", lambda _self, pipeline: recorded.run(pipeline))
    return launched


def test_a_disk_that_is_full_when_the_nodes_have_ended_is_said_and_the_next_run_finishes(
    ended, tmp_path, monkeypatch, file_limit
):
    copy = shutil.copytree

    def without_room(*args, **options):
        with file_limit(10_000):
            return copy(*args, **options)

    monkeypatch.setattr(shutil, "copytree", without_room)
    with pytest.raises(ThawError, match=r"Writing the run's folder: .*File too large.*run the same command again"):
        ended()
    [folder] = (tmp_path / "runs").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["log.txt", "started.json"]
    assert "Traceback" in (folder / "log.txt").read_text()
    monkeypatch.setattr(shutil, "copytree", copy)
    ended()
    assert (tmp_path / "runs" / "latest" / "summary.json").exists()


def test_a_folder_named_latest_ends_no_run(ended, tmp_path):
    (tmp_path / "runs" / "latest").mkdir(parents=True)
    ended()
    assert len(list((tmp_path / "runs").glob("2*/summary.json"))) == 1


def test_the_traceback_of_a_node_stands_in_the_log(ended, tmp_path, monkeypatch):
    def fail(self, pipeline):
        raise ValueError("gänseblümchen")

    monkeypatch.setattr(LocalDagRunner, "run", fail)
    with pytest.raises(ThawError, match="the traceback are in"):
        ended()
    text = next((tmp_path / "runs").glob("2*/log.txt")).read_text(encoding="utf-8")
    assert "Traceback" in text and 'raise ValueError("gänseblümchen")' in text
