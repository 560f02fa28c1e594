"""Chooses the settings of an experiment on a user's own images. Imports config and loading; reads no image."""

from __future__ import annotations

import math
import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from experiment.backbones import MOBILENET_V2, Backbone
from experiment.changes import as_written
from experiment.config import Data, ExperimentConfig
from experiment.errors import ThawError, listed, printable
from experiment.loading import validate_config
from experiment.schedules import TrainingSchedule
from pipeline.new_experiment.wanted import DEFAULT_BACKBONE

LEAST_PX = 96
"""Side of MobileNetV2's input even for smaller images: the smallest size that it was trained at."""
MOST_PX = 224
"""The largest of those sizes."""
FREEZE_COUNTS = {"original": [6, 7, 8], DEFAULT_BACKBONE: [13, 18]}
"""All frozen, and other good counts: dense layers, or MobileNetV2's blocks after `block_12_add`."""
IMAGENET, FROM_FILES = "imagenet", "pretrained"
"""Names of the sources of families' backbones, and of those of .keras files."""
GRID: dict[str, Any] = {
    "fine_tune": [False],
    "precision": "auto",
    "confirmation": {"draws": 5, "most_draws": 5},
    "source_schedule": {"epochs": 2, "batch_size": 64, "max_steps": 300, "shift_px": 1},
}
"""Settings for an experiment that takes minutes."""
EPOCHS_FROM_SCRATCH, EPOCHS_OF_MANY = 30, 120
"""Epochs of a network from scratch; the second with more than FEW_CLASSES, where it needs more steps
(docs/adr/0025-baselines-at-32-pixels.md)."""
FEW_CLASSES = 3
LEAST_STEPS, MOST_STEPS = 960, 9600
"""Limits of its bound on steps, which lets it see the images of the largest n 30 times (mirror images not counted). The
smallest takes about a minute of one core, the largest ten."""
ABOVE_CHANCE = 0.2
"""Share of what chance leaves that a blessed model must get right: 60% for two classes, as by default."""
DRAWS_TO_CHOOSE = 3
"""Draws of the search's cells, if it chooses between transfers: with the few val images of a small set, the luck of one
draw can outweigh twenty points between two sources."""
BASELINE = "original"
"""Baseline of all architectures: larger networks learn little, slowly, from random weights and a few hundred images."""
PER_CLASS = (5, 10, 20, 50, 100, 200)
"""Target training images of each class to choose sizes from, in addition to what the data offers, rounded down."""
MOST_SIZES = 3
FOUND = {"sha256", "mflop", "parts"}
"""Fields of backbones that a run fills in."""
LEFT_OVER = "others"
"""The source made of the classes that are not the target's."""

HEADING = """# An experiment on your own images, written by `thaw init`. docs/configuration.md describes every setting.
# `thaw plan --config {path}` shows what it takes, `thaw run --config {path}` runs it.
"""


def own_settings(
    name: str, data: Data, target: Sequence[str], domains: Mapping[str, Sequence[str]], offered: int,
    backbones: Mapping[str, Backbone], mirror: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """The settings that differ from their defaults, for validate_config.

    Args:
      name: of the experiment and its target.
      data: the records.
      target: classes to tell apart.
      domains: classes of the data by source.
      offered: training images of the smallest target class, without val.
      backbones: as backbones_for has them, their parts counted.
      mirror: whether mirror images are added to the training images.

    Raises:
      ThawError: nothing can be transferred.
    """
    if data.image_shape[2] == 3:
        default = Backbone(family=MOBILENET_V2, alpha=1.0, image_size_px=shown_px(data))
        backbones = {DEFAULT_BACKBONE: default, **backbones}
    sources = {source: {"classes": list(classes)} for source, classes in domains.items()}
    transfers = [{"source": source, "architecture": "original"} for source in sources]
    for architecture, backbone in backbones.items():
        source = IMAGENET if backbone.family else FROM_FILES
        sources[source] = {"classes": []}
        transfers.append({"source": source, "architecture": architecture})
    if not transfers:
        raise ThawError(
            f"There is nothing to transfer: images with {data.image_shape[2]} channel can't use ImageNet's weights "
            "or CIFAR-10's classes as a source. Write them with three channels; give a .keras file of your "
            "own as --backbone; or name two classes with --target and leave two more, which are then the source."
        )
    used = dict.fromkeys(transfer["architecture"] for transfer in transfers)
    counts = {name: FREEZE_COUNTS.get(name) or freeze_counts_of(backbones[name].parts) for name in used}
    sizes = choose_sizes(offered, len(target))
    keys = {key: value for key, value in data.model_dump(include={"image_key", "label_key", "id_key"}).items()}
    return {
        "name": name,
        "data": {
            "path": str(data.path), **keys, "image_shape": list(data.image_shape), "resize": data.resize,
            "classes": list(data.classes),
            **({"val_fraction": data.val_fraction} if data.val_key is None else {"val_key": data.val_key}),
            **({} if data.group_key is None else {"group_key": data.group_key}),
        },
        "target": {"name": name, "classes": list(target)},
        "sources": sources,
        "transfers": transfers,
        "sizes": sizes,
        "freeze_counts": counts,
        "backbones": {key: as_written(backbone, exclude=FOUND) for key, backbone in backbones.items()},
        "baselines": dict.fromkeys(backbones, BASELINE),
        "draws": DRAWS_TO_CHOOSE if len(transfers) > 1 else 1,
        # Photos have no pixel noise that a network could learn.
        "augmentation": {"mirror": mirror, "noisy_copies": 0},
        "blessing": {"min_accuracy": round(ABOVE_CHANCE + (1 - ABOVE_CHANCE) / len(target), 2)},
        "schedule": schedule_from_scratch(sizes[-1], len(target)),
        **GRID,
    }  # fmt: skip


def shown_px(data: Data) -> int:
    """Side in pixels of the images that a network designed for larger ones sees."""
    return max(LEAST_PX, min(MOST_PX, max(data.image_shape[:2])))


def validated(settings: dict[str, Any], path: Path) -> tuple[ExperimentConfig, str]:
    """The configuration, and the text of its file.

    Args:
      settings: see own_settings.
      path: of the file.

    Raises:
      ThawError: a setting is wrong.
    """
    text = HEADING.format(path=printable(shlex.quote(str(path)))) + yaml.safe_dump(
        settings, sort_keys=False, default_flow_style=None, allow_unicode=True, width=110
    )
    # The text that will be read is the one that is checked.
    return validate_config(yaml.safe_load(text), str(path)), text


def choose_sizes(offered: int, classes: int) -> list[int]:
    """Up to three n: the number that the data offers, rounded down to one digit, and smaller ones, each by a factor of
    about four.

    Args:
      offered: training images of the smallest class.
      classes: of the target.
    """
    digit = 10 ** (len(str(offered)) - 1)
    most = min(max(PER_CLASS), offered // digit * digit)
    fitting = [count for count in PER_CLASS if count < most] + [most]
    if len(fitting) > MOST_SIZES:
        # Every other one, the largest first; of four, the smallest is third.
        fitting = sorted({most, fitting[-3], fitting[max(0, len(fitting) - 5)]})
    return [count * classes for count in fitting]


def schedule_from_scratch(n: int, classes: int) -> dict[str, int]:
    """Epochs of a network from scratch, and their bound: with a fixed one it would see each of many images too seldom
    to learn.

    Args:
      n: images of the largest size.
      classes: of the target.
    """
    steps = math.ceil(EPOCHS_FROM_SCRATCH * n / TrainingSchedule().batch_size)
    epochs = EPOCHS_OF_MANY if classes > FEW_CLASSES else EPOCHS_FROM_SCRATCH
    return {"epochs": epochs, "max_steps": max(LEAST_STEPS, min(MOST_STEPS, steps))}


def freeze_counts_of(parts: int) -> list[int]:
    """All parts of a backbone, and one and two fewer, as in the preset."""
    return list(range(max(0, parts - 2), parts + 1))


def own_domains(classes: Sequence[str], target: Collection[str]) -> dict[str, tuple[str, ...]]:
    """A source of the classes that are not the target's, if there are two or more of them."""
    rest = tuple(name for name in classes if name not in target)
    return {LEFT_OVER: rest} if len(rest) > 1 else {}


def chosen_target(classes: Sequence[str], asked: Sequence[str]) -> tuple[str, ...]:
    """The classes to tell apart: those given, or all.

    Raises:
      ThawError: one is unknown or named twice, or there are fewer than two.
    """
    unknown = [name for name in asked if name not in classes]
    if unknown:
        raise ThawError(f"--target names {listed(unknown)}, which are not classes of the images. Expected some of "
                        f"{listed(classes)}. Correct the names.")  # fmt: skip
    chosen = tuple(asked or classes)
    if len(chosen) < 2 or len(set(chosen)) < len(chosen):
        raise ThawError(
            f"--target names {listed(chosen)}. Expected two or more different classes; leave it out for all."
        )
    return chosen
