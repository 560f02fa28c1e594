"""The ImportSchemaGen node: writes a schema that it receives as text. Imports no other of our packages."""

# No `from __future__ import annotations`: TFX reads the annotations themselves.
import os

from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types.standard_artifacts import Schema


@component
def ImportSchema(
    schema: OutputArtifact[Schema],
    text: Parameter[str],
) -> None:
    """TFX's own ImportSchemaGen copies a file, which another machine would not find.

    Args:
      schema: the schema as TFX's other nodes read it.
      text: a tensorflow_metadata Schema in protobuf's text format.
    """
    with fileio.open(os.path.join(schema.uri, "schema.pbtxt"), "w") as file:
        file.write(text)
