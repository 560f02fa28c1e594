"""The ImportExampleGen node: TFX's, but it copies files instead of records. Imports no trainer."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from google.protobuf import json_format
from tfx import types
from tfx.components.example_gen import utils
from tfx.components.example_gen.driver import FileBasedDriver
from tfx.components.example_gen.import_example_gen.component import ImportExampleGen
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2

from experiment.errors import ThawError
from trainer_module.data.artifact_folders import matching_files

PAYLOAD_PROPERTY = "payload_format"
PAYLOAD = "FORMAT_TF_EXAMPLE"
BLOCK_BYTES = 1 << 20


class CopyFiles(BaseBeamExecutor):
    """Writes each input split as the files it is made of.

    The input already is TFRecords of tf.train.Example, one pattern a split, which is what an Examples artifact holds.
    TFX's own executor parses, shuffles and compresses every record on the way (docs/archive.md); nothing downstream
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
          ThawError: a split's pattern matches no file, or a file of another split.
        """
        [examples] = output_dict["examples"]
        splits = json_format.Parse(exec_properties["input_config"], example_gen_pb2.Input()).splits
        taken: dict[str, str] = {}
        for split in splits:
            found = split_files(exec_properties["input_base"], split.pattern)
            if not found:
                raise ThawError(f"No file matches {split.pattern} in {exec_properties['input_base']}. Expected the "
                                f"TFRecords of the split {split.name}. Correct the folder or the pattern.")  # fmt: skip
            for path in found:
                if taken.setdefault(path, split.name) != split.name:
                    raise ThawError(f"{path} matches the patterns of the splits {taken[path]} and {split.name}, so "
                                    "test images would be training images. Expected different files. Correct the "
                                    "patterns.")  # fmt: skip
            folder = os.path.join(examples.uri, f"Split-{split.name}")
            fileio.makedirs(folder)
            for path in found:
                fileio.copy(path, os.path.join(folder, os.path.basename(path)))
        examples.splits = [split.name for split in splits]
        examples.set_string_custom_property(PAYLOAD_PROPERTY, PAYLOAD)


class ContentDriver(FileBasedDriver):
    """TFX's driver, except that the cache key depends on the files' contents and not on their times.

    Images that were copied or downloaded again are the same images; a key of their times would train every source
    again. Vertex AI runs TFX's own driver instead, and so still depends on times.
    """

    def resolve_exec_properties(
        self, exec_properties: dict[str, Any], pipeline_info: Any, component_info: Any
    ) -> dict[str, Any]:
        """Fingerprints each split's files, whatever their folder is called."""
        # Without TFX's own resolution, which takes the folder's name for a pattern; no pattern of ours has a span.
        resolved = {**exec_properties, utils.SPAN_PROPERTY_NAME: 0, utils.VERSION_PROPERTY_NAME: None}
        resolved[utils.FINGERPRINT_PROPERTY_NAME] = content_fingerprint(
            resolved["input_base"], json_format.Parse(resolved["input_config"], example_gen_pb2.Input())
        )
        return resolved


def split_files(input_base: str, pattern: str) -> list[str]:
    """A split's files, sorted.

    Args:
      input_base: the folder; its name is never read as a pattern.
      pattern: of the files, relative to the folder; every part of it may hold * and the like.
    """
    found = [input_base.rstrip("/")]
    for part in pattern.split("/"):
        found = [path for folder in found for path in matching_files(f"{folder}/{part}")]
    return sorted(found)


def content_fingerprint(input_base: str, config: example_gen_pb2.Input) -> str:
    """Hash of the splits' names and of their files' names and bytes."""
    digest = hashlib.sha256()
    for split in config.splits:
        for path in split_files(input_base, split.pattern):
            digest.update(f"{split.name}/{os.path.basename(path)}\0".encode())
            with fileio.open(path, "rb") as file:
                content = hashlib.sha256()
                while block := file.read(BLOCK_BYTES):
                    content.update(block)
            digest.update(content.digest())
    return f"sha256:{digest.hexdigest()}"


class ImportExamples(ImportExampleGen):
    """ImportExampleGen with CopyFiles and ContentDriver."""

    DRIVER_CLASS = ContentDriver
    EXECUTOR_SPEC = BeamExecutorSpec(CopyFiles)
