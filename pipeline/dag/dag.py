"""create_pipeline: the whole DAG, top to bottom as docs/architecture.md draws it. Imports its nodes, no runner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfx.dsl.components.base.base_component import BaseComponent as Node
from tfx.orchestration import data_types, metadata
from tfx.orchestration.pipeline import Pipeline

from acquisition.data_sources.locate_dataset import Dataset
from experiment.config import Architecture, ExperimentConfig, Transfer
from experiment.errors import ThawError
from experiment.stack import Device
from pipeline.dag import data_nodes, result_nodes
from pipeline.dag.beam_options import beam_options
from pipeline.dag.sweeps import Baseline, SweptTransfer
from pipeline.dag.training_nodes import TrainingNodes
from pipeline.runs.metadata_file import METADATA_FILE


@dataclass(frozen=True)
class Cluster:
    """What the DAG must know of a cluster; the orchestrator there keeps the metadata.

    Attributes:
      pipeline_root: URI of the artifacts.
      data_path: the folder of the raw records as the pods see it, given when the pipeline is submitted.
      device: of the pods that train.
    """

    pipeline_root: str
    data_path: data_types.RuntimeParameter
    device: Device = "CPU"


def create_pipeline(
    config: ExperimentConfig, dataset: Dataset, left_out: dict[str, str],
    cluster: Cluster | None = None, asked_draws: int | None = None, precision_why: str = "",
) -> Pipeline:  # fmt: skip
    """Builds the experiment's DAG; runs on any TFX orchestrator.

    Args:
      config: the experiment; its transfers are those that can run.
      dataset: the raw records.
      left_out: transfers that can't run, and why; for the report.
      cluster: none: the pipeline runs on this machine, within the workspace.
      asked_draws: requested draws of the search, if a budget leaves time for fewer.
      precision_why: why the networks are trained in their precision; for the report.

    Raises:
      ThawError: `beam_args` are not for Beam; a cluster was given a budget or the
        `pipeline_root` of one machine.
    """
    if cluster and config.budget_minutes:
        raise ThawError("budget_minutes works only on one machine, not on a cluster. Leave it "
                        "out; fewer sizes, freeze_counts and draws make a smaller run.")  # fmt: skip
    if cluster and config.pipeline_root:
        raise ThawError(f"pipeline_root of the experiment is {config.pipeline_root}, which only a run on one machine "
                        "reads. Leave it out, and give pipeline_root of the cluster.")  # fmt: skip
    examples = data_nodes.example_gen(dataset.files, cluster.data_path if cluster else None)
    schema = data_nodes.schema_gen(config.data)
    statistics = data_nodes.statistics_gen(examples)
    validator = data_nodes.example_validator(statistics, schema)
    gate = data_nodes.anomaly_gate(validator)
    transform = data_nodes.transform(config.data, examples, schema, gate)
    target = data_nodes.domain_examples(config, "target", config.target.classes, transform, with_test=True)
    domains = _source_domains(config, transform)

    make = TrainingNodes(config, dataset.name, cluster.device if cluster else None)
    baselines = {name: _baseline(make, name, target, transform) for name in config.baseline_architectures}
    transfers = [
        _transfer(config, make, pair, domains.get(pair.source), target, transform) for pair in config.transfers
    ]
    sweeps = [*baselines.values(), *transfers]
    confirmer = make.confirmer(list(baselines.values()), transfers, target)
    advisor = make.advisor(transfers, target, domains)
    sweep_evaluator = result_nodes.sweep_evaluator(target, sweeps)
    evaluators = _evaluators(config, target, transfers, baselines)
    report = result_nodes.report(
        config, left_out, target, sweeps, confirmer, advisor, evaluators, asked_draws, precision_why
    )
    pusher = result_nodes.pusher(config, report)
    return _pipeline(config, cluster, [
        examples, schema, statistics, validator, gate, transform, target, *domains.values(),
        *(node for sweep in sweeps for node in sweep.nodes), confirmer, advisor, sweep_evaluator,
        *dict.fromkeys(evaluators.values()), report, pusher,
    ])  # fmt: skip


def _source_domains(config: ExperimentConfig, transform: Node) -> dict[str, Node]:
    """The domains of sources that are trained here, by source; transfers of one source share its domain."""
    trained = dict.fromkeys(pair.source for pair in config.transfers if config.sources[pair.source].is_trained)
    return {
        name: data_nodes.domain_examples(config, name, config.domain_classes(name), transform, with_test=False)
        for name in trained
    }


def _baseline(make: TrainingNodes, architecture: Architecture, target: Node, transform: Node) -> Baseline:
    settings = make.baseline_settings(architecture)
    tuner = make.tuner(settings, target)
    return Baseline(settings.name, tuner, architecture, make.trainer(settings, target, transform, tuner))


def _transfer(
    config: ExperimentConfig, make: TrainingNodes, pair: Transfer, domain: Node | None, target: Node, transform: Node
) -> SweptTransfer:  # fmt: skip
    settings = make.transfer_settings(pair)
    source = make.source(pair, domain, transform)
    tuner = make.tuner(settings, target, source)
    if pair.id in config.controls:
        return SweptTransfer(pair.id, tuner, pair, source)
    candidate = make.trainer(settings, target, transform, tuner, source)
    return SweptTransfer(pair.id, tuner, pair, source, candidate)


def _evaluators(
    config: ExperimentConfig, target: Node, transfers: Sequence[SweptTransfer], baselines: Mapping[str, Baseline]
) -> dict[str, Node]:
    """The Evaluator by transfer with a candidate; transfers with the same baseline share one."""
    found: dict[str, Node] = {}
    for architecture, baseline in baselines.items():
        candidates = {
            one.name: one.candidate for one in transfers
            if one.candidate and config.baseline_of(one.pair.architecture) == architecture
        }  # fmt: skip
        if candidates:
            found |= dict.fromkeys(candidates, result_nodes.evaluator(config, target, candidates, baseline))
    return found


def _pipeline(config: ExperimentConfig, cluster: Cluster | None, nodes: list[Node]) -> Pipeline:
    place = _in_cluster(cluster) if cluster else _in_workspace(config)
    beam = beam_options(config.beam_args)
    return Pipeline(config.pipeline_name, components=nodes, enable_cache=True, beam_pipeline_args=beam, **place)


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
