"""Settings of the nodes that train, made from the configuration. Imports no TFX and no TensorFlow."""

from __future__ import annotations

from typing import Any, Literal

from experiment.changes import as_written, changed
from experiment.config import Architecture, Backbone, ExperimentConfig, SourceSchedule, Transfer
from experiment.training_settings import ModelSettings, SweepSettings, of_baseline
from pipeline.dag.fingerprint import SWEEP_CODE, source_fingerprint
from pipeline.runs.run_digests import digest
from pipeline.runs.run_files import comparable, settings_of, with_whole_paths


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
        baseline=None if role == "source" else config.baseline_of(architecture) if role == "transfer" else architecture,
        classes=config.target.classes,
        image_shape=config.data.image_shape,
        resize=config.data.resize,
        image_key=config.data.image_key,
        backbone=backbone_of(config, architecture),
        schedule=of_baseline(config.schedule) if role == "baseline" else config.schedule,
        seed=config.seed,
        precision=config.trained_precision,
        data_name=data_name,
        code=code,
        activations_gib=config.activations_gib,
        ledger_dir=None if role == "source" else config.ledger_folder,
    )


def source_settings(config: ExperimentConfig, transfer: Transfer, *, code: str) -> ModelSettings:
    """A transfer's source; one that is not trained gets no schedule, and one that is read from a file no seed.

    Args:
      config: the experiment.
      transfer: whose source it is.
      code: fingerprint of the sources that decide the training's result.
    """
    source = config.sources[transfer.source]
    # A source uses neither the data's name nor the feature of served records.
    settings = model_settings(config, "source", transfer.source, transfer.architecture, data_name="", code=code)
    changes: dict[str, Any] = {
        "classes": config.domain_classes(transfer.source), "control": source.control, "image_key": "", "resize": False,
        "schedule": config.source_schedule if source.is_trained else SourceSchedule(),
        "precision": config.trained_precision if source.is_trained else "float32",
    }  # fmt: skip
    if source.is_pretrained:
        changes |= {"backbone": _without_cost(config.backbones[transfer.architecture]), "seed": 0}
    return changed(settings, **changes)


def backbone_of(config: ExperimentConfig, architecture: Architecture) -> Backbone | None:
    """The backbone that makes an architecture's network; none for the report's. A family's weights are not part of
    it."""
    backbone = config.backbones.get(architecture)
    if backbone is None:
        return None
    return _without_cost(changed(backbone, weights=None, sha256="") if backbone.family else backbone)


def _without_cost(backbone: Backbone) -> Backbone:
    """The backbone without its cost, which only a plan needs."""
    return changed(backbone, mflop=0.0)


def sweep_settings(config: ExperimentConfig, settings: ModelSettings) -> SweepSettings:
    """The sweep over a transfer's or a baseline's cells; a baseline has nothing to freeze."""
    is_baseline = settings.role == "baseline"
    return SweepSettings(
        **settings.model_dump(exclude={"image_key", "ledger_dir", "resize"}),
        image_key="",  # of served records
        sizes=config.sizes,
        freeze_counts=(0,) if is_baseline else config.freeze_counts[settings.architecture],
        fine_tune=config.fine_tune,
        tuned=() if is_baseline else config.tuned.get(settings.architecture, ()),
        search="grid" if is_baseline else config.search,
        draws=config.draws,
        deployed_size=config.deployed_size,
        ledger_dir=config.ledger_folder,
        allow_untrained_sources=config.allow_untrained_sources and not is_baseline,
        workers=config.workers,
    )


def repeatable(config: ExperimentConfig) -> dict[str, Any]:
    """The configuration without this machine's settings: folders, files, processes and Beam's engine."""
    elsewhere: dict[str, Any] = dict.fromkeys(
        ("workspace", "runs", "pipeline_root", "workers", "activations_gib", "beam_args"), True
    )
    dumped = as_written(config, exclude={**elsewhere, "data": {"path"}, "backbones": {"__all__": {"weights"}}})
    for name, backbone in config.backbones.items():
        if backbone.model:
            dumped["backbones"][name]["model"] = backbone.model.name
    return dumped


def asked_digests(config: ExperimentConfig) -> dict[str, str]:
    """asked_digest of every sweep, by its name."""
    digests = {f"baseline__{name}": asked_digest(config, "", name) for name in config.baseline_architectures}
    pairs = {pair.id: asked_digest(config, pair.source, pair.architecture) for pair in config.transfers}
    return {**digests, **pairs}


def asked_digest(config: ExperimentConfig, source: str, architecture: Architecture) -> str:
    """Hash of the settings and code that decide a sweep's rows; `thaw status` finds the sweep's ledger by it.

    Made only from the configuration, before data, weights and source are known, and independent of what a run fills in.

    Args:
      config: the experiment, as given or as resolved.
      source: its name; empty for a baseline.
      architecture: of the sweep.
    """
    config = with_whole_paths(config)
    settings = comparable(settings_of(config))
    names = ["seed", "data", "target", "augmentation", "precision"]
    if source and not config.sources[source].is_pretrained:
        names.append("source_schedule")
    decisive = {name: settings[name] for name in names}
    decisive["schedule"] = (config.schedule if source else of_baseline(config.schedule)).decisive
    if source:
        decisive["source"] = settings["sources"][source]
    if architecture in config.backbones:
        backbone = config.backbones[architecture]
        decisive["backbone"] = backbone.model_dump(mode="json", exclude={"weights", "sha256", "mflop", "parts"})
    return digest({"sweep": [source, architecture], "code": source_fingerprint(*SWEEP_CODE), **decisive})
