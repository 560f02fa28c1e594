"""The TransferAdvisor node: sources, domains and the target's training images in, promises out. Only here is TFX."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import component_spec
from tfx.types.experimental import simple_artifacts
from tfx.utils import path_utils

from pipeline.advice_rule import AdviceRule
from pipeline.config import MobileNet, OwnModel
from pipeline.domains import Architecture
from pipeline.promises import ADVICE_FILE, BeforeTraining, Estimated, Promise, promises_of, ranked, sentence
from trainer_module import progress
from trainer_module.architectures import build_network
from trainer_module.artifact_folders import artifacts_as_folders
from trainer_module.input_pipeline import Records
from trainer_module.source_estimates import drawn, estimates_of_source, read_originals, some_images

Artifacts = dict[str, list[types.Artifact]]
PROMISED_ON = 0
"""The draw whose images promises are made on."""


class Asked(pydantic.BaseModel):
    """One transfer to be asked."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    name: str
    source: str
    architecture: Architecture
    freeze_counts: tuple[int, ...]


class AdvisorSettings(pydantic.BaseModel):
    """The node's JSON parameter."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    classes: tuple[str, ...]
    """Of the target."""
    image_shape: tuple[int, int, int]
    mobilenet: MobileNet
    own: OwnModel | None = None
    transfers: tuple[Asked, ...]
    sizes: tuple[int, ...]
    fine_tune: tuple[bool, ...]
    draws: int
    seed: int
    rule: AdviceRule
    """Turns probes into gains."""


class TransferAdvisorExecutor(base_executor.BaseExecutor):
    """Reads the inputs by the names that `transfer_advisor` gave them."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        settings = AdvisorSettings.model_validate_json(exec_properties["settings"])
        with artifacts_as_folders(input_dict, output_dict):
            inputs = {name: made.uri for name, [made] in input_dict.items()}
            found = before_training(inputs, settings)
            (Path(output_dict["advice"][0].uri) / ADVICE_FILE).write_text(
                found.model_dump_json(indent=1) + "\n", encoding="utf-8"
            )
        largest = max(settings.sizes)
        if found.promises.get(largest):
            best = sentence(found.promises[largest][0], settings.classes, largest)
            progress.console().print(f"  before training, n = {largest}: {best}", markup=False)


def before_training(inputs: Mapping[str, str], settings: AdvisorSettings) -> BeforeTraining:
    """Estimates of every source at every cut, n and draw, and what the rule makes of the probes among them.

    Only training images of the target and of the sources' domains are read.

    Args:
      inputs: folders by the names of the node's inputs.
      settings: see there.

    Raises:
      ThawError: a source does not fit its architecture.
    """
    began = time.perf_counter()
    originals = read_originals(inputs["examples"], settings.image_shape)
    target, ranks = drawn(originals, len(settings.classes), settings.sizes, settings.draws, settings.seed)
    estimates = [one for asked in settings.transfers for one in _estimates(inputs, settings, asked, target, ranks)]
    promises = {n: ranked([p for asked in settings.transfers for p in _promises(estimates, settings, asked, n)])
                for n in settings.sizes}  # fmt: skip
    return BeforeTraining(
        calibration=settings.rule.in_words, level=settings.rule.level, promises=promises, estimates=tuple(estimates),
        seconds=time.perf_counter() - began,
    )  # fmt: skip


def _estimates(
    inputs: Mapping[str, str], settings: AdvisorSettings, asked: Asked, target: Records, ranks: dict[int, np.ndarray]
) -> Iterator[Estimated]:
    network = build_network(
        asked.architecture, settings.image_shape, len(settings.classes), settings.mobilenet, settings.own
    )  # fmt: skip
    domain = inputs.get(f"domain_of_{asked.source}")
    own = some_images(domain, settings.image_shape, settings.seed) if domain else None
    model = Path(path_utils.serving_model_dir(inputs[f"source_of_{asked.name}"]))
    counts = sorted({0, *asked.freeze_counts})
    for one in estimates_of_source(model, network, target, ranks, settings.sizes, counts, own):
        yield Estimated(transfer=asked.name, **vars(one))


def _promises(estimates: list[Estimated], settings: AdvisorSettings, asked: Asked, n: int) -> Iterator[Promise]:
    said = {(one.estimator, one.freeze_count): one.value for one in estimates
            if (one.transfer, one.n, one.draw) == (asked.name, n, PROMISED_ON)}  # fmt: skip
    cuts = sorted({0, *asked.freeze_counts})
    probes = {cut: (said["probe", cut], -said["probe_error", cut]) for cut in cuts if ("probe", cut) in said}
    if len(probes) == len(cuts):
        yield from promises_of(
            asked.name, asked.architecture, n, asked.freeze_counts, settings.fine_tune, probes, settings.rule
        )  # fmt: skip


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
      A node with the output `advice` (File: ADVICE_FILE, see pipeline.promises.BeforeTraining).
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
