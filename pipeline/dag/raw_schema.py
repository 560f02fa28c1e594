"""The schema of the raw records: the curated one, fitted to the configured keys and classes. Imports only config."""

from __future__ import annotations

from importlib import resources

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from experiment.config import Data

_VAL = """
  type: INT
  int_domain { min: 0 max: 1 }
  presence { min_fraction: 1.0 min_count: 1 }
  shape { dim { size: 1 } }
"""
_GROUP = """
  type: BYTES
  presence { min_fraction: 1.0 min_count: 1 }
  shape { dim { size: 1 } }
"""


def schema_text(data: Data) -> str:
    """The schema, as text, with the data's feature keys and number of classes."""
    schema = text_format.Parse(curated_schema(), schema_pb2.Schema())
    names = {"image": data.image_key, "label": data.label_key, "id": data.id_key}
    for feature in schema.feature:
        if feature.name == "label":
            feature.int_domain.max = len(data.classes) - 1
        feature.name = names[feature.name]
    if data.val_key is not None:
        text_format.Parse(_VAL, schema.feature.add(name=data.val_key))
    if data.group_key is not None:
        text_format.Parse(_GROUP, schema.feature.add(name=data.group_key))
    return text_format.MessageToString(schema)


def curated_schema() -> str:
    """Text of schema/schema.pbtxt: the file next to this one is a link to it; installed, a copy."""
    return resources.files("pipeline.dag").joinpath("schema.pbtxt").read_text(encoding="utf-8")
