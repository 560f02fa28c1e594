"""The schema fitted to the configured keys and classes. Reads protos, no pipeline."""

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from experiment.config import Data
from pipeline.dag.raw_schema import schema_text


def read(text):
    return {f.name: f for f in text_format.Parse(text, schema_pb2.Schema()).feature}


def test_cifar10_gets_the_curated_schema():
    features = read(schema_text(Data()))
    assert sorted(features) == ["id", "image", "label"]
    assert features["label"].int_domain.max == 9
    assert features["image"].presence.min_fraction == 1


def test_own_keys_and_classes_are_fitted_in():
    data = Data(image_key="picture", label_key="kind", id_key="name", classes=("a", "b", "c"))
    features = read(schema_text(data))
    assert sorted(features) == ["kind", "name", "picture"]
    assert features["kind"].int_domain.max == 2


def test_what_says_that_an_image_is_val_must_be_there_where_it_has_a_key():
    feature = read(schema_text(Data(val_key="in_val")))["in_val"]
    assert (feature.int_domain.min, feature.int_domain.max, feature.presence.min_fraction) == (0, 1, 1)


def test_the_name_of_the_group_must_be_there_where_it_has_a_key():
    found = read(schema_text(Data(val_key="in_val", group_key="person")))["person"]
    assert (found.type, found.presence.min_fraction) == (schema_pb2.BYTES, 1)
