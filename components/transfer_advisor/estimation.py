"""Gains predicted for a target, from its training images and theirs. Imports no TFX, and no sweep."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pydantic

from analysis.transfer_prediction.advice_rule import AdviceRule
from analysis.transfer_prediction.predicted_gains import (
    BeforeTraining,
    Estimated,
    PredictedGain,
    predicted_gains_of,
    ranked,
)
from experiment.backbones import MAX_FREEZE_COUNT, Backbone
from experiment.domains import Architecture
from experiment.machine import Machine, read_machine
from trainer_module.data.artifact_folders import SERVING_FOLDER
from trainer_module.data.input_pipeline import Records
from trainer_module.networks.architectures import build_network
from trainer_module.sources.estimates import drawn, estimates_of_source, read_originals, some_images
from trainer_module.training.activation_cache import Budget

PREDICTED_ON = 0
"""The draw on whose images gains are predicted."""


class Asked(pydantic.BaseModel):
    """One transfer whose gain is predicted."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    name: str
    source: str
    architecture: Architecture
    backbone: Backbone | None = None
    freeze_counts: tuple[int, ...]

    @property
    def most_frozen(self) -> int:
        """Layers or parts that can be frozen."""
        return self.backbone.most_frozen if self.backbone else MAX_FREEZE_COUNT[self.architecture]


class AdvisorSettings(pydantic.BaseModel):
    """The node's JSON parameter."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    classes: tuple[str, ...]
    """Of the target."""
    image_shape: tuple[int, int, int]
    transfers: tuple[Asked, ...]
    sizes: tuple[int, ...]
    fine_tune: tuple[bool, ...]
    draws: int
    seed: int
    ledger_dir: Path | None = None
    """Where the machine's own settings lie."""
    rule: AdviceRule
    """Turns probes into gains."""
    stack: str
    """What computes the estimates; only in the cache key."""


def before_training(
    examples: str, sources: Mapping[str, str], domains: Mapping[str, str], settings: AdvisorSettings
) -> BeforeTraining:
    """Estimates of every source at every cut, n and draw, and what the rule makes of the probes among them.

    Only training images of the target and of the sources' domains are read.

    Args:
      examples: folder of the target's.
      sources: folder of the model by transfer.
      domains: folder of the examples by source, of those that were trained.
      settings: see there.

    Raises:
      ThawError: a source does not fit its architecture.
    """
    began = time.perf_counter()
    originals = read_originals(examples, settings.image_shape)
    target, ranks = drawn(originals, len(settings.classes), settings.sizes, settings.draws, settings.seed)
    estimates = [
        one
        for asked in settings.transfers
        for one in _estimates(sources[asked.name], domains.get(asked.source), settings, asked, target, ranks)
    ]
    predicted = {
        n: ranked([gain for asked in settings.transfers for gain in _predicted_gains(estimates, settings, asked, n)])
        for n in settings.sizes
    }
    return BeforeTraining(
        calibration=settings.rule.in_words_at(settings.sizes, len(settings.classes)), level=settings.rule.level,
        predicted_gains=predicted, estimates=tuple(estimates), seconds=time.perf_counter() - began,
    )  # fmt: skip


def _estimates(
    source: str, domain: str | None, settings: AdvisorSettings, asked: Asked, target: Records,
    ranks: dict[int, np.ndarray],
) -> Iterator[Estimated]:  # fmt: skip
    network = build_network(asked.architecture, settings.image_shape, len(settings.classes), asked.backbone)
    own = some_images(domain, settings.image_shape, settings.seed) if domain else None
    model = Path(source, SERVING_FOLDER)
    counts = sorted({0, *asked.freeze_counts})
    machine = read_machine(settings.ledger_dir) if settings.ledger_dir else None
    # Beside the ledgers: the system's folder for temporary files may be in memory itself.
    budget = Budget(int((machine or Machine()).activations_gib * 2**30), settings.ledger_dir if machine else None)
    for one in estimates_of_source(model, network, target, ranks, settings.sizes, counts, own, budget):
        yield Estimated(transfer=asked.name, **vars(one))


def _predicted_gains(
    estimates: list[Estimated], settings: AdvisorSettings, asked: Asked, n: int
) -> Iterator[PredictedGain]:
    said = {(one.estimator, one.freeze_count): one.value for one in estimates
            if (one.transfer, one.n, one.draw) == (asked.name, n, PREDICTED_ON)}  # fmt: skip
    cuts = sorted({0, *asked.freeze_counts})
    probes = {cut: (said["probe", cut], -said["probe_error", cut]) for cut in cuts if ("probe", cut) in said}
    if len(probes) == len(cuts):
        yield from predicted_gains_of(
            asked.name, asked.architecture, n, asked.freeze_counts, settings.fine_tune, probes, settings.rule,
            most_frozen=asked.most_frozen, classes=len(settings.classes),
            chance=1 / len(settings.classes),  # draws are balanced
        )  # fmt: skip
