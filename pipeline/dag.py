"""create_pipeline: the whole DAG, top to bottom as docs/architecture.md draws it. Imports components, no runner."""

from __future__ import annotations

import dataclasses
from importlib.metadata import version
from pathlib import Path

from tfx import types
from tfx import v1 as tfx

from acquisition.dataset import Dataset
from components.anomaly_gate import AnomalyGate
from components.domain_examples.component import DomainExamples
from components.domain_examples.records import DomainSettings
from components.sweep_tuner import SweepTuner
from components.transfer_report.component import NodeSettings, transfer_report
from pipeline.config import Architecture, ExperimentConfig, Transfer
from pipeline.evaluation import evaluation_config
from pipeline.fingerprint import source_fingerprint
from pipeline.schema import write_schema
from trainer_module.settings import ModelSettings, SweepSettings

TRAIN = tfx.proto.TrainArgs(splits=["train"])
VAL = tfx.proto.EvalArgs(splits=["val"])
REPORTED_PACKAGES = ("thaw", "tfx", "tensorflow", "keras", "keras-tuner", "tensorflow-model-analysis", "apache-beam")


@dataclasses.dataclass
class _Sweep:
    """The nodes of one transfer, or of one baseline."""

    tuner: tfx.dsl.Component
    trainer: tfx.dsl.Component


def create_pipeline(
    config: ExperimentConfig, dataset: Dataset, left_out: dict[str, str], weights_hash: str
) -> tfx.dsl.Pipeline:
    """Builds the experiment's DAG; runs on any TFX orchestrator.

    Args:
      config: the experiment; its transfers are those that can run.
      dataset: where the raw records lie.
      left_out: transfers that can't run, and why; for the report.
      weights_hash: of the ImageNet weights file; empty when no transfer needs it.
    """
    return _Builder(config, dataset, left_out, weights_hash).build()


class _Builder:
    def __init__(
        self, config: ExperimentConfig, dataset: Dataset, left_out: dict[str, str], weights_hash: str
    ):
        self.config = config
        self.dataset = dataset
        self.left_out = left_out
        self.weights_hash = weights_hash
        self.nodes: list[tfx.dsl.Component] = []
        self.training_code = source_fingerprint("trainer_module")
        self.workspace = config.workspace.absolute() / config.pipeline_name

    def build(self) -> tfx.dsl.Pipeline:
        config = self.config
        self.prepare()
        target = self.domain("target", config.target.classes, with_test=True)
        baselines = {a: self.baseline(a, target) for a in config.architectures}
        transfers, evaluators = {}, {}
        for transfer in config.transfers:
            source = self.source(transfer)
            swept = self.transfer(transfer, source, target)
            baseline = baselines[transfer.architecture]
            transfers[transfer.id] = swept
            evaluators[transfer.id] = self.evaluator(transfer, swept, baseline, target)
        report = self.report(transfers, baselines, evaluators)
        self.add(
            tfx.components.Pusher(
                model=report.outputs["winner"],
                model_blessing=report.outputs["blessing"],
                push_destination=tfx.proto.PushDestination(
                    filesystem=tfx.proto.PushDestination.Filesystem(base_directory=str(self.workspace / "pushed"))
                ),
            ),
            "Pusher",
        )
        self.workspace.mkdir(parents=True, exist_ok=True)
        return tfx.dsl.Pipeline(
            pipeline_name=config.pipeline_name,
            pipeline_root=str(self.workspace / "artifacts"),
            components=self.nodes,
            enable_cache=True,
            metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
                str(metadata_path(config))
            ),
        )

    def prepare(self) -> None:
        """From TFRecords to transformed examples, past the gate."""
        data = self.config.data
        files = self.dataset.files
        splits = [
            tfx.proto.Input.Split(name="train", pattern=files.train_pattern),
            tfx.proto.Input.Split(name="test", pattern=files.test_pattern),
        ]
        raw = self.add(
            tfx.components.ImportExampleGen(
                input_base=str(files.folder.absolute()), input_config=tfx.proto.Input(splits=splits)
            ),
            "ImportExampleGen",
        ).outputs["examples"]
        statistics = self.add(tfx.components.StatisticsGen(examples=raw), "StatisticsGen").outputs["statistics"]
        schema_file = write_schema(data, self.workspace / "schema")
        self.schema = self.add(
            tfx.components.ImportSchemaGen(schema_file=str(schema_file)), "ImportSchemaGen"
        ).outputs["schema"]
        anomalies = self.add(
            tfx.components.ExampleValidator(statistics=statistics, schema=self.schema), "ExampleValidator"
        ).outputs["anomalies"]
        gate = self.add(AnomalyGate(anomalies=anomalies), "AnomalyGate")
        transform = tfx.components.Transform(
            examples=raw,
            schema=self.schema,
            preprocessing_fn="trainer_module.preprocessing.preprocessing_fn",
            custom_config={
                "image_key": data.image_key,
                "label_key": data.label_key,
                "id_key": data.id_key,
                "image_shape": list(data.image_shape),
                "code": source_fingerprint("trainer_module.preprocessing", "trainer_module.features"),
            },
            disable_statistics=True,
        )
        transform.add_upstream_node(gate)
        self.add(transform, "Transform")
        self.transformed = transform.outputs["transformed_examples"]
        self.transform_graph = transform.outputs["transform_graph"]

    def domain(self, name: str, classes: tuple[str, ...], *, with_test: bool) -> types.BaseChannel:
        """The examples of one domain."""
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
        node = DomainExamples(
            examples=self.transformed,
            settings=settings.model_dump_json(),
            code=source_fingerprint("components.domain_examples", "trainer_module.features"),
        )
        return self.add(node, f"DomainExamples.{name}").outputs["domain"]

    def source(self, transfer: Transfer) -> types.BaseChannel:
        """The trained model of a (source, architecture) pair; its domain's examples are shared by architectures."""
        config = self.config
        classes = config.sources[transfer.source].classes
        settings = self.model_settings("source", transfer.id, transfer.source, transfer.architecture).model_copy(
            update={"classes": classes, "schedule": config.source_schedule, "weights_hash": self.weights_hash}
        )
        if classes:
            settings = settings.model_copy(update={"weights_hash": ""})
            examples = self.source_domain(transfer.source, classes)
        else:
            # ImageNet's weights come from a file; TFX's Trainer wants examples all the same.
            examples = self.transformed
        trainer = tfx.components.Trainer(
            run_fn="trainer_module.trainer.run_fn",
            examples=examples,
            train_args=TRAIN,
            eval_args=VAL if classes else tfx.proto.EvalArgs(splits=["train"]),
            custom_config=settings.as_custom_config(),
        )
        node = self.add(trainer, f"Trainer.source.{transfer.source}.{transfer.architecture}")
        return node.outputs["model"]

    def source_domain(self, name: str, classes: tuple[str, ...]) -> types.BaseChannel:
        made = next((node for node in self.nodes if node.id == f"DomainExamples.{name}"), None)
        return made.outputs["domain"] if made else self.domain(name, classes, with_test=False)

    def baseline(self, architecture: Architecture, target: types.BaseChannel) -> _Sweep:
        """n x fine_tune x draw from random weights, and the best of them at the deployed size."""
        name = f"baseline__{architecture}"
        settings = self.model_settings("baseline", name, "", architecture)
        return self.swept(settings, (0,), f"baseline.{architecture}", target, None)

    def transfer(self, transfer: Transfer, source: types.BaseChannel, target: types.BaseChannel) -> _Sweep:
        """freeze_count x n x fine_tune x draw, and the candidate: the best on val at the deployed size."""
        settings = self.model_settings("transfer", transfer.id, transfer.source, transfer.architecture)
        counts = self.config.freeze_counts[transfer.architecture]
        return self.swept(settings, counts, f"transfer.{transfer.id}", target, source)

    def swept(
        self,
        settings: ModelSettings,
        freeze_counts: tuple[int, ...],
        name: str,
        target: types.BaseChannel,
        base_model: types.BaseChannel | None,
    ) -> _Sweep:
        config = self.config
        sweep = SweepSettings(
            **settings.model_dump(),
            sizes=config.sizes,
            freeze_counts=freeze_counts,
            fine_tune=config.fine_tune,
            draws=config.draws,
            deployed_size=config.deployed_size,
            ledger_dir=self.workspace / "ledgers",
        )
        tuner = SweepTuner(
            tuner_fn="trainer_module.tuner.tuner_fn",
            examples=target,
            base_model=base_model,
            train_args=TRAIN,
            eval_args=VAL,
            custom_config=sweep.as_custom_config(),
        )
        self.add(tuner, f"Tuner.{name}")
        trainer = tfx.components.Trainer(
            run_fn="trainer_module.trainer.run_fn",
            examples=target,
            transform_graph=self.transform_graph,
            base_model=base_model,
            hyperparameters=tuner.outputs["best_hyperparameters"],
            train_args=TRAIN,
            eval_args=VAL,
            custom_config=settings.as_custom_config(),
        )
        return _Sweep(tuner, self.add(trainer, f"Trainer.{name}"))

    def evaluator(
        self, transfer: Transfer, swept: _Sweep, baseline: _Sweep, target: types.BaseChannel
    ) -> tfx.dsl.Component:
        """TFMA on the test split, candidate against untrained baseline."""
        node = tfx.components.Evaluator(
            examples=target,
            example_splits=["test"],
            model=swept.trainer.outputs["model"],
            baseline_model=baseline.trainer.outputs["model"],
            eval_config=evaluation_config(self.config),
        )
        return self.add(node, f"Evaluator.{transfer.id}")

    def report(
        self,
        transfers: dict[str, _Sweep],
        baselines: dict[Architecture, _Sweep],
        evaluators: dict[str, tfx.dsl.Component],
    ) -> tfx.dsl.Component:
        config = self.config
        node = transfer_report(
            candidates={name: swept.trainer.outputs["model"] for name, swept in transfers.items()},
            evaluations={name: node.outputs["evaluation"] for name, node in evaluators.items()},
            verdicts={name: node.outputs["blessing"] for name, node in evaluators.items()},
            ledgers={
                **{name: swept.tuner.outputs["tuner_results"] for name, swept in transfers.items()},
                **{f"baseline__{a}": swept.tuner.outputs["tuner_results"] for a, swept in baselines.items()},
            },
            settings=NodeSettings(
                experiment=config.name,
                deployed_size=config.deployed_size,
                blessing=config.blessing,
                transfers_left_out=self.left_out,
                versions={package: version(package) for package in REPORTED_PACKAGES},
                seed=config.seed,
            ),
            code=source_fingerprint("components.transfer_report", "trainer_module.selection"),
        )
        return self.add(node, "TransferReport")

    def model_settings(self, role: str, name: str, source: str, architecture: Architecture) -> ModelSettings:
        config = self.config
        return ModelSettings(
            role=role,
            name=name,
            source=source,
            architecture=architecture,
            classes=config.target.classes,
            image_shape=config.data.image_shape,
            image_key=config.data.image_key,
            mobilenet=config.mobilenet_v2,
            schedule=config.schedule,
            seed=config.seed,
            data_name=self.dataset.name,
            code=self.training_code,
        )

    def add(self, node: tfx.dsl.Component, name: str) -> tfx.dsl.Component:
        self.nodes.append(node.with_id(name))
        return node


def metadata_path(config: ExperimentConfig) -> Path:
    """The SQLite file of ML Metadata."""
    return config.workspace.absolute() / config.pipeline_name / "metadata.sqlite"
