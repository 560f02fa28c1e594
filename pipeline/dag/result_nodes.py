"""Makes the nodes that evaluate, report and push; pipeline.dag.dag connects them. Imports components, no trainer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version

from tfx.dsl.components.base.base_component import BaseComponent as Node
from tfx.proto.pusher_pb2 import PushDestination
from tfx.types import BaseChannel as Channel

from acquisition.splits.near_duplicates_file import NEAR, read_sets
from components.evaluator.component import evaluator as make_evaluator
from components.pusher import Pusher
from components.sweep_evaluator.component import sweep_evaluator as make_sweep_evaluator
from components.transfer_report.component import transfer_report
from components.transfer_report.settings import ReportSettings
from experiment.config import ExperimentConfig
from pipeline.dag import fingerprint
from pipeline.dag.fingerprint import source_fingerprint
from pipeline.dag.node_settings import repeatable
from pipeline.dag.sweeps import Baseline, Sweep, SweptTransfer
from pipeline.dag.tfma_evaluation import evaluation_config

REPORTED_PACKAGES = ("thaw", "tfx", "tensorflow", "keras", "keras-tuner", "tensorflow-model-analysis", "apache-beam")


SETS_SHOWN = 8
"""Most sets of near-duplicates on the page."""


def evaluator(config: ExperimentConfig, target: Node, candidates: Mapping[str, Node], baseline: Baseline) -> Node:
    """TFMA on the test split: candidates against the untrained baseline that they share, all by their Trainers.

    Args:
      config: the experiment.
      target: the domain.
      candidates: by transfer.
      baseline: theirs.
    """
    node = make_evaluator(
        examples=target.outputs["domain"],
        candidates={name: candidate.outputs["model"] for name, candidate in candidates.items()},
        baseline=baseline.trainer.outputs["model"],
        eval_config=evaluation_config(config),
        code=source_fingerprint(*fingerprint.EVALUATOR_CODE),
    )
    return node.with_id(f"Evaluator.{baseline.architecture}")


def sweep_evaluator(target: Node, sweeps: Sequence[Sweep]) -> Node:
    """TFMA's metrics of every cell, from the predictions in the ledgers."""
    node = make_sweep_evaluator(
        examples=target.outputs["domain"],
        ledgers=_ledgers(sweeps),
        code=source_fingerprint(*fingerprint.EVALUATION_CODE),
    )
    return node.with_id("SweepEvaluator")


def report(
    config: ExperimentConfig, left_out: dict[str, str], target: Node, sweeps: Sequence[Sweep], confirmer: Node,
    advisor: Node, evaluators: Mapping[str, Node], asked_draws: int | None = None, precision_why: str = "",
) -> Node:  # fmt: skip
    """All ledgers and all evaluations: the report, the winner and the final blessing.

    Args:
      config: the experiment.
      left_out: transfers that can't run, and why.
      target: the domain, of which test images are shown.
      sweeps: baselines and transfers.
      confirmer: the node Confirmer.
      advisor: the node TransferAdvisor.
      evaluators: by transfer.
      asked_draws, precision_why: as in create_pipeline.
    """
    transfers = [one for one in sweeps if isinstance(one, SweptTransfer)]
    node = transfer_report(
        candidates={one.name: one.candidate.outputs["model"] for one in transfers if one.candidate},
        evaluations={name: node.outputs[f"evaluation_of_{name}"] for name, node in evaluators.items()},
        verdicts={name: node.outputs[f"blessing_of_{name}"] for name, node in evaluators.items()},
        ledgers=_ledgers(sweeps),
        confirmation=confirmer.outputs["confirmation"],
        advice=advisor.outputs["advice"],
        target=target.outputs["domain"],
        settings=_report_settings(config, left_out, asked_draws, precision_why),
        code=source_fingerprint(*fingerprint.REPORT_CODE),
    )
    return node.with_id("TransferReport")


def _ledgers(sweeps: Sequence[Sweep]) -> dict[str, Channel]:
    return {one.name: one.tuner.outputs["tuner_results"] for one in sweeps}


def _report_settings(
    config: ExperimentConfig, left_out: dict[str, str], asked_draws: int | None, precision_why: str
) -> ReportSettings:  # fmt: skip
    near = read_sets(config.data.path.parent / NEAR) if config.data.path else []
    return ReportSettings(
        experiment=config.name,
        deployed_size=config.deployed_size,
        blessing=config.blessing,
        transfers_left_out=left_out,
        versions={package: version(package) for package in REPORTED_PACKAGES},
        seed=config.seed,
        records_per_image=config.augmentation.copies,
        batch_size=config.schedule.batch_size,
        configuration=repeatable(config),
        near_duplicates=tuple(near[:SETS_SHOWN]),
        near_duplicate_sets=len(near),
        controls=config.controls,
        budget_minutes=config.budget_minutes,
        search=config.search,
        fresh_draws=config.confirmation.draws,
        precision_why=precision_why,
        planned=_planned(config, asked_draws or config.draws),
    )


def _planned(config: ExperimentConfig, draws: int) -> dict[str, int]:
    """Number of trainings of each sweep in the configuration."""
    each = draws * len(config.sizes)
    planned = {f"baseline__{name}": each * len(config.fine_tune) for name in config.baseline_architectures}
    return planned | {pair.id: each * len(config.ways(pair.architecture)) for pair in config.transfers}


def pusher(config: ExperimentConfig, reported: Node) -> Node:
    """Pushes the winner, if it was blessed, into the workspace."""
    folder = PushDestination.Filesystem(base_directory=str(config.pipeline_folder / "pushed"))
    node = Pusher(
        model=reported.outputs["winner"],
        model_blessing=reported.outputs["blessing"],
        push_destination=PushDestination(filesystem=folder),
    )
    return node.with_id("Pusher")
