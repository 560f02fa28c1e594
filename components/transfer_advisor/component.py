"""The TransferAdvisor node: sources, domains and the target's training images in, promises out. Only here is TFX."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import component_spec
from tfx.types.experimental import simple_artifacts

from analysis.transfer_prediction.promises import ADVICE_FILE, sentence
from components.transfer_advisor.estimation import AdvisorSettings, before_training
from terminal import progress
from trainer_module.data.artifact_folders import artifacts_as_folders
from trainer_module.processes.single_thread import run_alone

Artifacts = dict[str, list[types.Artifact]]


class TransferAdvisorExecutor(base_executor.BaseExecutor):
    """Reads the inputs by the names that `transfer_advisor` gave them."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        settings = AdvisorSettings.model_validate_json(exec_properties["settings"])
        with artifacts_as_folders(input_dict, output_dict):
            inputs = {name: made.uri for name, [made] in input_dict.items()}
            found = run_alone(before_training, inputs, settings, task="asked the sources")
            (Path(output_dict["advice"][0].uri) / ADVICE_FILE).write_text(
                found.model_dump_json(indent=1) + "\n", encoding="utf-8"
            )
        largest = max(settings.sizes)
        if found.promises.get(largest):
            best = sentence(found.promises[largest][0], settings.classes, largest)
            progress.console().print(f"  before training, n = {largest}: {best}")


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
      code: fingerprint of the sources; in the cache key alone.

    Returns:
      A node with the output `advice` (File: ADVICE_FILE, see analysis.transfer_prediction.promises.BeforeTraining).
    """
    inputs = {
        "examples": examples,
        **{f"source_of_{name}": channel for name, channel in sources.items()},
        **{f"domain_of_{name}": channel for name, channel in domains.items()},
    }
    kind = simple_artifacts.File  # a type of our own could not be read back in Kubeflow
    # TFX reads inputs off the class of a specification, so each set of transfers has a class of its own.
    spec_class = type(
        "TransferAdvisorSpec",
        (component_spec.ComponentSpec,),
        {
            "PARAMETERS": {name: component_spec.ExecutionParameter(type=str) for name in ("settings", "code")},
            "INPUTS": {name: component_spec.ChannelParameter(type=c.type) for name, c in inputs.items()},
            "OUTPUTS": {"advice": component_spec.ChannelParameter(type=kind)},
        },
    )
    component_class = type(
        "TransferAdvisor",
        (base_component.BaseComponent,),
        {
            "SPEC_CLASS": spec_class,
            "EXECUTOR_SPEC": executor_spec.ExecutorClassSpec(TransferAdvisorExecutor),
            "__module__": __name__,
        },
    )
    spec = spec_class(settings=settings.model_dump_json(), code=code, advice=types.Channel(type=kind), **inputs)
    return component_class(spec)
