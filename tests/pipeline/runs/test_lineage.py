"""The way back from a model to the records, and a finished run opened again. Writes small real ML Metadata stores."""

import json
import shutil

import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd

from experiment.errors import ThawError
from ledger.cell_selection import Cell
from pipeline.runs.finished_run import open_run
from pipeline.runs.lineage import history
from pipeline.runs.ml_metadata import nodes_of_run
from tests.pipeline.metadata_recorder import Recorder, small_row, small_settings, small_summary


@pytest.fixture
def recorder(tmp_path):
    """Records to domain to model; in a second run the domain comes from the cache and the model is trained again."""
    recorder = Recorder(tmp_path / "metadata.sqlite")
    recorder.execution("run 1", "ImportExampleGen", {}, {"examples": "/records"}, input_fingerprint="abc")
    recorder.execution("run 1", "DomainExamples.target", {"examples": "/records"}, {"domain": "/domain"})
    recorder.execution("run 1", "Trainer.a", {"examples": "/domain", "again": "/records"}, {"model": "/model/1"})
    recorder.execution("run 1", "Unrelated", {"examples": "/domain"}, {"statistics": "/statistics"})
    recorder.execution(
        "run 2", "DomainExamples.target", {"examples": "/records"}, {"domain": "/domain"}, mlmd.Execution.CACHED
    )
    recorder.execution("run 2", "Trainer.a", {"examples": "/domain"}, {"model": "/model/2"})
    return recorder


@pytest.mark.parametrize("model", ["/model/1", "/model/2"])
def test_a_model_leads_back_to_the_records_through_each_execution_once(recorder, model):
    steps = history(recorder.store, model)
    assert steps[0].node == "Trainer.a"
    assert sorted(step.node for step in steps) == ["DomainExamples.target", "ImportExampleGen", "Trainer.a"]
    assert steps[0].distance == 0 and steps[0].outputs == {"model": [model]}
    assert steps[0].inputs["examples"] == ["/domain"]
    records = next(step for step in steps if step.node == "ImportExampleGen")
    assert records.settings == {"input_fingerprint": "abc"}
    assert records.inputs == {} and records.seconds >= 0


def test_distance_is_the_shortest_way(recorder):
    distances = {step.node: step.distance for step in history(recorder.store, "/model/1")}
    assert distances == {"Trainer.a": 0, "DomainExamples.target": 1, "ImportExampleGen": 1}


def test_what_is_not_in_the_store_is_refused(recorder):
    with pytest.raises(ThawError, match="knows no artifact /elsewhere"):
        history(recorder.store, "/elsewhere")


@pytest.fixture
def folder(recorder, tmp_path):
    """The folder of run 2."""
    folder = tmp_path / "runs" / "latest"
    folder.mkdir(parents=True)
    rows = [small_row(transfer="b__original"), small_row(n=20, fine_tune=True)]
    (folder / "summary.json").write_text(json.dumps(small_summary(recorder, closing_table=rows)))
    (folder / "config.yaml").write_text(json.dumps(small_settings()) + "\n")
    return folder


def test_a_run_opened_again_has_its_own_outputs_and_its_winner(folder):
    run = open_run(folder)
    assert run.output("Trainer.a", "model") == "/model/2"
    assert str(run.model("a")) == "/model/2/Format-Serving"
    assert run.nodes["DomainExamples.target"].cached
    assert run.winner == ("a__original", Cell(20, 8, True))
    assert run.config.name == "small"


def test_an_output_that_a_run_does_not_have_is_refused_with_those_it_has(folder):
    with pytest.raises(ThawError, match=r"no output 'domain' of a node 'DomainExamples.cats'.*target, domain"):
        open_run(folder).records("cats", "train")


def test_an_unfinished_run_cannot_be_opened(tmp_path):
    with pytest.raises(ThawError, match="is not a finished run"):
        open_run(tmp_path)


def test_a_run_whose_summary_does_not_lead_to_ml_metadata_cannot_be_opened(folder):
    (folder / "summary.json").write_text("{}")
    with pytest.raises(ThawError, match=r"summary\.json is missing or damaged"):
        open_run(folder)


def test_a_record_that_was_made_again_is_not_taken_for_the_runs_own(recorder, folder, tmp_path):
    """Its contexts are numbered from the start, so that the run's number is soon another run's."""
    (tmp_path / "metadata.sqlite").unlink()
    anew = Recorder(tmp_path / "metadata.sqlite")
    for number in range(3, 9):
        anew.execution(f"run {number}", "Trainer.a", {}, {"model": f"/model/of/{number}"})
    assert nodes_of_run(anew.store, json.loads((folder / "summary.json").read_text())["ml_metadata"]["run_context"])
    with pytest.raises(ThawError, match=r"metadata\.sqlite has no record of the run of .*not the file that the run "):
        open_run(folder)


def test_a_run_opened_from_another_folder_keeps_the_workspace_that_it_had(folder, tmp_path, monkeypatch):
    assert json.loads((folder / "config.yaml").read_text()).get("workspace") is None  # relative, as by default
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert open_run(folder).config.workspace == tmp_path.parent


def test_a_run_whose_workspace_is_gone_cannot_be_opened(folder, tmp_path):
    shutil.move(tmp_path / "metadata.sqlite", tmp_path / "elsewhere.sqlite")
    with pytest.raises(ThawError, match=r"no longer has metadata.sqlite"):
        open_run(folder)
