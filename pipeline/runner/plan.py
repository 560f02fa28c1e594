"""What a run would do, and about how long it would take, before it starts. Imports config and numpy, no TensorFlow."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Sequence

import numpy as np

from experiment.backbones import FAMILIES, MOBILENET_V2, MOST_SIDE_PX, Backbone
from experiment.config import Architecture, ExperimentConfig
from experiment.schedules import Way, ways_of

# Share of the matrix-product rate that training reaches; small depthwise convolutions reach little of it.
EFFICIENCY, EFFICIENCY_OF_BACKBONE, EFFICIENCY_DEPTHWISE = 0.6, 0.15, 0.07
DEPTHWISE = ("EfficientNet", "MobileNet", "NASNet", "Xception")  # families, by how their names begin
# Seconds of what is not training, on two cores.
SECONDS_PER_PROGRAM = 2.0
SECONDS_PER_EVALUATOR = 20.0
SECONDS_PER_SWEEP = 6.0
SECONDS_FOR_RECORDS_PER_IMAGE = 0.0007
SECONDS_FIXED = 60.0
SCORED_IN_TUNING = 3.5  # val at six moments, test once
MB_PER_ROW = 0.05  # of a ledger and its copy, 2,000 test images of two classes
# Floating-point operations of one image's forward pass, in millions: both of the report's architectures by layer
# (two per multiply-add), MobileNetV2 at 224 pixels and alpha 1 (Sandler et al., CVPR 2018: 300M multiply-adds).
CONVOLUTION_MFLOP = (1.77, 18.87, 9.44, 18.87, 9.44, 18.87)
DENSE_MFLOP = {"original": (1.05, 0.07), "remastered": ()}
MOBILENET_MFLOP_224 = 600.0


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a run would do.

    Attributes:
      cells: grid points by sweep, baselines among them; each is trained once per draw.
      executions: trainings in all.
      minutes: estimated wall time with nothing cached.
      disk_mb: estimated size of what is written.
    """

    cells: dict[str, int]
    executions: int
    minutes: float
    disk_mb: float


def plan_run(config: ExperimentConfig, images: int, size_bytes: int, gflops: float, workers: int) -> Plan:
    """Counts cells and estimates time and disk.

    Args:
      config: the experiment.
      images: records in the data.
      size_bytes: of those records.
      gflops: one core's matrix-product rate, in 10^9 operations a second.
      workers: processes that share a sweep.
    """
    sizes = len(config.sizes)
    cells = {
        f"baseline__{architecture}": sizes * len(config.fine_tune) for architecture in config.baseline_architectures
    }
    cells |= {t.id: sizes * len(config.ways(t.architecture)) for t in config.transfers}
    seconds = SECONDS_FIXED + images * SECONDS_FOR_RECORDS_PER_IMAGE * 3
    for architecture in config.baseline_architectures:
        ways = ways_of((0,), config.fine_tune, ())
        seconds += sweep_seconds(config, architecture, ways, images, gflops, workers, transferred=False)
    for transfer in config.transfers:
        ways = config.ways(transfer.architecture)
        seconds += sweep_seconds(config, transfer.architecture, ways, images, gflops, workers, transferred=True)
        seconds += SECONDS_PER_EVALUATOR * (transfer.id not in config.controls)
        if config.sources[transfer.source].is_trained:
            seconds += source_seconds(config, transfer.architecture, images, gflops)
    executions = sum(cells.values()) * config.draws
    pixels = int(np.prod(config.data.image_shape)) + 200
    copied = images * (1 + config.augmentation.copies * _shares(config))
    disk_mb = (size_bytes + copied * pixels) / 1e6 + 30 * len(config.transfers) + executions * MB_PER_ROW
    return Plan(cells, executions, seconds / 60, disk_mb)


def measure_gflops(seconds: float = 0.2, size: int = 768) -> float:
    """Rate of float32 matrix products, in 10^9 operations a second, over about that many seconds."""
    left = np.ones((size, size), np.float32)
    left @ left
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        left @ left
        count += 1
    return 2 * size**3 * count / (time.perf_counter() - started) / 1e9


def training_seconds(
    config: ExperimentConfig, architecture: Architecture, n: int, freeze_count: int, fine_tune: bool,
    scored: float, gflops: float, *, transferred: bool = True,
) -> float:  # fmt: skip
    """One training of one cell and its scoring, of a fine-tuned cell the phase before it too; on one core.

    Args:
      config, architecture, n, freeze_count, fine_tune: the cell.
      scored: images of val and test.
      gflops: as in plan_run.
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
    return seconds + fine_tune * (again + scored) * forward_mflop(config, architecture, 0) * per_mflop


def scored_images(config: ExperimentConfig, images: int) -> float:
    """The target's images of val, and of test: a sixth of all, as in CIFAR-10."""
    return images * len(config.target.classes) / len(config.data.classes) * (5 * config.data.val_fraction + 1) / 6


def _efficiency(config: ExperimentConfig, architecture: Architecture) -> float:
    backbone = config.backbones.get(architecture)
    if backbone is None:
        return EFFICIENCY
    return EFFICIENCY_DEPTHWISE if (backbone.family or "").startswith(DEPTHWISE) else EFFICIENCY_OF_BACKBONE


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
    """Trainings and scorings of one sweep, its compilations, and the training of its candidate."""
    per_mflop = 1e-3 / (gflops * _efficiency(config, architecture))
    scored = scored_images(config, images)
    whole = forward_mflop(config, architecture, 0)
    tuned = True in config.fine_tune
    shared = 0.0
    for count in {count for count, _, _ in ways}:
        above = forward_mflop(config, architecture, count)
        shared += (scored + max(config.sizes) * config.augmentation.copies) * (whole - above) * per_mflop
    # Twins share phase 1. Layers that are held cost nearly what they cost where they are tuned: all but the gradients
    # of their weights.
    programs = {(count, held_from) for count, _, held_from in ways}
    for (count, held_from), n in itertools.product(programs, config.sizes):
        cell = architecture, n, count, tuned and not held_from
        shared += training_seconds(config, *cell, scored, gflops, transferred=transferred) * config.draws
    compiled = SECONDS_PER_PROGRAM * (len(programs) + tuned)
    return SECONDS_PER_SWEEP + compiled + shared / workers


def source_seconds(config: ExperimentConfig, architecture: Architecture, images: int, gflops: float) -> float:
    """One source's training."""
    per_mflop = 1e-3 / (gflops * _efficiency(config, architecture))
    pool = images * len(config.target.classes) / len(config.data.classes) * 0.7
    schedule = config.source_schedule
    records = int(pool * config.augmentation.copies)
    trained = _trained_images(records, schedule.epochs, schedule.max_steps, schedule.batch_size)
    return SECONDS_PER_PROGRAM + 3 * trained * forward_mflop(config, architecture, 0) * per_mflop


def _trained_images(records: int, epochs: int, max_steps: int | None, batch_size: int) -> int:
    """Images that a phase of so many epochs passes through the network, up to a bound on its steps."""
    seen = records * epochs
    return seen if max_steps is None else min(seen, max_steps * batch_size)


def _shares(config: ExperimentConfig) -> float:
    """The domains' images as a multiple of the data's."""
    domains = [config.target.classes] + [config.domain_classes(n) for n, s in config.sources.items() if s.is_trained]
    return sum(len(classes) for classes in domains) / len(config.data.classes)


def forward_mflop(config: ExperimentConfig, architecture: Architecture, freeze_count: int) -> float:
    """Millions of operations of one image's forward pass above the frozen layers, as a plan takes them."""
    backbone = config.backbones.get(architecture)
    if backbone is not None:  # a part is taken for as dear as another
        return _whole_mflop(backbone) * (1 - freeze_count / backbone.most_frozen)
    shrunk = min(1.0, MOST_SIDE_PX / max(config.data.image_shape[:2]))
    scale = config.data.image_shape[0] * config.data.image_shape[1] * shrunk**2 / 1024
    return scale * sum((CONVOLUTION_MFLOP + DENSE_MFLOP[architecture])[freeze_count:])


def _whole_mflop(backbone: Backbone) -> float:
    """Of a backbone with nothing frozen; 0 where nobody has counted them."""
    if not backbone.is_mobilenet_v2:
        return backbone.mflop
    share = (backbone.side_px or 0) / FAMILIES[MOBILENET_V2].image_size_px
    return MOBILENET_MFLOP_224 * backbone.width**1.55 * share**2


def counted_mflop(multiply_adds: Sequence[int]) -> float:
    """The same of a network that was built, nothing frozen.

    Args:
      multiply_adds: of the Network.
    """
    return round(2e-6 * multiply_adds[0], 3)
