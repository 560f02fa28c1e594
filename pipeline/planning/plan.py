"""Plans a run before it starts: its work and its approximate time. Imports planning's costs, no TensorFlow."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping

import numpy as np
import threadpoolctl

from experiment.backbones import MOST_SIDE_PX, Backbone
from experiment.config import Architecture, ExperimentConfig
from pipeline.planning.fresh_cells import fresh_cells, fresh_executions
from pipeline.planning.run_costs import RunCosts

MB_PER_ROW = 0.05  # of a ledger and its copy, 2,000 test images of two classes
OWN_NETWORK_MB, MOBILENET_V2_MB = 3.5, 9.5  # weights of `original`; of MobileNetV2 of full width


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a run would do.

    Attributes:
      cells: grid points by sweep, including baselines; each is trained once per draw.
      searched: whether fewer cells of transfers may be trained, because a search chooses them or time may run out.
      fresh_cells: by n, the most cells that val chooses or that these are compared with; each is trained on fresh
        draws.
      fresh_executions: the most trainings on fresh draws.
      fresh_fewest: the fewest; 0 with a time limit.
      fresh_at_most: whether the two differ: the number of cells depends on val's choice, and a size that stays
        undecided gets more draws (`most_draws`).
      executions: trainings in all.
      at_most: whether `executions` is an upper bound.
      minutes: estimated wall time with nothing cached, if the first fresh draws decide every size.
      disk_mb: estimated size of what is written.
    """

    cells: Mapping[str, int]
    searched: bool
    fresh_cells: Mapping[int, int]
    fresh_executions: int
    fresh_fewest: int
    fresh_at_most: bool
    executions: int
    at_most: bool
    minutes: float
    disk_mb: float

    @property
    def in_minutes(self) -> int:
        """`minutes` as shown: at least 1."""
        return max(1, round(self.minutes))


def plan_run(config: ExperimentConfig, images: int, size_bytes: int, gflops: float, workers: int) -> Plan:
    """Counts cells and estimates time and disk.

    Args:
      config: the experiment.
      images: records in the data.
      size_bytes: of those records.
      gflops: one core's matrix-product rate, in 10^9 operations a second.
      workers: processes that share a sweep.
    """
    costs = RunCosts(config, images, gflops, workers)
    cells = {name: costs.cells(name) for name in costs.sweeps}
    fresh = {n: fresh_cells(config, n) for n in sorted(config.sizes)}
    fewest, most = fresh_executions(config)
    searched, fresh_at_most = config.search == "bayesian" or config.budget_minutes is not None, fewest < most
    seconds = costs.preparing() + sum(costs.fixed().values())
    seconds += sum(costs.searched(name, config.draws) for name in costs.sweeps)
    seconds += costs.starts({name for n in config.sizes for name in costs.confirmed(n)})
    seconds += config.confirmation.draws * sum(map(costs.fresh_draw, config.sizes))
    executions = sum(cells.values()) * config.draws + most
    pixels = int(np.prod(config.data.image_shape)) + 200
    copied = images * (1 + config.augmentation.copies * _shares(config))
    disk_mb = (size_bytes + copied * pixels) / 1e6 + _networks_mb(config) + executions * MB_PER_ROW
    return Plan(
        cells=cells,
        searched=searched,
        fresh_cells={n: one.most + one.of_claims for n, one in fresh.items()},
        fresh_executions=most,
        fresh_fewest=fewest,
        fresh_at_most=fresh_at_most,
        executions=executions,
        at_most=searched or fresh_at_most,
        minutes=seconds / 60,
        disk_mb=disk_mb,
    )


def _networks_mb(config: ExperimentConfig) -> float:
    """Bytes of networks: an exported one takes three times its weights, as model.keras and in the SavedModel.

    A backbone's file is kept, and written as a source. Each transfer's candidate and each baseline are exported, and
    their sweeps keep the best cell's weights; the winner is exported thrice more (report, Pusher, pushed/).
    """
    backbones = {name: _weights_mb(one) for name, one in config.backbones.items()}
    sizes = [backbones.get(pair.architecture, OWN_NETWORK_MB) for pair in config.transfers]
    scratch = [backbones.get(name, OWN_NETWORK_MB) for name in config.baseline_architectures]
    exported = [*sizes, *scratch, 3 * max(sizes, default=0.0)]
    return sum(backbones.values()) + 2 * sum(sizes) + sum(scratch) + 3 * sum(exported)


def _weights_mb(backbone: Backbone) -> float:
    """Size of its file, if there is one yet."""
    try:
        return backbone.file.stat().st_size / 1e6 if backbone.file else MOBILENET_V2_MB
    except OSError:
        return MOBILENET_V2_MB


def sides_in_words(config: ExperimentConfig) -> str:
    """A sentence on the side in pixels of each network's input, and what decides it."""
    used = dict.fromkeys([*config.baseline_architectures, *(pair.architecture for pair in config.transfers)])
    said = [f"{name} {_side_in_words(config, name)}" for name in used]
    return f"Image side that each network sees, in pixels: {', '.join(said)}."


def _side_in_words(config: ExperimentConfig, name: Architecture) -> str:
    backbone, longer = config.backbones.get(name), max(config.data.image_shape[:2])
    if backbone is None:
        return f"{longer} (as the images)" if longer < MOST_SIDE_PX else f"{MOST_SIDE_PX} (its maximum)"
    if backbone.side_px is None:
        return "as its file says, or as the images"
    if backbone.image_size_px is None:
        return f"{backbone.side_px} (the size its weights were trained at)"
    of_images = "as the images; " if backbone.image_size_px == longer else ""
    return f"{backbone.side_px} ({of_images}setting backbones.{name}.image_size_px)"


def measure_gflops(seconds: float = 0.2, size: int = 768) -> float:
    """One core's rate of float32 matrix products, in 10^9 operations a second, over about that many seconds.

    The fastest of many products counts, so that interruptions have no effect.
    """
    left = np.ones((size, size), np.float32)
    fastest, until = float("inf"), time.perf_counter() + seconds
    with threadpoolctl.threadpool_limits(1):
        left @ left
        while fastest == float("inf") or time.perf_counter() < until:
            started = time.perf_counter()
            left @ left
            fastest = min(fastest, time.perf_counter() - started)
    return 2 * size**3 / fastest / 1e9


def _shares(config: ExperimentConfig) -> float:
    """The domains' images as a multiple of the data's."""
    domains = [config.target.classes] + [config.domain_classes(n) for n, s in config.sources.items() if s.is_trained]
    return sum(len(classes) for classes in domains) / len(config.data.classes)
