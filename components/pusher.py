"""The Pusher node: TFX's, but a version appears in the served folder when it is complete. Imports TFX.

TFX's Pusher writes directly into the served folder. After a full disk or a kill, an incomplete version stays there. It
has the highest number, so a server that starts loads it, fails and serves nothing.

TFX's cache knows what was once pushed, not what is served. If run A pushed, then run B, then run A again, the last push
was taken from the cache and the server kept B's model. So the version is one of the settings that the cache compares.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from tfx import types
from tfx.components.pusher.component import Pusher as TfxPusher
from tfx.components.pusher.executor import Executor
from tfx.dsl.components.base import base_driver as component_driver
from tfx.dsl.components.base import executor_spec
from tfx.dsl.io import fileio
from tfx.orchestration.portable import base_driver, data_types
from tfx.proto.orchestration.driver_output_pb2 import DriverOutput
from tfx.proto.pusher_pb2 import PushDestination
from tfx.types import artifact_utils

UNFINISHED = ".unfinished"
"""Beside the versions: no number, so no server takes it for one."""
DESTINATION, VERSION = "pushed_destination", "pushed_version"
"""TFX's properties of a PushedModel."""
SERVED_AS = "served_as"
"""Setting of a push: the model's version in the served folder."""


def version_of(model: str, served: Path) -> str:
    """The version under which a server finds a model: the newest if that is this model, else a new one after it.

    A new version is the time in milliseconds. In seconds, as TFX's, three pushes within a second ran ahead of the
    clock: where the folder was then deleted, the clock gave a version that TFX's cache knew, and nothing was pushed.

    Args:
      model: folder of the SavedModel, of any file system that TFX reads.
      served: folder of the versions.
    """
    versions = [int(path.name) for path in served.iterdir() if path.name.isdigit()] if served.exists() else []
    newest = max(versions, default=0)
    if newest and _holds(str(served / str(newest)), model):
        return str(newest)
    return str(max(time.time_ns() // 1_000_000, newest + 1))  # whatever the clock says, a server takes the highest


def _holds(version: str, model: str) -> bool:
    """Whether a served folder has all files of a model; a user may have added some, such as requests to warm up by."""
    names = _files(model)
    return names <= _files(version) and all(
        _content(f"{model}/{name}") == _content(f"{version}/{name}") for name in names
    )


def _files(folder: str) -> set[str]:
    found = fileio.walk(folder)
    return {f"{place}/{name}".removeprefix(folder).lstrip("/") for place, _, names in found for name in names}


def _content(path: str) -> bytes:
    with fileio.open(path, "rb") as file:
        return bytes(file.read())


class PusherDriver(component_driver.BaseDriver, base_driver.BaseDriver):  # as TFX's own of ExampleGen
    """Tells TFX's cache under which version the model is to be served. Kubeflow calls no driver, and caches no push."""

    def run(self, execution_info: data_types.ExecutionInfo) -> DriverOutput:
        """The settings that TFX adds before it looks into its cache; none for a model that is not blessed."""
        inputs, output = execution_info.input_dict, DriverOutput()
        executor = PusherExecutor()
        if executor.CheckBlessing(inputs):
            served = Path(_destination(execution_info.exec_properties).filesystem.base_directory)
            output.exec_properties[SERVED_AS].string_value = version_of(executor.GetModelPath(inputs), served)
        return output


def _destination(exec_properties: dict[str, Any]) -> PushDestination:
    return json_format.Parse(exec_properties["push_destination"], PushDestination())


class PusherExecutor(Executor):
    """Writes beside the versions, then renames."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        destination = _destination(exec_properties)
        served = Path(destination.filesystem.base_directory)
        unfinished = served / UNFINISHED
        shutil.rmtree(unfinished, ignore_errors=True)  # of one that was killed
        destination.filesystem.base_directory = str(unfinished)
        beside = {**exec_properties, "push_destination": json_format.MessageToJson(destination)}
        try:
            super().Do(input_dict, output_dict, beside)
            model = artifact_utils.get_single_instance(output_dict["pushed_model"])
            written = model.get_string_custom_property(VERSION)
            if written:
                version = exec_properties.get(SERVED_AS) or version_of(str(unfinished / written), served)
                if not (served / version).exists():
                    (unfinished / written).rename(served / version)
                model.set_string_custom_property(VERSION, version)
                model.set_string_custom_property(DESTINATION, str(served / version))
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


class Pusher(TfxPusher):
    """TFX's component, with that executor and that driver."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(PusherExecutor)
    DRIVER_CLASS = PusherDriver
