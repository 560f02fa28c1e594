"""Traces a model, or any other output of a run, back through ML Metadata to the records. Imports no TFX component."""

from __future__ import annotations

import dataclasses
import datetime
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd

from experiment.errors import ThawError
from pipeline.runs.ml_metadata import node_id


@dataclasses.dataclass(frozen=True)
class Step:
    """One execution of the lineage.

    Attributes:
      node: the node's id.
      distance: executions between it and the artifact; 0 wrote the artifact itself.
      began: its start.
      seconds: its duration.
      settings: its parameters (TFX's execution properties) by name.
      inputs, outputs: URIs by the channel's name.
    """

    node: str
    distance: int
    began: datetime.datetime
    seconds: float
    settings: Mapping[str, Any]
    inputs: Mapping[str, Sequence[str]]
    outputs: Mapping[str, Sequence[str]]


def history(store: MetadataStore, uri: str) -> list[Step]:
    """Every execution that an artifact depends on, nearest first.

    An artifact from TFX's cache leads to the execution that computed it, in any run.

    Args:
      store: ML Metadata's.
      uri: of an artifact that a node wrote.

    Raises:
      ThawError: ML Metadata knows no such artifact.
    """
    artifacts = store.get_artifacts_by_uri(uri)
    if not artifacts:
        raise ThawError(f"ML Metadata knows no artifact {uri}. Give a URI as a node's outputs name it.")
    steps: dict[int, Step] = {}
    waiting = deque((artifact.id, 0) for artifact in artifacts)
    while waiting:
        artifact_id, distance = waiting.popleft()
        for execution in _writers(store, artifact_id):
            if execution.id not in steps:
                steps[execution.id], inputs = _step(store, execution, distance)
                waiting.extend((input_id, distance + 1) for input_id in inputs)
    return sorted(steps.values(), key=lambda step: step.distance)


def _writers(store: MetadataStore, artifact_id: int) -> Sequence[mlmd.Execution]:
    """The execution that computed an artifact; those that took it from the cache have an output event too."""
    events = store.get_events_by_artifact_ids([artifact_id])
    executions = store.get_executions_by_id([e.execution_id for e in events if e.type == mlmd.Event.OUTPUT])
    return [one for one in executions if one.last_known_state != mlmd.Execution.CACHED]


def _step(store: MetadataStore, execution: mlmd.Execution, distance: int) -> tuple[Step, list[int]]:
    """The step, and the ids of the artifacts that it read."""
    events = store.get_events_by_execution_ids([execution.id])
    uris = {a.id: a.uri for a in store.get_artifacts_by_id([event.artifact_id for event in events])}
    channels: dict[int, dict[str, list[str]]] = {mlmd.Event.INPUT: {}, mlmd.Event.OUTPUT: {}}
    for event in events:
        if event.type in channels:
            channels[event.type].setdefault(event.path.steps[0].key, []).append(uris[event.artifact_id])
    began_ms, ended_ms = execution.create_time_since_epoch, execution.last_update_time_since_epoch
    step = Step(
        node=node_id(store, execution.id),
        distance=distance,
        began=datetime.datetime.fromtimestamp(began_ms / 1000),
        seconds=max(0, ended_ms - began_ms) / 1000,
        settings={name: _plain(value) for name, value in execution.custom_properties.items()},
        inputs=channels[mlmd.Event.INPUT],
        outputs=channels[mlmd.Event.OUTPUT],
    )
    return step, [event.artifact_id for event in events if event.type == mlmd.Event.INPUT]


def _plain(value: mlmd.Value) -> Any:
    return getattr(value, value.WhichOneof("value"))
