"""Reads runs and their nodes from ML Metadata. Imports only its client and errors."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd

from experiment.errors import Damaged


@dataclasses.dataclass(frozen=True)
class NodeRun:
    """One node of one run: how long it took, and whether TFX's cache served it.

    Attributes:
      seconds: from the first to the last entry in ML Metadata, by the clock; 0 if that was set back in the meantime.
      cached: True when nothing was computed.
      outputs: artifact URIs by output name.
    """

    seconds: float
    cached: bool
    outputs: dict[str, list[str]]


@dataclasses.dataclass(frozen=True)
class MetadataRecord:
    """ML Metadata's record of a run: the SQLite file, the id of the run's context in it, and the run's name there.

    A new file numbers contexts from the start again; TFX's name of a run has its start time.
    """

    store: Path
    run_context: int
    run_name: str


def open_store(metadata_path: Path) -> MetadataStore:
    """The run's ML Metadata store."""
    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = str(metadata_path)
    return MetadataStore(config)


def latest_run_context(store: MetadataStore) -> int:
    """Id of the newest pipeline run's context; 0 when nothing ever ran."""
    return max((context.id for context in store.get_contexts_by_type("pipeline_run")), default=0)


def run_name(store: MetadataStore, context_id: int) -> str:
    """TFX's name of the run with that context; empty if there is no such context."""
    return next((str(context.name) for context in store.get_contexts_by_id([context_id])), "")


def nodes_of_run(store: MetadataStore, context_id: int) -> dict[str, NodeRun]:
    """Each node's execution in a run, by node id, in the order they ran.

    Raises:
      Damaged: related rows are missing.
    """
    nodes = {}
    for execution in sorted(store.get_executions_by_context(context_id), key=lambda execution: execution.id):
        spent_ms = execution.last_update_time_since_epoch - execution.create_time_since_epoch
        nodes[node_id(store, execution.id)] = NodeRun(
            seconds=max(0, spent_ms) / 1000,
            cached=execution.last_known_state == mlmd.Execution.CACHED,
            outputs=_outputs(store, execution.id),
        )
    return nodes


def node_id(store: MetadataStore, execution_id: int) -> str:
    """The node that an execution was of, such as `Tuner.baseline.original`.

    Raises:
      Damaged: that row is missing.
    """
    names = {context.type: str(context.name) for context in store.get_contexts_by_execution(execution_id)}
    if not {"pipeline", "node"} <= names.keys():
        raise Damaged(f"the execution {execution_id} belongs to no node of a pipeline")
    # The node's context is named `<pipeline>.<node id>`, and so is the pipeline's without the node.
    return names["node"].removeprefix(f"{names['pipeline']}.")


def _outputs(store: MetadataStore, execution_id: int) -> dict[str, list[str]]:
    events = [event for event in store.get_events_by_execution_ids([execution_id]) if event.type == mlmd.Event.OUTPUT]
    artifacts = {a.id: a for a in store.get_artifacts_by_id([event.artifact_id for event in events])}
    outputs: dict[str, list[str]] = {}
    for event in events:
        if event.artifact_id not in artifacts or not event.path.steps:
            raise Damaged(f"an output of the execution {execution_id} is not there, or has no name")
        outputs.setdefault(event.path.steps[0].key, []).append(artifacts[event.artifact_id].uri)
    return outputs
