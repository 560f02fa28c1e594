"""Makes the nodes from raw records to domains; pipeline.dag.dag connects them. Imports components, no trainer."""

from __future__ import annotations

from tensorflow_data_validation import StatsOptions
from tfx.components.example_validator.component import ExampleValidator
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.components.transform.component import Transform
from tfx.dsl.components.base.base_component import BaseComponent as Node
from tfx.orchestration.data_types import RuntimeParameter
from tfx.proto.example_gen_pb2 import Input

from acquisition.tfrecords.record_files import RecordFiles
from components.anomaly_gate import AnomalyGate
from components.domain_examples.component import DomainExamples
from components.domain_examples.records import DomainSettings
from components.import_examples import ImportExamples
from components.import_schema import ImportSchema
from experiment.config import Data, ExperimentConfig
from pipeline.dag import fingerprint
from pipeline.dag.fingerprint import source_fingerprint
from pipeline.dag.raw_schema import schema_text

PREPROCESSING_FN = "trainer_module.preprocessing.preprocessing_fn"


def example_gen(files: RecordFiles, folder: RuntimeParameter | None) -> Node:
    """Copies the raw records unchanged.

    Args:
      files: the records, by patterns of the splits.
      folder: of the records, as the pods see it; none: as this machine does.
    """
    splits = [
        Input.Split(name="train", pattern=files.train_pattern),
        Input.Split(name="test", pattern=files.test_pattern),
    ]
    node = ImportExamples(input_base=folder or str(files.folder.absolute()), input_config=Input(splits=splits))
    return node.with_id("ImportExampleGen")


def schema_gen(data: Data) -> Node:
    """The schema of the records."""
    return ImportSchema(text=schema_text(data)).with_id("ImportSchemaGen")


def statistics_gen(examples: Node) -> Node:
    """Statistics of the raw records."""
    # Counting every distinct image and id exactly takes twice as long, and no rule of the schema asks for it.
    options = StatsOptions(use_sketch_based_topk_uniques=True)
    return StatisticsGen(examples=examples.outputs["examples"], stats_options=options).with_id("StatisticsGen")


def example_validator(statistics: Node, schema: Node) -> Node:
    """The differences of the statistics from the schema."""
    node = ExampleValidator(statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"])
    return node.with_id("ExampleValidator")


def anomaly_gate(validator: Node) -> Node:
    """Stops the run when they differ."""
    return AnomalyGate(anomalies=validator.outputs["anomalies"]).with_id("AnomalyGate")


def transform(data: Data, examples: Node, schema: Node, gate: Node) -> Node:
    """Decodes the images, after the gate has passed."""
    node = Transform(
        examples=examples.outputs["examples"],
        schema=schema.outputs["schema"],
        preprocessing_fn=PREPROCESSING_FN,
        custom_config={
            "image_key": data.image_key,
            "label_key": data.label_key,
            "id_key": data.id_key,
            "val_key": data.val_key,
            "group_key": data.group_key,
            "image_shape": list(data.image_shape),
            "resize": data.resize,
            "code": source_fingerprint(*fingerprint.TRANSFORM_CODE),
        },
        disable_statistics=True,
    )
    node.add_upstream_node(gate)
    return node.with_id("Transform")


def domain_examples(
    config: ExperimentConfig, name: str, classes: tuple[str, ...], transformed: Node, *, with_test: bool
) -> Node:
    """A domain's images, relabelled, split and with their copies.

    Args:
      config: the experiment.
      name: `target`, or of a source.
      classes: of the domain.
      transformed: the node Transform.
      with_test: whether the domain has a test split.
    """
    settings = DomainSettings(
        classes=classes,
        data_classes=config.data.classes,
        image_shape=config.data.image_shape,
        augmentation=config.augmentation,
        val_fraction=config.data.val_fraction,
        given_val=config.data.val_key is not None,
        seed=config.seed,
        with_test=with_test,
    )
    node = DomainExamples(
        examples=transformed.outputs["transformed_examples"],
        settings=settings.model_dump_json(),
        code=source_fingerprint(*fingerprint.DOMAIN_CODE),
    )
    return node.with_id(f"DomainExamples.{name}")
