"""The schema of the raw records: the curated one, fitted to the configured keys and classes. Imports config alone."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline.config import Data


def schema_text(data: Data) -> str:
    """The schema, as text, with the data's feature keys and number of classes."""
    schema = text_format.Parse(curated_schema(), schema_pb2.Schema())
    names = {"image": data.image_key, "label": data.label_key, "id": data.id_key}
    for feature in schema.feature:
        if feature.name == "label":
            feature.int_domain.max = len(data.classes) - 1
        feature.name = names[feature.name]
    return text_format.MessageToString(schema)


def curated_schema() -> str:
    """Text of schema/schema.pbtxt, in the checkout or in the installed package.

    Raises:
      FileNotFoundError: the installation lacks it.
    """
    spec = importlib.util.find_spec("schema")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    # The folder holds data alone, so it is a namespace: its search path may name places that are no folders.
    for path in (Path(folder) / "schema.pbtxt" for folder in folders):
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise FileNotFoundError(f"schema/schema.pbtxt is in none of {folders}; install Thaw again")
