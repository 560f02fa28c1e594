"""Makes each node of the DAG from the configuration; pipeline.dag.dag connects them. Imports components, no runner."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from typing import Any, Literal

from tensorflow_data_validation import StatsOptions
from tfx.components.evaluator.component import Evaluator
from tfx.components.example_validator.component import ExampleValidator
from tfx.components.pusher.component import Pusher
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.components.trainer.component import Trainer
from tfx.components.transform.component import Transform
from tfx.dsl.components.base.base_component import BaseComponent as Node
from tfx.orchestration.data_types import RuntimeParameter
from tfx.proto.example_gen_pb2 import Input
from tfx.proto.pusher_pb2 import PushDestination
from tfx.proto.trainer_pb2 import EvalArgs, TrainArgs
from tfx.types import BaseChannel as Channel

from acquisition.downloads.dataset import Dataset
from acquisition.downloads.kept_files import with_kept_paths
from analysis.transfer_prediction.advice_rule import read_rule
from components.anomaly_gate import AnomalyGate
from components.domain_examples.component import DomainExamples
from components.domain_examples.records import DomainSettings
from components.import_examples import ImportExamples
from components.import_schema import ImportSchema
from components.sweep_evaluator.component import sweep_evaluator
from components.sweep_tuner import SweepTuner
from components.transfer_advisor.component import transfer_advisor
from components.transfer_advisor.estimation import AdvisorSettings, Asked
from components.transfer_report.component import NodeSettings, transfer_report
from experiment.config import Architecture, ExperimentConfig, Transfer
from experiment.machine import Machine
from experiment.stack import Device
from experiment.training_settings import STACK_KEY, ModelSettings
from pipeline.dag import fingerprint
from pipeline.dag.fingerprint import source_fingerprint
from pipeline.dag.raw_schema import schema_text
from pipeline.dag.tfma_evaluation import evaluation_config
from pipeline.dag.training_settings import model_settings, own_settings, repeatable, source_settings, sweep_settings
from trainer_module.training.running_stack import running_stack

TRAIN = TrainArgs(splits=["train"])
VAL = EvalArgs(splits=["val"])
RUN_FN = "trainer_module.trainer.run_fn"
TUNER_FN = "trainer_module.tuner.tuner_fn"
PREPROCESSING_FN = "trainer_module.preprocessing.preprocessing_fn"
REPORTED_PACKAGES = ("thaw", "tfx", "tensorflow", "keras", "keras-tuner", "tensorflow-model-analysis", "apache-beam")


class Nodes:
    """Makes nodes, names them, and keeps them in the order they were made.

    Args:
      config: the experiment; its transfers are those that can run.
      dataset: where the raw records lie.
      weights_hash: of the ImageNet weights file; empty when no transfer needs it.
      data_path: the folder of the raw records, as the node that reads them sees it.
      cluster_device: of the pods that train; none: this machine trains.
    """

    def __init__(
        self, config: ExperimentConfig, dataset: Dataset, weights_hash: str, data_path: str | RuntimeParameter,
        cluster_device: Device | None = None,
    ):  # fmt: skip
        self.config = config
        self.in_cluster = cluster_device is not None
        self.placed = config if self.in_cluster else with_kept_paths(config, weights_hash)
        stack = running_stack()
        self.stack = replace(stack, device=cluster_device) if cluster_device else stack
        self.dataset = dataset
        self.weights_hash = weights_hash
        self.data_path = data_path
        self.made: list[Node] = []
        self.source_code = source_fingerprint(*fingerprint.SOURCE_CODE)
        self.sweep_code = source_fingerprint(*fingerprint.SWEEP_CODE)
        self.training_code = source_fingerprint(*fingerprint.TRAINING_CODE)

    def example_gen(self) -> Channel:
        files = self.dataset.files
        splits = [
            Input.Split(name="train", pattern=files.train_pattern),
            Input.Split(name="test", pattern=files.test_pattern),
        ]
        node = ImportExamples(input_base=self.data_path, input_config=Input(splits=splits))
        return self._add(node, "ImportExampleGen").outputs["examples"]

    def schema(self) -> Channel:
        return self._add(ImportSchema(text=schema_text(self.config.data)), "ImportSchemaGen").outputs["schema"]

    def gate(self, raw: Channel, schema: Channel) -> Node:
        """Statistics, their comparison with the schema, and the stop when they differ."""
        # Counting every distinct image and id exactly takes twice as long, and no rule of the schema asks for it.
        generator = StatisticsGen(examples=raw, stats_options=StatsOptions(use_sketch_based_topk_uniques=True))
        statistics = self._add(generator, "StatisticsGen").outputs["statistics"]
        validator = ExampleValidator(statistics=statistics, schema=schema)
        anomalies = self._add(validator, "ExampleValidator").outputs["anomalies"]
        return self._add(AnomalyGate(anomalies=anomalies), "AnomalyGate")

    def transform(self, raw: Channel, schema: Channel, gate: Node) -> Node:
        data = self.config.data
        node = Transform(
            examples=raw,
            schema=schema,
            preprocessing_fn=PREPROCESSING_FN,
            custom_config={
                "image_key": data.image_key,
                "label_key": data.label_key,
                "id_key": data.id_key,
                "image_shape": list(data.image_shape),
                "resize": data.resize,
                "code": source_fingerprint(*fingerprint.TRANSFORM_CODE),
            },
            disable_statistics=True,
        )
        node.add_upstream_node(gate)
        return self._add(node, "Transform")

    def domain(self, name: str, classes: tuple[str, ...], transformed: Channel, *, with_test: bool) -> Channel:
        config = self.config
        settings = DomainSettings(
            classes=classes,
            data_classes=config.data.classes,
            image_shape=config.data.image_shape,
            augmentation=config.augmentation,
            val_fraction=config.data.val_fraction,
            seed=config.seed,
            with_test=with_test,
        )
        code = source_fingerprint(*fingerprint.DOMAIN_CODE)
        node = DomainExamples(examples=transformed, settings=settings.model_dump_json(), code=code)
        return self._add(node, f"DomainExamples.{name}").outputs["domain"]

    def source_trainer(self, transfer: Transfer, domain: Channel) -> Channel:
        """Trains a source on its domain; ImageNet's weights are loaded, random ones kept, and no example is read."""
        source = self.config.sources[transfer.source]
        settings = source_settings(self.placed, transfer, weights_hash=self.weights_hash, code=self.source_code)
        node = Trainer(
            run_fn=RUN_FN,
            examples=domain,
            train_args=TRAIN,
            eval_args=VAL if source.is_trained else EvalArgs(splits=["train"]),
            custom_config=self._told(settings, self.source_code),
        )
        return self._add(node, f"Trainer.source.{transfer.source}.{transfer.architecture}").outputs["model"]

    def baseline(self, architecture: Architecture) -> ModelSettings:
        return self._model_settings("baseline", "", architecture)

    def transfer(self, transfer: Transfer) -> ModelSettings:
        return self._model_settings("transfer", transfer.source, transfer.architecture)

    def tuner(
        self, settings: ModelSettings, target: Channel, base_model: Channel | None, baseline: Node | None = None
    ) -> Node:
        """The sweep: freeze_count x n x fine_tune x draw (a baseline has nothing to freeze).

        Args:
          settings: of the transfer or the baseline.
          target: the domain.
          base_model: the source's; none for a baseline.
          baseline: the tuner whose ledger says which cells are undecided; none for a baseline.
        """
        config = self.config
        sweep = sweep_settings(config, settings)
        node = SweepTuner(
            tuner_fn=TUNER_FN,
            examples=target,
            base_model=base_model,
            train_args=TRAIN,
            eval_args=VAL,
            custom_config=self._told(sweep, self.training_code),
        )
        if baseline is not None and config.all_draws > config.draws:
            node.add_upstream_node(baseline)
        return self._add(node, f"Tuner.{_path(settings)}")

    def trainer(
        self, settings: ModelSettings, target: Channel, transform: Node, tuner: Node, base_model: Channel | None
    ) -> Channel:
        """Trains the cell that the tuner found best, for evaluation and serving."""
        node = Trainer(
            run_fn=RUN_FN,
            examples=target,
            transform_graph=transform.outputs["transform_graph"],
            base_model=base_model,
            hyperparameters=tuner.outputs["best_hyperparameters"],
            train_args=TRAIN,
            eval_args=VAL,
            custom_config=self._told(settings, self.training_code),
        )
        return self._add(node, f"Trainer.{_path(settings)}").outputs["model"]

    def evaluator(self, transfer: Transfer, target: Channel, candidate: Channel, baseline: Channel) -> Node:
        """TFMA on the test split: the candidate against the untrained baseline."""
        node = Evaluator(
            examples=target,
            example_splits=["test"],
            model=candidate,
            baseline_model=baseline,
            eval_config=evaluation_config(self.config),
        )
        return self._add(node, f"Evaluator.{transfer.id}")

    def sweep_evaluator(self, target: Channel, tuners: dict[str, Node]) -> Node:
        """TFMA's metrics of every cell, from the predictions in the ledgers."""
        node = sweep_evaluator(
            examples=target,
            ledgers={name: tuner.outputs["tuner_results"] for name, tuner in tuners.items()},
            code=source_fingerprint(*fingerprint.EVALUATION_CODE),
        )
        return self._add(node, "SweepEvaluator")

    def transfer_advisor(self, target: Channel, sources: dict[str, Channel], domains: dict[str, Channel]) -> Node:
        """What the sources promise, from the target's training images alone; controls promise nothing."""
        config = self.placed
        pairs = [pair for pair in config.transfers if pair.id in sources]
        asked = {pair.architecture for pair in pairs}
        settings = AdvisorSettings(
            classes=config.target.classes, image_shape=config.data.image_shape,
            mobilenet=config.mobilenet_v2.model_copy(update={"weights": None}) if "mobilenet_v2" in asked else None,
            own=own_settings(config) if "own" in asked else None, stack=self.stack.in_words, transfers=tuple(
                Asked(name=pair.id, source=pair.source, architecture=pair.architecture,
                      freeze_counts=config.freeze_counts[pair.architecture]) for pair in pairs
            ),
            sizes=config.sizes, fine_tune=config.fine_tune, draws=config.draws, seed=config.seed,
            ledger_dir=config.pipeline_folder / "ledgers", rule=read_rule(),
        )  # fmt: skip
        node = transfer_advisor(
            examples=target,
            sources=sources,
            domains={name: domain for name, domain in domains.items() if name in {pair.source for pair in pairs}},
            settings=settings,
            code=source_fingerprint(*fingerprint.ADVICE_CODE),
        )
        return self._add(node, "TransferAdvisor")

    def report(
        self, candidates: dict[str, Channel], evaluators: dict[str, Node], tuners: dict[str, Node], advisor: Node,
        left_out: dict[str, str],
    ) -> Node:  # fmt: skip
        config = self.config
        node = transfer_report(
            candidates=candidates,
            evaluations={name: node.outputs["evaluation"] for name, node in evaluators.items()},
            verdicts={name: node.outputs["blessing"] for name, node in evaluators.items()},
            ledgers={name: node.outputs["tuner_results"] for name, node in tuners.items()},
            advice=advisor.outputs["advice"],
            settings=NodeSettings(
                experiment=config.name,
                deployed_size=config.deployed_size,
                blessing=config.blessing,
                transfers_left_out=left_out,
                versions={package: version(package) for package in REPORTED_PACKAGES},
                seed=config.seed,
                records_per_image=config.augmentation.copies,
                batch_size=config.schedule.batch_size,
                configuration=repeatable(config),
                controls=config.controls,
            ),
            code=source_fingerprint(*fingerprint.REPORT_CODE),
        )
        return self._add(node, "TransferReport")

    def pusher(self, report: Node) -> Node:
        folder = PushDestination.Filesystem(base_directory=str(self.config.pipeline_folder / "pushed"))
        node = Pusher(
            model=report.outputs["winner"],
            model_blessing=report.outputs["blessing"],
            push_destination=PushDestination(filesystem=folder),
        )
        return self._add(node, "Pusher")

    def _model_settings(
        self, role: Literal["transfer", "baseline"], source: str, architecture: Architecture
    ) -> ModelSettings:
        about = {"data_name": self.dataset.name, "code": self.sweep_code}
        return model_settings(self.placed, role, source, architecture, **about)

    def _told(self, settings: ModelSettings, code: str) -> dict[str, Any]:
        if not self.in_cluster:  # what this machine does is said by its file, which is in no key
            settings = settings.model_copy(
                update=Machine().model_dump(include=set(type(settings).model_fields) - {"asked"})
            )
        return {**settings.as_custom_config(code), STACK_KEY: self.stack.in_words}

    def _add(self, node: Node, name: str) -> Node:
        self.made.append(node.with_id(name))
        return node


def _path(settings: ModelSettings) -> str:
    """`baseline.<architecture>` or `transfer.<transfer>`, as node ids have it."""
    return f"{settings.role}.{settings.name.removeprefix('baseline__')}"
