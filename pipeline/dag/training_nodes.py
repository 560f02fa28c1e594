"""Makes the nodes that train, or compute features; pipeline.dag.dag connects them. Imports components, no runner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal, TypeVar

from tfx.components.trainer.component import Trainer
from tfx.dsl.components.base.base_component import BaseComponent as Node
from tfx.proto.trainer_pb2 import EvalArgs, TrainArgs

from acquisition.data_sources.kept_files import with_kept_paths
from analysis.transfer_prediction.advice_rule import read_rule
from components.confirmer.component import confirmer
from components.confirmer.confirming import ConfirmerSettings
from components.sweep_tuner import SweepTuner
from components.transfer_advisor.component import transfer_advisor
from components.transfer_advisor.estimation import AdvisorSettings, Asked
from experiment.changes import changed
from experiment.config import Architecture, ExperimentConfig, Transfer
from experiment.machine import Machine
from experiment.stack import Device
from experiment.training_settings import BUDGET_KEY, STACK_KEY, ModelSettings
from pipeline.dag import fingerprint
from pipeline.dag.fingerprint import source_fingerprint
from pipeline.dag.node_settings import backbone_of, model_settings, source_settings, sweep_settings
from pipeline.dag.sweeps import Baseline, SweptTransfer
from trainer_module.training.running_stack import running_stack

TRAIN = TrainArgs(splits=["train"])
VAL = EvalArgs(splits=["val"])
RUN_FN = "trainer_module.trainer.run_fn"
TUNER_FN = "trainer_module.tuner.tuner_fn"
Told = TypeVar("Told", bound=ModelSettings)


class TrainingNodes:
    """Makes nodes that get, in addition to their settings, the paths of weights files and the stack that would train.

    Args:
      config: the experiment; its transfers are those that can run.
      data_name: of the images, as in ledgers.
      cluster_device: of the pods that train; none: this machine trains.
    """

    def __init__(self, config: ExperimentConfig, data_name: str, cluster_device: Device | None):
        self._in_cluster = cluster_device is not None
        self._config = config if self._in_cluster else with_kept_paths(config)
        self._data_name = data_name
        stack = running_stack()
        self._stack = replace(stack, device=cluster_device) if cluster_device else stack
        self._source_code = source_fingerprint(*fingerprint.SOURCE_MODEL_CODE)
        self._sweep_code = source_fingerprint(*fingerprint.SWEEP_CODE)
        self._training_code = source_fingerprint(*fingerprint.TRAINING_CODE)

    def baseline_settings(self, architecture: Architecture) -> ModelSettings:
        """Settings of an architecture with random weights."""
        return self._settings("baseline", "", architecture)

    def transfer_settings(self, pair: Transfer) -> ModelSettings:
        """Settings of a network that begins with a source's weights."""
        return self._settings("transfer", pair.source, pair.architecture)

    def source(self, pair: Transfer, domain: Node | None, transformed: Node) -> Node:
        """Trains a source on its domain; a backbone's weights are loaded, random ones kept, and no example is read.

        Args:
          pair: whose source it is.
          domain: the source's; none if nothing is trained.
          transformed: the node Transform: a Trainer needs some examples.
        """
        settings = source_settings(self._config, pair, code=self._source_code)
        node = Trainer(
            run_fn=RUN_FN,
            examples=domain.outputs["domain"] if domain else transformed.outputs["transformed_examples"],
            train_args=TRAIN,
            eval_args=VAL if domain else EvalArgs(splits=["train"]),
            custom_config=self._told(settings, self._source_code),
        )
        return node.with_id(f"Trainer.source.{pair.source}.{pair.architecture}")

    def tuner(self, settings: ModelSettings, target: Node, source: Node | None = None) -> Node:
        """The sweep: freeze_count x n x fine_tune x draw, and `tuned` x n x draw (a baseline has nothing to freeze).

        Args:
          settings: of the transfer or the baseline.
          target: the domain.
          source: its Trainer; none for a baseline.
        """
        told = self._told(sweep_settings(self._config, settings), self._training_code)
        budget = self._config.budget_minutes
        node = SweepTuner(
            tuner_fn=TUNER_FN,
            examples=target.outputs["domain"],
            base_model=source.outputs["model"] if source else None,
            train_args=TRAIN,
            eval_args=VAL,
            custom_config=told if budget is None else {**told, BUDGET_KEY: budget},
        )
        return node.with_id(f"Tuner.{_path(settings)}")

    def trainer(
        self, settings: ModelSettings, target: Node, transformed: Node, tuner: Node, source: Node | None = None
    ) -> Node:
        """Trains the cell that the tuner found best, for evaluation and serving.

        Args:
          settings, target: as in tuner.
          transformed: the node Transform, whose graph is served.
          tuner: of the same sweep.
          source: as in tuner.
        """
        node = Trainer(
            run_fn=RUN_FN,
            examples=target.outputs["domain"],
            transform_graph=transformed.outputs["transform_graph"],
            base_model=source.outputs["model"] if source else None,
            hyperparameters=tuner.outputs["best_hyperparameters"],
            train_args=TRAIN,
            eval_args=VAL,
            custom_config=self._told(settings, self._training_code),
        )
        return node.with_id(f"Trainer.{_path(settings)}")

    def confirmer(self, baselines: Iterable[Baseline], transfers: Iterable[SweptTransfer], target: Node) -> Node:
        """Trains the cells that the sweeps' ledgers choose on fresh draws; controls are not chosen.

        Args:
          baselines, transfers: all of them.
          target: the domain.
        """
        config = self._config
        asked = [one for one in transfers if one.candidate]
        settings = [
            *(self.baseline_settings(one.architecture) for one in baselines),
            *(self.transfer_settings(one.pair) for one in asked),
        ]
        node = confirmer(
            examples=target.outputs["domain"],
            ledgers={one.name: one.tuner.outputs["tuner_results"] for one in (*baselines, *asked)},
            sources={one.name: one.source.outputs["model"] for one in asked},
            settings=ConfirmerSettings(
                confirmation=config.confirmation,
                deployed_size=config.deployed_size,
                sweeps=tuple(self._on_this_machine(sweep_settings(config, one)) for one in settings),
                stack=replace(self._stack, precision=config.trained_precision).in_words,
                budget_minutes=config.budget_minutes,
            ),
            code=source_fingerprint(*fingerprint.CONFIRMATION_CODE),
        )
        return node.with_id("Confirmer")

    def advisor(self, transfers: Iterable[SweptTransfer], target: Node, domains: Mapping[str, Node]) -> Node:
        """Gains predicted for the sources, from the target's training images alone; none for controls.

        Args:
          transfers: all of them.
          target: the domain.
          domains: by source, of those that are trained.
        """
        asked = [one for one in transfers if one.candidate]
        sources = {one.pair.source for one in asked}
        node = transfer_advisor(
            examples=target.outputs["domain"],
            sources={one.name: one.source.outputs["model"] for one in asked},
            domains={name: domain.outputs["domain"] for name, domain in domains.items() if name in sources},
            settings=self._advisor_settings([one.pair for one in asked]),
            code=source_fingerprint(*fingerprint.ADVICE_CODE),
        )
        return node.with_id("TransferAdvisor")

    def _advisor_settings(self, pairs: list[Transfer]) -> AdvisorSettings:
        config = self._config
        return AdvisorSettings(
            classes=config.target.classes,
            image_shape=config.data.image_shape,
            stack=self._stack.in_words,  # estimates are computed in float32
            transfers=tuple(
                Asked(
                    name=pair.id,
                    source=pair.source,
                    architecture=pair.architecture,
                    backbone=backbone_of(config, pair.architecture),
                    freeze_counts=config.freeze_counts[pair.architecture],
                )
                for pair in pairs
            ),
            sizes=config.sizes,
            fine_tune=config.fine_tune,
            draws=config.draws,
            seed=config.seed,
            ledger_dir=config.ledger_folder,
            rule=read_rule(),
        )

    def _settings(
        self, role: Literal["transfer", "baseline"], source: str, architecture: Architecture
    ) -> ModelSettings:
        about = {"data_name": self._data_name, "code": self._sweep_code}
        return model_settings(self._config, role, source, architecture, **about)

    def _told(self, settings: ModelSettings, code: str) -> dict[str, Any]:
        stack = replace(self._stack, precision=settings.precision).in_words
        return {**self._on_this_machine(settings).as_custom_config(code), STACK_KEY: stack}

    def _on_this_machine(self, settings: Told) -> Told:
        """The settings without those in the machine's file, which are in no key."""
        if self._in_cluster:
            return settings
        return changed(settings, **Machine().model_dump(include=set(type(settings).model_fields) - {"asked"}))


def _path(settings: ModelSettings) -> str:
    """`baseline.<architecture>` or `transfer.<transfer>`, as in node ids."""
    return f"{settings.role}.{settings.name.removeprefix('baseline__')}"
