"""What the nodes that train are told, made from the configuration. Imports no TFX and no TensorFlow."""

from __future__ import annotations

from typing import Literal

from pipeline.config import Architecture, ExperimentConfig
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
        activations_gib=config.activations_gib,
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
    )
