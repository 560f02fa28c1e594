"""The Pusher node: TFX's, but a version appears in the served folder when it is complete. Imports TFX.

TFX's writes where a model server looks. A full disk or a kill left a version without `saved_model.pb` there, or with
a part of it: the highest number, so a server that starts loads that one, fails and serves nothing.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from tfx import types
from tfx.components.pusher.component import Pusher as TfxPusher
from tfx.components.pusher.executor import Executor
from tfx.dsl.components.base import executor_spec
from tfx.proto.pusher_pb2 import PushDestination
from tfx.types import artifact_utils

UNFINISHED = ".unfinished"
"""Beside the versions: no number, so no server takes it for one."""
DESTINATION, VERSION = "pushed_destination", "pushed_version"
"""TFX's properties of a PushedModel."""


class PusherExecutor(Executor):
    """Writes beside the versions, then renames."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        destination = json_format.Parse(exec_properties["push_destination"], PushDestination())
        served = Path(destination.filesystem.base_directory)
        unfinished = served / UNFINISHED
        shutil.rmtree(unfinished, ignore_errors=True)  # of one that was killed
        destination.filesystem.base_directory = str(unfinished)
        beside = {**exec_properties, "push_destination": json_format.MessageToJson(destination)}
        try:
            super().Do(input_dict, output_dict, beside)
            model = artifact_utils.get_single_instance(output_dict["pushed_model"])
            version = model.get_string_custom_property(VERSION)
            if version and not (served / version).exists():  # as TFX: two in one second are the same
                (unfinished / version).rename(served / version)
            if version:
                model.set_string_custom_property(DESTINATION, str(served / version))
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


class Pusher(TfxPusher):
    """TFX's component, with that executor."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(PusherExecutor)
