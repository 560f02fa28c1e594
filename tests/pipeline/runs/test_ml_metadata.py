"""ML Metadata's records of runs and nodes. Writes a store of its own with MLMD's client."""

import contextlib
import sqlite3

import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd

from experiment.errors import Damaged
from pipeline.runs import ml_metadata


@pytest.fixture
def store(tmp_path):
    """Two runs of a pipeline of one node, the second served from the cache."""
    store = ml_metadata.open_store(tmp_path / "metadata.sqlite")
    types = {name: store.put_context_type(mlmd.ContextType(name=name)) for name in ("pipeline", "pipeline_run", "node")}
    execution_type = store.put_execution_type(mlmd.ExecutionType(name="component"))
    artifact_type = store.put_artifact_type(mlmd.ArtifactType(name="Model"))
    pipeline, node = store.put_contexts(
        [
            mlmd.Context(type_id=types["pipeline"], name="thaw-small"),
            mlmd.Context(type_id=types["node"], name="thaw-small.Trainer.source.a.original"),
        ]
    )
    for number, state in enumerate((mlmd.Execution.COMPLETE, mlmd.Execution.CACHED)):
        [run] = store.put_contexts([mlmd.Context(type_id=types["pipeline_run"], name=f"run{number}")])
        execution = mlmd.Execution(type_id=execution_type, last_known_state=state)
        artifact = mlmd.Artifact(type_id=artifact_type, uri=f"/models/{number}")
        event = mlmd.Event(type=mlmd.Event.OUTPUT)
        event.path.steps.add(key="model")
        event.path.steps.add(index=0)
        contexts = [mlmd.Context(id=context) for context in (pipeline, node, run)]
        contexts = store.get_contexts_by_id([context.id for context in contexts])
        store.put_execution(execution, [(artifact, event)], contexts)
    return store


def test_the_newest_run_tells_what_each_node_did(store):
    nodes = ml_metadata.nodes_of_run(store, ml_metadata.latest_run_context(store))
    [(name, node)] = nodes.items()
    assert name == "Trainer.source.a.original"
    assert node.cached and node.outputs == {"model": ["/models/1"]} and node.seconds >= 0


def test_a_clock_that_is_set_back_during_a_node_gives_no_negative_time(store, tmp_path):
    """The newest run stays the one that began last, whatever the clock says."""
    with contextlib.closing(sqlite3.connect(tmp_path / "metadata.sqlite")) as database, database:
        database.execute("UPDATE Execution SET last_update_time_since_epoch = create_time_since_epoch - 3600000")
        database.execute("UPDATE Context SET create_time_since_epoch = 1000 WHERE name = 'run1'")
    [node] = ml_metadata.nodes_of_run(store, ml_metadata.latest_run_context(store)).values()
    assert node.seconds == 0 and node.outputs == {"model": ["/models/1"]}


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("DELETE FROM Association WHERE context_id = 2", "belongs to no node"),
        ("DELETE FROM Artifact", "an output of the execution"),
        ("DELETE FROM EventPath", "an output of the execution"),
    ],
)
def test_rows_that_are_not_all_there_are_damage(store, tmp_path, lost, message):
    with contextlib.closing(sqlite3.connect(tmp_path / "metadata.sqlite")) as database, database:
        database.execute(lost)
    with pytest.raises(Damaged, match=message):
        ml_metadata.nodes_of_run(store, ml_metadata.latest_run_context(store))


def test_an_empty_store_has_no_run(tmp_path):
    assert ml_metadata.latest_run_context(ml_metadata.open_store(tmp_path / "m.sqlite")) == 0
