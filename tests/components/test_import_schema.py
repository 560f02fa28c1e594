"""ImportSchemaGen as we run it: text in, the schema that TFX's nodes read out. Runs the executor."""

import pytest
from tfx.types import standard_artifacts
from tfx.utils import io_utils

from components.import_schema import ImportSchema
from experiment.config import Data
from pipeline.dag.raw_schema import schema_text

pytestmark = pytest.mark.component


def test_other_nodes_read_the_schema_that_was_told(tmp_path):
    node = ImportSchema(text=schema_text(Data(label_key="kind")))
    schema = standard_artifacts.Schema()
    schema.uri = str(tmp_path)
    node.executor_spec.executor_class().Do({}, {"schema": [schema]}, node.exec_properties)
    read = io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(schema.uri))
    assert sorted(feature.name for feature in read.feature) == ["id", "image", "kind"]
