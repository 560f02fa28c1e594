"""Estimates how long a training, a sweep or a source takes, from counts of operations. Imports only the configuration.

The estimates were compared with runs whose seconds are in docs/overhead.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from experiment.backbones import FAMILIES, MOBILENET_V2, MOST_SIDE_PX, Backbone
from experiment.config import Architecture, ExperimentConfig
from experiment.schedules import Way

# Share of one core's matrix-product rate that a whole network reaches. Small depthwise convolutions reach little of it;
# the report's two networks exceed 1, since the first layer needs no gradient of its images, but the count includes it.
EFFICIENCY, EFFICIENCY_OF_BACKBONE, EFFICIENCY_DEPTHWISE = 1.2, 0.3, 0.3
DEPTHWISE = ("EfficientNet", "MobileNet", "NASNet", "Xception")  # families, by the prefix of their names
TWO_THREADS = 0.54  # a source's seconds on two threads, as a share of those on one (docs/adr/0026)
SECONDS_PER_PROGRAM = 2.0
SECONDS_PER_SWEEP = 6.0
SCORED_IN_TUNING = 3.5  # val at six moments, test once
# Floating-point operations of one image's forward pass, in millions: both of the report's architectures by layer
# (two per multiply-add), MobileNetV2 at 224 pixels and alpha 1 (Sandler et al., CVPR 2018: 300M multiply-adds).
CONVOLUTION_MFLOP = (1.77, 18.87, 9.44, 18.87, 9.44, 18.87)
DENSE_MFLOP = {"original": (1.05, 0.07), "remastered": ()}
MOBILENET_MFLOP_224 = 600.0


def training_seconds(
    config: ExperimentConfig, architecture: Architecture, n: int, freeze_count: int, fine_tune: bool,
    scored: float, gflops: float, *, transferred: bool = True,
) -> float:  # fmt: skip
    """Seconds of one core for one training of a cell and its scoring; a fine-tuned cell includes phase 1.

    A network that phase 1 trained whole, for as long as allowed, is not fine-tuned.

    Args:
      config, architecture, n, freeze_count, fine_tune: the cell.
      scored: images of val and test.
      gflops: one core's matrix-product rate, in 10^9 operations a second.
      transferred: whether the network begins with a source's weights.
    """
    per_mflop = 1e-3 / (gflops * _efficiency(config, architecture))
    tuning = config.schedule.tuning if transferred else None
    epochs = tuning.epochs if tuning else config.schedule.epochs
    most = tuning.max_steps if tuning else config.schedule.max_steps
    trained = _trained_images(n * config.augmentation.copies, epochs, most, config.schedule.batch_size)
    scored = SCORED_IN_TUNING * scored if tuning else scored
    again = 3 * trained if tuning else trained  # the report's second phase has a third of the epochs of the first
    seconds = (3 * trained + scored) * forward_mflop(config, architecture, freeze_count) * per_mflop
    if not fine_tune or (freeze_count == 0 and most is not None):
        return seconds
    return seconds + (again + scored) * forward_mflop(config, architecture, 0) * per_mflop


def frozen_seconds(
    config: ExperimentConfig, architecture: Architecture, n: int, freeze_count: int, draws: int, images: int,
    gflops: float,
) -> float:  # fmt: skip
    """Seconds of one core for one pass of all drawn images, val and test through the frozen layers.

    Args:
      config, architecture, n, freeze_count: the cell.
      draws: on which it is trained.
      images: records in the data.
      gflops: as in training_seconds.
    """
    scored = scored_images(config, images)
    drawn = min(draws * n, _target_images(config, images) - scored) * config.augmentation.copies
    below = forward_mflop(config, architecture, 0) - forward_mflop(config, architecture, freeze_count)
    return (scored + drawn) * below * 1e-3 / (gflops * _efficiency(config, architecture))


def scored_images(config: ExperimentConfig, images: int) -> float:
    """The target's images of val, and of test: a sixth of all, as in CIFAR-10."""
    return _target_images(config, images) * (5 * config.data.val_fraction + 1) / 6


def _target_images(config: ExperimentConfig, images: int) -> float:
    return images * len(config.target.classes) / len(config.data.classes)


def _efficiency(config: ExperimentConfig, architecture: Architecture) -> float:
    backbone = config.backbones.get(architecture)
    if backbone is None:
        return EFFICIENCY
    return EFFICIENCY_DEPTHWISE if _is_depthwise(backbone) else EFFICIENCY_OF_BACKBONE


def _is_depthwise(backbone: Backbone) -> bool:
    return (backbone.family or "").startswith(DEPTHWISE)


def sweep_seconds(
    config: ExperimentConfig,
    architecture: Architecture,
    ways: Sequence[Way],
    images: int,
    gflops: float,
    workers: int,
    *,
    transferred: bool,
) -> float:
    """Seconds of all trainings and scorings of one sweep, and of its compilations."""
    scored, draws = scored_images(config, images), config.draws
    tuned = True in config.fine_tune
    counts = {count for count, _, _ in ways}
    shared = sum(frozen_seconds(config, architecture, max(config.sizes), k, draws, images, gflops) for k in counts)
    # A cell with and without fine-tuning shares phase 1. Held layers cost nearly as much as tuned ones: all but the
    # gradients of their weights.
    programs = {(count, held_from) for count, _, held_from in ways}
    for (count, held_from), n in itertools.product(programs, config.sizes):
        cell = architecture, n, count, tuned and not held_from
        shared += training_seconds(config, *cell, scored, gflops, transferred=transferred) * draws
    compiled = SECONDS_PER_PROGRAM * (len(programs) + tuned)
    return SECONDS_PER_SWEEP + compiled + shared / workers


def source_seconds(
    config: ExperimentConfig, architecture: Architecture, images: int, gflops: float, workers: int
) -> float:
    """One source's training, which has two threads (trainer_module.processes.fixed_threads); one worker: one core."""
    per_mflop = 1e-3 / (gflops * _efficiency(config, architecture))
    pool = _target_images(config, images) * 0.7
    schedule = config.source_schedule
    records = int(pool * config.augmentation.copies)
    trained = _trained_images(records, schedule.epochs, schedule.max_steps, schedule.batch_size)
    trained_s = 3 * trained * forward_mflop(config, architecture, 0) * per_mflop
    return SECONDS_PER_PROGRAM + (trained_s if workers == 1 else TWO_THREADS * trained_s)


def _trained_images(records: int, epochs: int, max_steps: int | None, batch_size: int) -> int:
    """Images that a phase of so many epochs passes through the network, up to a bound on its steps."""
    seen = records * epochs
    return seen if max_steps is None else min(seen, max_steps * batch_size)


def forward_mflop(config: ExperimentConfig, architecture: Architecture, freeze_count: int) -> float:
    """Millions of operations of one image's forward pass above the frozen layers, at the rate of the whole network.

    All parts of a backbone are assumed to have equally many operations. In depthwise families the last ones, small maps
    with many channels, reach several times the rate of the first: MobileNetV2 above 9 and 13 of its 18 blocks took 0.21
    and 0.10 of the whole network's seconds per image; the estimate uses 0.25 and 0.08.
    """
    backbone = config.backbones.get(architecture)
    if backbone is not None:
        above = 1 - freeze_count / backbone.most_frozen
        return _whole_mflop(backbone) * (above**2 if _is_depthwise(backbone) else above)
    shrunk = min(1.0, MOST_SIDE_PX / max(config.data.image_shape[:2]))
    scale = config.data.image_shape[0] * config.data.image_shape[1] * shrunk**2 / 1024
    return scale * sum((CONVOLUTION_MFLOP + DENSE_MFLOP[architecture])[freeze_count:])


def _whole_mflop(backbone: Backbone) -> float:
    """Operations of a backbone with nothing frozen; 0 if they were not counted yet."""
    if not backbone.is_mobilenet_v2:
        return backbone.mflop
    share = (backbone.side_px or 0) / FAMILIES[MOBILENET_V2].image_size_px
    return MOBILENET_MFLOP_224 * backbone.width**1.55 * share**2


def counted_mflop(multiply_adds: Sequence[int]) -> float:
    """Operations of a network that was built, with nothing frozen.

    Args:
      multiply_adds: of the Network.
    """
    return round(2e-6 * multiply_adds[0], 3)
