"""The SweepTuner node: TFX's Tuner, which also outputs the sweep's ledger. Imports no trainer code itself."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tfx import types
from tfx.components.tuner import executor as tuner_executor
from tfx.components.tuner.component import Tuner
from tfx.dsl.components.base import executor_spec
from tfx.types import artifact_utils, standard_component_specs

from experiment.errors import ThawError
from experiment.training_settings import CHIEF_KEY
from ledger.ledger import LEDGER_FILE
from trainer_module.data.artifact_folders import artifacts_as_folders, is_remote
from trainer_module.distributed.addresses import chief_address

# The parts of TFX's own Tuner that it has no public name for.
Artifacts = dict[str, list[types.Artifact]]


class SweepTunerExecutor(tuner_executor.Executor):
    """Runs TFX's search, writes its results, and puts a copy of the ledger beside them.

    The ledger itself lives outside the artifact store, where a killed run finds it again. The executor is the entry
    point of the node's pod: KerasTuner's variables, which make it a chief, are read here.
    """

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        address = chief_address(os.environ)
        remote = [
            artifact.uri for artifacts in input_dict.values() for artifact in artifacts if is_remote(artifact.uri)
        ]
        if address and remote:
            raise ThawError(
                f"This node is a chief, whose workers read artifacts as files, and {remote[0]} is not a file. Leave "
                "pipeline_root out, so that artifacts lie in the workspace, or unset KerasTuner's variables."
            )
        with artifacts_as_folders(input_dict, output_dict):
            properties = with_chief(exec_properties, address)
            tuner = tuner_executor.search(input_dict, properties, self._get_tmp_dir(), print_tuning_summary=False)
            tuner_executor.write_best_hyperparameters(tuner, output_dict)
            results = artifact_utils.get_single_uri(output_dict[standard_component_specs.TUNER_RESULTS_KEY])
            tuner.write_planned_rows(Path(results) / LEDGER_FILE)


class SweepTuner(Tuner):
    """TFX's Tuner with the executor above; `tuner_results` then also holds LEDGER_FILE."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(SweepTunerExecutor)


def with_chief(exec_properties: dict[str, Any], address: str | None) -> dict[str, Any]:
    """The node's properties, which tell tuner_fn the address to serve at, if there is one."""
    if address is None:
        return exec_properties
    key = standard_component_specs.CUSTOM_CONFIG_KEY
    custom_config = json.loads(exec_properties[key])
    return {**exec_properties, key: json.dumps({**custom_config, CHIEF_KEY: address})}
