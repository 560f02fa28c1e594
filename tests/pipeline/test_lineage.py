"""The way back from a model to the records, and a finished run opened again. Writes small real ML Metadata stores."""

import json
import shutil

import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.errors import ThawError
from pipeline.finished_run import open_run
from pipeline.lineage import history
from pipeline.run_folder import latest_run_context, open_store
from trainer_module.selection import Cell


class Recorder:
    """Writes executions into a store as TFX does."""

    def __init__(self, path):
        self.store = open_store(path)
        names = ("pipeline", "pipeline_run", "node")
        self.types = {name: self.store.put_context_type(mlmd.ContextType(name=name)) for name in names}
        self.execution_type = self.store.put_execution_type(mlmd.ExecutionType(name="component"))
        self.artifact_type = self.store.put_artifact_type(mlmd.ArtifactType(name="Artifact"))
        self.artifacts = {}
        self.pipeline = self.context("pipeline", "thaw-small")

    def context(self, kind, name):
        found = self.store.get_context_by_type_and_name(kind, name)
        if found is None:
            [made] = self.store.put_contexts([mlmd.Context(type_id=self.types[kind], name=name)])
            [found] = self.store.get_contexts_by_id([made])
        return found

    def execution(self, run, node, inputs, outputs, state=mlmd.Execution.COMPLETE, **settings):
        execution = mlmd.Execution(type_id=self.execution_type, last_known_state=state)
        for name, value in settings.items():
            execution.custom_properties[name].string_value = value
        pairs = []
        for kind, channels in ((mlmd.Event.INPUT, inputs), (mlmd.Event.OUTPUT, outputs)):
            for channel, uri in channels.items():
                event = mlmd.Event(type=kind)
                event.path.steps.add(key=channel)
                event.path.steps.add(index=0)
                artifact = mlmd.Artifact(type_id=self.artifact_type, uri=uri, id=self.artifacts.get(uri))
                pairs.append((artifact, event))
        contexts = [self.pipeline, self.context("pipeline_run", run), self.context("node", f"thaw-small.{node}")]
        _, ids, _ = self.store.put_execution(execution, pairs, contexts)
        self.artifacts |= {artifact.uri: id_ for (artifact, _), id_ in zip(pairs, ids, strict=True)}


@pytest.fixture
def recorder(tmp_path):
    """Records to domain to model; in a second run the domain comes from the cache and the model is trained anew."""
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
    row = {"transfer": "a__original", "n": 20, "freeze_count": 8, "fine_tune": True}
    summary = {
        "winner": "a__original", "closing_table": [{**row, "transfer": "b__original", "n": 10}, row],
        "ml_metadata": {"store": str(tmp_path / "metadata.sqlite"), "run_context": latest_run_context(recorder.store)},
    }  # fmt: skip
    (folder / "summary.json").write_text(json.dumps(summary))
    settings = {
        "name": "small", "sources": {"a": {"classes": ["cat", "dog"]}}, "sizes": [10],
        "transfers": [{"source": "a", "architecture": "original"}], "freeze_counts": {"original": [8]},
    }  # fmt: skip
    (folder / "config.yaml").write_text(json.dumps(settings))
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
    with pytest.raises(ThawError, match="holds no finished run"):
        open_run(tmp_path)


def test_a_run_of_an_older_thaw_cannot_be_opened(folder):
    (folder / "summary.json").write_text("{}")
    with pytest.raises(ThawError, match="written by an older Thaw"):
        open_run(folder)


def test_a_run_whose_workspace_is_gone_cannot_be_opened(folder, tmp_path):
    shutil.move(tmp_path / "metadata.sqlite", tmp_path / "elsewhere.sqlite")
    with pytest.raises(ThawError, match=r"has no metadata.sqlite any more"):
        open_run(folder)
