"""create_pipeline: the whole DAG, top to bottom as docs/architecture.md draws it. Imports nodes, no runner."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfx.dsl.components.base.base_component import BaseComponent as Node
from tfx.orchestration import data_types, metadata
from tfx.orchestration.pipeline import Pipeline
from tfx.types import BaseChannel as Channel

from acquisition.downloads.dataset import Dataset
from experiment.config import ExperimentConfig
from experiment.stack import Device
from pipeline.dag.beam_options import beam_options
from pipeline.dag.nodes import Nodes
from pipeline.runs.metadata_file import METADATA_FILE


@dataclass(frozen=True)
class Cluster:
    """What the DAG must know of a cluster; the orchestrator there keeps the metadata.

    Attributes:
      pipeline_root: where artifacts lie, a URI.
      data_path: the folder of the raw records as the pods see it, given when the pipeline is submitted.
      device: of the pods that train.
    """

    pipeline_root: str
    data_path: data_types.RuntimeParameter
    device: Device = "CPU"


def create_pipeline(
    config: ExperimentConfig,
    dataset: Dataset,
    left_out: dict[str, str],
    weights_hash: str,
    cluster: Cluster | None = None,
) -> Pipeline:
    """Builds the experiment's DAG; runs on any TFX orchestrator.

    Args:
      config: the experiment; its transfers are those that can run.
      dataset: where the raw records lie.
      left_out: transfers that can't run, and why; for the report.
      weights_hash: of the ImageNet weights file; empty when no transfer needs it.
      cluster: none: the pipeline runs on this machine, within the workspace.

    Raises:
      ThawError: `beam_args` are not for Beam.
    """
    data_path = cluster.data_path if cluster else str(dataset.files.folder.absolute())
    nodes = Nodes(config, dataset, weights_hash, data_path, cluster.device if cluster else None)
    raw = nodes.example_gen()
    schema = nodes.schema()
    transform = nodes.transform(raw, schema, gate=nodes.gate(raw, schema))
    transformed = transform.outputs["transformed_examples"]
    target = nodes.domain("target", config.target.classes, transformed, with_test=True)

    tuners: dict[str, Node] = {}
    baselines: dict[str, Channel] = {}
    for architecture in config.architectures:
        baseline = nodes.baseline(architecture)
        tuners[baseline.name] = nodes.tuner(baseline, target, base_model=None)
        baselines[architecture] = nodes.trainer(baseline, target, transform, tuners[baseline.name], base_model=None)

    domains: dict[str, Channel] = {}
    sources: dict[str, Channel] = {}
    candidates, evaluators = dict[str, Channel](), dict[str, Node]()
    for pair in config.transfers:
        if config.sources[pair.source].is_trained and pair.source not in domains:
            classes = config.domain_classes(pair.source)
            domains[pair.source] = nodes.domain(pair.source, classes, transformed, with_test=False)
        source = nodes.source_trainer(pair, domains.get(pair.source, transformed))
        transfer = nodes.transfer(pair)
        tuners[pair.id] = nodes.tuner(transfer, target, source, baseline=tuners[f"baseline__{pair.architecture}"])
        if pair.id in config.controls:  # swept and shown, but never a candidate
            continue
        sources[pair.id] = source
        candidates[pair.id] = nodes.trainer(transfer, target, transform, tuners[pair.id], base_model=source)
        evaluators[pair.id] = nodes.evaluator(pair, target, candidates[pair.id], baselines[pair.architecture])

    advisor = nodes.transfer_advisor(target, sources, domains)
    nodes.sweep_evaluator(target, tuners)
    nodes.pusher(nodes.report(candidates, evaluators, tuners, advisor, left_out))
    place = _in_cluster(cluster) if cluster else _in_workspace(config)
    return Pipeline(
        pipeline_name=config.pipeline_name, components=nodes.made, enable_cache=True,
        beam_pipeline_args=beam_options(config.beam_args), **place,
    )  # fmt: skip


def metadata_path(config: ExperimentConfig) -> Path:
    """The SQLite file of ML Metadata."""
    return config.pipeline_folder / METADATA_FILE


def _in_workspace(config: ExperimentConfig) -> dict[str, Any]:
    workspace = config.pipeline_folder
    workspace.mkdir(parents=True, exist_ok=True)
    connection = metadata.sqlite_metadata_connection_config(str(metadata_path(config)))
    root = f"{config.pipeline_root}/{config.pipeline_name}" if config.pipeline_root else str(workspace / "artifacts")
    return {"pipeline_root": root, "metadata_connection_config": connection}


def _in_cluster(cluster: Cluster) -> dict[str, Any]:
    return {"pipeline_root": cluster.pipeline_root}
