"""What the nodes that train are told, made from the configuration. Imports no TFX and no TensorFlow."""

from __future__ import annotations

from typing import Literal

from pipeline.config import Architecture, ExperimentConfig
from pipeline.fingerprint import SWEEP_CODE, source_fingerprint
from pipeline.run_files import comparable, digest, settings_of
from trainer_module.settings import ModelSettings, SweepSettings


def model_settings(
    config: ExperimentConfig,
    role: Literal["source", "transfer", "baseline"],
    source: str,
    architecture: Architecture,
    *,
    data_name: str,
    code: str,
) -> ModelSettings:
    """One model to train.

    Args:
      config: the experiment.
      role: what it is trained for.
      source: its name; empty for a baseline.
      architecture: of the model.
      data_name: as in ledgers.
      code: fingerprint of the sources that decide the training's result.
    """
    return ModelSettings(
        role=role,
        name=f"{source or 'baseline'}__{architecture}",
        source=source,
        architecture=architecture,
        classes=config.target.classes,
        image_shape=config.data.image_shape,
        image_key=config.data.image_key,
        mobilenet=config.mobilenet_v2,
        own=config.own if architecture == "own" else None,
        schedule=config.schedule,
        seed=config.seed,
        data_name=data_name,
        code=code,
    )


def sweep_settings(config: ExperimentConfig, settings: ModelSettings) -> SweepSettings:
    """The sweep over a transfer's or a baseline's cells; a baseline has nothing to freeze."""
    is_baseline = settings.role == "baseline"
    return SweepSettings(
        **settings.model_dump(),
        sizes=config.sizes,
        freeze_counts=(0,) if is_baseline else config.freeze_counts[settings.architecture],
        fine_tune=config.fine_tune,
        # Whatever cell is repeated needs its baseline's draw.
        draws=config.all_draws if is_baseline else config.draws,
        most_draws=config.all_draws,
        deployed_size=config.deployed_size,
        ledger_dir=config.pipeline_folder / "ledgers",
        allow_untrained_sources=config.allow_untrained_sources,
        workers=config.workers,
        activations_gib=config.activations_gib,
        asked=asked_digest(config, settings.source, settings.architecture),
    )


def asked_digest(config: ExperimentConfig, source: str, architecture: Architecture) -> str:
    """Hash of the settings and code that decide a sweep's rows; `thaw status` finds the sweep's ledger by it.

    It is made of the configuration alone, before data, weights and source are known, and is the same whatever a run has
    filled in.

    Args:
      config: the experiment, as asked for or as resolved.
      source: its name; empty for a baseline.
      architecture: of the sweep.
    """
    settings = comparable(settings_of(config))
    names = ["seed", "data", "target", "augmentation", "schedule"]
    if source and not config.sources[source].is_imagenet:
        names.append("source_schedule")
    decisive = {name: settings[name] for name in names}
    if source:
        decisive["source"] = settings["sources"][source]
    if architecture == "mobilenet_v2":
        decisive["mobilenet_v2"] = settings["mobilenet_v2"]
    if architecture == "own" and config.own is not None:
        own = config.own.model_dump(mode="json", exclude={"sha256", "mflop", "parts"})
        decisive["own"] = own | {"model": str(config.own.model.expanduser().absolute())}
    return digest({"sweep": [source, architecture], "code": source_fingerprint(*SWEEP_CODE), **decisive})
