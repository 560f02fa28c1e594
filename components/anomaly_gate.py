"""The AnomalyGate node: stops the run when ExampleValidator found anomalies. Imports no trainer."""

# No `from __future__ import annotations`: TFX reads the annotations themselves.
import tensorflow as tf
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.dsl.component.experimental.annotations import InputArtifact
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import ExampleAnomalies

from experiment.errors import ThawError
from trainer_module.data.artifact_folders import matching_files


@component
def AnomalyGate(
    anomalies: InputArtifact[ExampleAnomalies],
) -> None:
    """Lets the run continue only when no split of the data departs from the schema.

    Args:
      anomalies: what ExampleValidator found, one file a split.

    Raises:
      ThawError: there are anomalies; the message lists them split by split.
    """
    found = list(describe_anomalies(anomalies.uri))
    if found:
        raise ThawError(
            "The data does not match the schema. Correct the data, schema/schema.pbtxt or data.* in the "
            "configuration:\n  " + "\n  ".join(found)
        )


def describe_anomalies(uri: str) -> list[str]:
    """One line per anomaly in an ExampleAnomalies artifact: split, feature, what is wrong.

    Features that the schema does not name are not an anomaly here: Thaw reads image, label and id, and ignores the
    rest.
    """
    lines = []
    for folder in matching_files(f"{uri}/Split-*"):
        split = folder.split("/Split-")[-1]
        path = f"{folder}/SchemaDiff.pb"
        with tf.io.gfile.GFile(path, "rb") as file:
            anomalies = anomalies_pb2.Anomalies.FromString(file.read())
        if anomalies.HasField("dataset_anomaly_info"):
            lines.append(f"{split}: {anomalies.dataset_anomaly_info.description}")
        for name, info in sorted(anomalies.anomaly_info.items()):
            if any(reason.type != anomalies_pb2.AnomalyInfo.SCHEMA_NEW_COLUMN for reason in info.reason):
                lines.append(f"{split}, {name}: {info.description}")
    return lines
