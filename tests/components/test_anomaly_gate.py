"""The gate after ExampleValidator: real anomalies, found by TFDV in real statistics."""

import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tfx.types import standard_artifacts

from components.anomaly_gate import AnomalyGate, describe_anomalies
from experiment.errors import ThawError
from pipeline.dag.raw_schema import curated_schema

pytestmark = pytest.mark.component


@pytest.fixture
def anomalies_uri(tmp_path):
    def write(**columns):
        statistics = tfdv.generate_statistics_from_dataframe(pd.DataFrame(columns))
        found = tfdv.validate_statistics(statistics, text_format.Parse(curated_schema(), schema_pb2.Schema()))
        path = tmp_path / "Split-train" / "SchemaDiff.pb"
        path.parent.mkdir()
        path.write_bytes(found.SerializeToString())
        return str(tmp_path)

    return write


def test_good_data_passes(anomalies_uri):
    assert describe_anomalies(anomalies_uri(image=["a", "b"], label=[0, 9], id=["x", "y"])) == []


def test_a_feature_that_the_schema_does_not_name_is_no_anomaly(anomalies_uri):
    assert describe_anomalies(anomalies_uri(image=["a"], label=[0], id=["x"], camera=["front"])) == []


def test_a_label_out_of_range_is_described_with_its_split(anomalies_uri):
    [line] = describe_anomalies(anomalies_uri(image=["a", "b"], label=[0, 10], id=["x", "y"]))
    assert line.startswith("train, label:")


def test_the_node_stops_the_run_and_lists_every_anomaly(anomalies_uri):
    artifact = standard_artifacts.ExampleAnomalies()
    artifact.uri = anomalies_uri(label=[0, -1], id=["x", "y"])
    function = AnomalyGate.EXECUTOR_SPEC.executor_class._FUNCTION
    with pytest.raises(ThawError, match=r"(?s)does not match the schema.*train, image:.*train, label:"):
        function(anomalies=artifact)


def test_an_anomaly_of_the_whole_split_is_described(tmp_path):
    whole = anomalies_pb2.Anomalies()
    whole.dataset_anomaly_info.description = "too few examples"
    path = tmp_path / "Split-test" / "SchemaDiff.pb"
    path.parent.mkdir()
    path.write_bytes(whole.SerializeToString())
    assert describe_anomalies(str(tmp_path)) == ["test: too few examples"]


def test_anomalies_are_found_below_a_folder_whose_name_is_a_pattern(tmp_path):
    for folder, text in (("run [2]", "its own"), ("run 2", "another run's")):
        whole = anomalies_pb2.Anomalies()
        whole.dataset_anomaly_info.description = text
        path = tmp_path / folder / "Split-test" / "SchemaDiff.pb"
        path.parent.mkdir(parents=True)
        path.write_bytes(whole.SerializeToString())
    assert describe_anomalies(str(tmp_path / "run [2]")) == ["test: its own"]
