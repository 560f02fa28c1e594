"""The schema fitted to the configured keys and classes. Reads protos, no pipeline."""

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline.config import Data
from pipeline.schema import write_schema


def read(path):
    return {f.name: f for f in text_format.Parse(path.read_text(), schema_pb2.Schema()).feature}


def test_cifar10_gets_the_curated_schema(tmp_path):
    features = read(write_schema(Data(), tmp_path))
    assert sorted(features) == ["id", "image", "label"]
    assert features["label"].int_domain.max == 9
    assert features["image"].presence.min_fraction == 1


def test_own_keys_and_classes_are_fitted_in(tmp_path):
    data = Data(image_key="picture", label_key="kind", id_key="name", classes=("a", "b", "c"))
    features = read(write_schema(data, tmp_path))
    assert sorted(features) == ["kind", "name", "picture"]
    assert features["kind"].int_domain.max == 2


def test_another_schema_has_another_path_and_the_same_one_the_same(tmp_path):
    paths = [write_schema(data, tmp_path) for data in (Data(), Data(), Data(label_key="kind"))]
    assert paths[0] == paths[1] != paths[2]
