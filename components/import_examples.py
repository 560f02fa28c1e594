"""The ImportExampleGen node: TFX's, but it copies files instead of records. Imports no other of our packages."""

from __future__ import annotations

import os
from typing import Any

from google.protobuf import json_format
from tfx import types
from tfx.components.example_gen.import_example_gen.component import ImportExampleGen
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2

PAYLOAD_PROPERTY = "payload_format"
PAYLOAD = "FORMAT_TF_EXAMPLE"


class CopyFiles(BaseBeamExecutor):
    """Writes each input split as the files it is made of.

    The input already is TFRecords of tf.train.Example, one pattern a split, which is what an Examples artifact holds.
    TFX's own executor parses, shuffles and compresses every record on the way (docs/overhead.md); nothing downstream
    depends on an order.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Copies `input_base`'s files that match each split's pattern.

        Raises:
          ValueError: a split's pattern matches no file.
        """
        [examples] = output_dict["examples"]
        splits = json_format.Parse(exec_properties["input_config"], example_gen_pb2.Input()).splits
        for split in splits:
            found = sorted(fileio.glob(os.path.join(exec_properties["input_base"], split.pattern)))
            if not found:
                raise ValueError(f"No file matches {split.pattern} in {exec_properties['input_base']}")
            folder = os.path.join(examples.uri, f"Split-{split.name}")
            fileio.makedirs(folder)
            for path in found:
                fileio.copy(path, os.path.join(folder, os.path.basename(path)))
        examples.splits = [split.name for split in splits]
        examples.set_string_custom_property(PAYLOAD_PROPERTY, PAYLOAD)


class ImportExamples(ImportExampleGen):
    """ImportExampleGen with CopyFiles: the same driver, and so the same fingerprint of the input in the cache key."""

    EXECUTOR_SPEC = BeamExecutorSpec(CopyFiles)
