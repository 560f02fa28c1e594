"""Estimates how long the parts of a run take, for its plan and its budget. Imports training_costs.

Covers sweeps, fresh draws and the nodes between them. No TensorFlow.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from experiment.changes import changed
from experiment.config import Architecture, ExperimentConfig
from experiment.machine import Expected
from experiment.schedules import Way, ways_of
from pipeline.planning.fresh_cells import asked_transfers
from pipeline.planning.training_costs import (
    SECONDS_PER_PROGRAM,
    SECONDS_PER_SWEEP,
    frozen_seconds,
    scored_images,
    source_seconds,
    sweep_seconds,
    training_seconds,
)

SEARCHED_PART, ALWAYS_AFFORDED = 0.5, 4
"""Limits of a search: that share of the grid's cost, and so many freeze counts at any cost
(trainer_module.tuners.cell_search)."""
# Seconds on two cores, measured on `tiny` and `quick` (docs/overhead.md).
PREPARING, PREPARING_PER_IMAGE = 20.0, 0.0003
PER_CANDIDATE = 2.0
"""Seconds of an Evaluator."""
SECONDS_PER_TRAINING = 0.2
"""Seconds of any training: a solved head on cached features."""
EXPORT = 3.0
"""Seconds of a Trainer of baseline or candidate: the sweep has trained the network."""
NODES = {"Evaluator": 6.0, "SweepEvaluator": 1.0, "TransferAdvisor": 6.0, "TransferReport": 4.0}


class RunCosts:
    """Estimated seconds of a run's parts.

    Args:
      config, images, gflops, workers: as in plan.plan_run.

    Attributes:
      sweeps: by name, the architecture and the freeze counts in training order.
    """

    def __init__(self, config: ExperimentConfig, images: int, gflops: float, workers: int):
        self._config, self._images, self._gflops, self._workers = config, images, gflops, workers
        self.sweeps: dict[str, tuple[Architecture, tuple[int, ...]]] = {
            f"baseline__{name}": (name, (0,)) for name in config.baseline_architectures
        }
        for pair in config.transfers:
            counts = sorted(config.freeze_counts[pair.architecture], reverse=True)
            self.sweeps[pair.id] = pair.architecture, tuple(counts)

    def cells(self, name: str) -> int:
        """How many cells a sweep has."""
        return len(self._ways(name, None, self._config.fine_tune)) * len(self._config.sizes)

    def sweep(self, name: str, draws: int, counts: int | None = None, **changes: Any) -> float:
        """Seconds of a sweep with so many of its freeze counts (default: all), with settings changed."""
        architecture, _ = self.sweeps[name]
        config = changed(self._config, draws=draws, tuned={}, **changes)
        return sweep_seconds(
            config, architecture, self._ways(name, counts, config.fine_tune), self._images, self._gflops, self._workers,
            transferred=not name.startswith("baseline__"),
        )  # fmt: skip

    def expected(self, name: str) -> Expected:
        """Expected seconds of a sweep's cells, one by one."""
        architecture, counts = self.sweeps[name]
        sizes, draws = self._config.sizes, self._config.draws
        return Expected(
            cells=tuple(
                (n, *way, seconds)
                for way in self._ways(name, None, self._config.fine_tune)
                for n, seconds in ((n, self._alone(name, n, way)) for n in sizes)
            ),
            starts=tuple((count, SECONDS_PER_PROGRAM + frozen_seconds(
                self._config, architecture, max(sizes), count, draws, self._images, self._gflops
            )) for count in counts),
        )  # fmt: skip

    def _alone(self, name: str, n: int, way: Way) -> float:
        """A cell without its counterpart, with which a fine-tuned one shares phase 1."""
        count, fine_tune, _ = way
        whole = self._cell(name, n, count, fine_tune)
        return SECONDS_PER_TRAINING + whole - (self._cell(name, n, count, False) if fine_tune else 0.0)

    def searched(self, name: str, draws: int) -> float:
        """The most seconds of a sweep, if a search trains a part of its cells; see SEARCHED_PART."""
        architecture, counts = self.sweeps[name]
        whole = self.sweep(name, draws)
        if self._config.search == "grid" or name.startswith("baseline__"):
            return whole
        # Cost grows with the number of layers that are trained, and twice as much in fine-tuning.
        most, tuned = self._config.most_frozen(architecture), True in self._config.fine_tune
        costs = sorted((1 - count / most + tuned for count in counts), reverse=True)
        dearest = sum(costs[:ALWAYS_AFFORDED]) / sum(costs) if sum(costs) else 1.0
        return whole * max(SEARCHED_PART, dearest)

    def _ways(self, name: str, counts: int | None, fine_tune: tuple[bool, ...]) -> list[Way]:
        """Cells of so many of a sweep's freeze counts; cells with held layers come only with all of them."""
        architecture, all_counts = self.sweeps[name]
        whole = counts in (None, len(all_counts)) and not name.startswith("baseline__")
        return ways_of(all_counts[:counts], fine_tune, self._config.tuned.get(architecture, ()) if whole else ())

    def within(self, name: str, draws: int, seconds: float) -> tuple[int, float]:
        """How many cells a sweep trains in so many seconds, and the seconds that they take (sweep.rounds)."""
        sizes = len(self._config.sizes)
        if name.startswith("baseline__"):
            return self.cells(name), self.sweep(name, draws)
        for counts in range(len(self.sweeps[name][1]), 0, -1):
            taken = self.sweep(name, draws, counts)
            if taken <= seconds:
                return len(self._ways(name, counts, self._config.fine_tune)) * sizes, taken
        return sizes, self.sweep(name, draws, 1, fine_tune=(min(self._config.fine_tune),))

    def confirmed(self, n: int) -> list[str]:
        """Sweeps of the cells that are trained on fresh draws at n: of possible transfers the most expensive.

        The chosen cell of the best transfer, of every one at the size to deploy; their baselines; and the best network
        from scratch, which may be another one's baseline. One that is trained both ways (fresh_cells) counts once:
        fine-tuning adds nothing to a network that was trained whole.
        """
        config = self._config
        asked, pairs = asked_transfers(config, n)
        pairs = sorted(pairs, key=lambda pair: self._training(pair.id, n), reverse=True)[:asked]
        own = [f"baseline__{name}" for name in dict.fromkeys(config.baseline_of(pair.architecture) for pair in pairs)]
        others = [name for name in self.sweeps if name.startswith("baseline__") and name not in own]
        best = sorted(others, key=lambda name: self._training(name, n))[-1:]
        return [*(pair.id for pair in pairs), *own, *best]

    def starts(self, names: Collection[str]) -> float:
        """Seconds before each sweep's first fresh draw; one worker begins a sweep, but all workers the last one."""
        each = [self._start(name) for name in names]
        return max([sum(each) / self._workers, *each])

    def _start(self, name: str) -> float:
        """Seconds of a worker's start for fresh draws, in which all images pass through the frozen layers."""
        walk = self._frozen(name, max(self._config.sizes), self._config.confirmation.draws)
        return SECONDS_PER_SWEEP + SECONDS_PER_PROGRAM + walk

    def fresh_draw(self, n: int) -> float:
        """Seconds of one fresh draw at n, for the most expensive cells that may be chosen."""
        return max(1.0, sum(self._training(name, n) for name in self.confirmed(n)) / self._workers)

    def by_network(self) -> dict[Architecture, float]:
        """Seconds of one core in trainings of each network: sources, sweeps, and fresh draws of every size."""
        config = self._config
        found = dict.fromkeys((architecture for architecture, _ in self.sweeps.values()), 0.0)
        for pair in config.transfers:
            if config.sources[pair.source].is_trained:
                found[pair.architecture] += source_seconds(config, pair.architecture, self._images, self._gflops, 1)
        for name, (architecture, _) in self.sweeps.items():
            found[architecture] += self.searched(name, config.draws) * self._workers
        for n in config.sizes:
            for name in self.confirmed(n):
                found[self.sweeps[name][0]] += config.confirmation.draws * self._training(name, n)
        return found

    def preparing(self) -> float:
        """Seconds before the first training."""
        return PREPARING + PREPARING_PER_IMAGE * self._images

    def fixed(self) -> dict[str, float]:
        """Seconds of nodes that can't be shortened, by id."""
        config, found = self._config, dict(NODES)
        for name in config.baseline_architectures:
            found[f"Trainer.baseline.{name}"] = EXPORT
        for pair in config.transfers:
            if config.sources[pair.source].is_trained:
                seconds = source_seconds(config, pair.architecture, self._images, self._gflops, self._workers)
                found[f"Trainer.source.{pair.source}.{pair.architecture}"] = seconds
            if pair.id not in config.controls:
                found[f"Trainer.transfer.{pair.id}"] = EXPORT
                node = f"Evaluator.{config.baseline_of(pair.architecture)}"
                found[node] = found.get(node, NODES["Evaluator"]) + PER_CANDIDATE
        del found["Evaluator"]
        return found

    def _training(self, name: str, n: int) -> float:
        """The most expensive cell of a sweep at n, on one core."""
        _, counts = self.sweeps[name]
        return self._cell(name, n, min(counts), True in self._config.fine_tune)

    def _cell(self, name: str, n: int, count: int, fine_tune: bool) -> float:
        return training_seconds(
            self._config, self.sweeps[name][0], n, count, fine_tune, scored_images(self._config, self._images),
            self._gflops, transferred=not name.startswith("baseline__"),
        )  # fmt: skip

    def _frozen(self, name: str, n: int, draws: int) -> float:
        """Seconds of one forward pass through the layers that the same cell freezes."""
        architecture, counts = self.sweeps[name]
        return frozen_seconds(self._config, architecture, n, min(counts), draws, self._images, self._gflops)
