"""The TransferAdvisor node: sources, domains and the target's training images in, predicted gains out. Imports TFX."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, base_executor
from tfx.types.experimental import simple_artifacts

from analysis.transfer_prediction.predicted_gains import ADVICE_FILE, forecast
from components.named_inputs import make_component, named, of_kind
from components.transfer_advisor.estimation import AdvisorSettings, before_training
from terminal import progress
from trainer_module.data.artifact_folders import artifacts_as_folders
from trainer_module.processes.fixed_threads import run_alone

Artifacts = dict[str, list[types.Artifact]]


class TransferAdvisorExecutor(base_executor.BaseExecutor):
    """Reads the inputs by the names that `transfer_advisor` gave them."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        settings = AdvisorSettings.model_validate_json(exec_properties["settings"])
        with artifacts_as_folders(input_dict, output_dict):
            uris = {name: made.uri for name, [made] in input_dict.items()}
            found = run_alone(
                before_training, uris["examples"], of_kind("source", uris), of_kind("domain", uris), settings,
                task="asked the sources",
            )  # fmt: skip
            (Path(output_dict["advice"][0].uri) / ADVICE_FILE).write_text(
                found.model_dump_json(indent=1) + "\n", encoding="utf-8"
            )
        largest = max(settings.sizes)
        if found.predicted_gains.get(largest):
            progress.console().print(f"  {forecast(found.predicted_gains[largest][0], largest)}")


def transfer_advisor(
    *, examples: types.BaseChannel, sources: Mapping[str, types.BaseChannel],
    domains: Mapping[str, types.BaseChannel], settings: AdvisorSettings, code: str,
) -> base_component.BaseComponent:  # fmt: skip
    """Makes the node for any number of transfers, each input under a name of its own.

    Args:
      examples: Examples of the target.
      sources: Model by transfer.
      domains: Examples by source, of those that were trained.
      settings: see there.
      code: fingerprint of the sources; only in the cache key.

    Returns:
      A node with the output `advice` (File: ADVICE_FILE, see predicted_gains.BeforeTraining).
    """
    return make_component(
        "TransferAdvisor",
        TransferAdvisorExecutor,
        inputs={"examples": examples, **named("source", sources), **named("domain", domains)},
        outputs={"advice": simple_artifacts.File},
        parameters={"settings": settings.model_dump_json(), "code": code},
    )
