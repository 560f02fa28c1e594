"""The schema of the raw records: the curated one, fitted to the configured keys and classes. Imports config alone."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline.config import Data


def write_schema(data: Data, folder: Path) -> Path:
    """Writes the schema for the data's feature keys and number of classes; returns its path.

    TFX's cache looks at the path alone, so the content's hash is part of it.
    """
    schema = text_format.Parse(curated_schema(), schema_pb2.Schema())
    names = {"image": data.image_key, "label": data.label_key, "id": data.id_key}
    for feature in schema.feature:
        if feature.name == "label":
            feature.int_domain.max = len(data.classes) - 1
        feature.name = names[feature.name]
    text = text_format.MessageToString(schema)
    path = folder / hashlib.sha256(text.encode()).hexdigest()[:12] / "schema.pbtxt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


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
            return path.read_text()
    raise FileNotFoundError(f"schema/schema.pbtxt is in none of {folders}; install Thaw again")
