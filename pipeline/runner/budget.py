"""What a run has time for that was given minutes, and which node may take how much of it. No TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from experiment.changes import changed
from experiment.config import Architecture, ExperimentConfig
from experiment.machine import CONFIRMATION, Share
from experiment.schedules import Way, ways_of
from pipeline.runner.plan import scored_images, source_seconds, sweep_seconds, training_seconds

SEARCH_PART = 0.45
"""Of the time that is left for training: fresh draws, of which the answer is made, get more than choosing."""
# Seconds on two cores, measured on `tiny` and `quick` (docs/overhead.md).
PREPARING, PREPARING_PER_IMAGE = 25.0, 0.0006
EXPORT, TRAINED_PART = 10.0, 0.5  # of what a plan expects of the dearest cell, for the one that is chosen
NODES = {"Evaluator": 16.0, "SweepEvaluator": 3.0, "TransferAdvisor": 8.0, "TransferReport": 15.0}
FEWEST_DRAWS = 2
"""Of the size to deploy, whatever the clock says (components.confirmer)."""


@dataclasses.dataclass(frozen=True)
class BudgetPlan:
    """What there is time for, as far as estimates tell.

    Attributes:
      minutes: of the run.
      least_minutes: what the smallest complete answer takes.
      draws: of every cell in the search; fewer than were asked for where all cells on all draws take too long.
      cells: of each sweep, how many are expected to be trained.
      planned: of each sweep, how many there are.
      fresh_draws: expected at each n, the size to deploy first; 0: not confirmed.
      weights: what each sweep, and CONFIRMATION, may take of the time for training.
      fixed_s: seconds of each node that nothing can cut short.
    """

    minutes: float
    least_minutes: float
    draws: int
    cells: Mapping[str, int]
    planned: Mapping[str, int]
    fresh_draws: Mapping[int, int]
    weights: Mapping[str, float]
    fixed_s: Mapping[str, float]

    def shares(self, nodes: Sequence[str]) -> dict[str, Share]:
        """What each sweep, and CONFIRMATION, may take of the time that is left when its node begins.

        Args:
          nodes: ids in the order in which they run.
        """
        found, weight, reserved = dict[str, Share](), 0.0, 0.0
        for node in reversed(nodes):
            name = _spender(node)
            if name in self.weights:
                weight += self.weights[name]
                found[name] = Share(part=self.weights[name] / weight, reserved_s=reserved)
            reserved += self.fixed_s.get(node, 0.0)
        return found

    @property
    def sentences(self) -> list[str]:
        """What the run will and won't decide."""
        trained, planned = sum(self.cells.values()), sum(self.planned.values())
        cells = (
            f"all {planned} cells"
            if trained == planned
            else f"about {trained} of {planned} cells, the most frozen first,"
        )
        draws = f"{self.draws} draw{'s' if self.draws > 1 else ''}"
        confirmed = [f"n = {n} on {count} fresh draws" for n, count in self.fresh_draws.items() if count]
        undecided = [f"n = {n}" for n, count in self.fresh_draws.items() if not count]
        found = [
            f"Within {round(self.minutes, 2):g} minutes, if nothing is cached: the search trains {cells} on {draws}; "
            f"then it confirms {', '.join(confirmed)} and goes on while there is time and something undecided."
        ]
        if undecided:
            found.append(f"It won't decide {', '.join(undecided)}, unless trainings are faster than estimated.")
        if self.least_minutes > self.minutes:
            found.append(f"!! The smallest complete answer takes about {self.least_minutes:.0f} minutes if nothing is "
                         "cached; the run ends with it, later than asked.")  # fmt: skip
        return found

    def as_json(self) -> dict[str, Any]:
        """As JSON values, without what steers the run."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name not in ("weights", "fixed_s")}


def plan_budget(config: ExperimentConfig, images: int, gflops: float, workers: int) -> BudgetPlan | None:
    """What there is time for; None where the configuration has no budget_minutes.

    Args:
      config, images, gflops, workers: as in plan.plan_run.
    """
    if config.budget_minutes is None:
        return None
    costs = _Costs(config, images, gflops, workers)
    fixed = costs.fixed()
    left = 60 * config.budget_minutes - PREPARING - PREPARING_PER_IMAGE * images - sum(fixed.values())
    wholes = {draws: {name: costs.sweep(name, draws) for name in costs.sweeps} for draws in range(1, config.draws + 1)}
    draws = max((d for d, whole in wholes.items() if sum(whole.values()) <= SEARCH_PART * left), default=1)
    whole = wholes[draws]
    weights = {name: SEARCH_PART * seconds / sum(whole.values()) for name, seconds in whole.items()}
    cells, spent = {}, 0.0
    for name in costs.sweeps:
        cells[name], seconds = costs.within(name, draws, left * weights[name])
        spent += seconds
    order = sorted(config.sizes, key=lambda n: (n != config.deployed_size, n))
    fresh, needed = {}, 0.0
    for n in order:
        fixed_s, draw_s = costs.fresh(n)
        count = min(config.confirmation.draws, int(max(0.0, left - spent - needed - fixed_s) / draw_s))
        fresh[n] = max(count, FEWEST_DRAWS) if n == order[0] else count if count >= FEWEST_DRAWS else 0
        needed += fixed_s + fresh[n] * draw_s if fresh[n] else 0.0
    least = sum(costs.within(name, 1, 0.0)[1] for name in costs.sweeps)
    pools, draw_s = costs.fresh(order[0])
    return BudgetPlan(
        minutes=config.budget_minutes,
        least_minutes=(60 * config.budget_minutes - left + least + pools + FEWEST_DRAWS * draw_s) / 60,
        draws=draws,
        cells=cells,
        planned={name: costs.cells(name) for name in costs.sweeps},
        fresh_draws=fresh,
        weights={**weights, CONFIRMATION: 1 - SEARCH_PART},
        fixed_s=fixed,
    )


def _spender(node: str) -> str:
    """The sweep's name of a Tuner, and CONFIRMATION of the Confirmer; nodes are named in pipeline.dag."""
    if node == "Confirmer":
        return CONFIRMATION
    return node.removeprefix("Tuner.").replace("baseline.", "baseline__").removeprefix("transfer.")


class _Costs:
    """Estimated seconds of a run's parts.

    Args:
      config, images, gflops, workers: as in plan.plan_run.

    Attributes:
      sweeps: by name, the architecture and the freeze counts, those that are trained first in front.
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
        """How many a sweep has."""
        return len(self._ways(name, None, self._config.fine_tune)) * len(self._config.sizes)

    def sweep(self, name: str, draws: int, counts: int | None = None, **changes: Any) -> float:
        """A sweep of so many of its freeze counts (all of them), with settings changed."""
        architecture, _ = self.sweeps[name]
        config = changed(self._config, draws=draws, tuned={}, **changes)
        return sweep_seconds(
            config, architecture, self._ways(name, counts, config.fine_tune), self._images, self._gflops, self._workers,
            transferred=not name.startswith("baseline__"),
        )  # fmt: skip

    def _ways(self, name: str, counts: int | None, fine_tune: tuple[bool, ...]) -> list[Way]:
        """Of so many of a sweep's freeze counts; parts tuned with the rest held come with all of them."""
        architecture, all_counts = self.sweeps[name]
        whole = counts in (None, len(all_counts)) and not name.startswith("baseline__")
        return ways_of(all_counts[:counts], fine_tune, self._config.tuned.get(architecture, ()) if whole else ())

    def within(self, name: str, draws: int, seconds: float) -> tuple[int, float]:
        """How many cells a sweep trains that has so many seconds, and what it really takes (sweep.rounds)."""
        sizes = len(self._config.sizes)
        if name.startswith("baseline__"):
            return self.cells(name), self.sweep(name, draws)
        for counts in range(len(self.sweeps[name][1]), 0, -1):
            taken = self.sweep(name, draws, counts)
            if taken <= seconds:
                return len(self._ways(name, counts, self._config.fine_tune)) * sizes, taken
        return sizes, self.sweep(name, draws, 1, fine_tune=(min(self._config.fine_tune),))

    def fresh(self, n: int) -> tuple[float, float]:
        """Workers' start, and one draw of what may be chosen at n: the dearest cells of transfer and baseline."""
        config = self._config
        names = [name for name in self.sweeps if name not in config.controls]
        transfers = [self._training(name, n) for name in names if not name.startswith("baseline__")]
        baselines = [self._training(name, n) for name in names if name.startswith("baseline__")]
        every = n == config.deployed_size or config.confirmation.every_transfer
        chosen, pools = (sum(transfers), len(transfers)) if every else (max(transfers), 1)
        return EXPORT * (pools + 1), max(1.0, (chosen + max(baselines)) / self._workers)

    def fixed(self) -> dict[str, float]:
        """Nodes that nothing can cut short, by id."""
        config, deployed = self._config, self._config.deployed_size
        found = dict(NODES)
        for name in config.baseline_architectures:
            found[f"Trainer.baseline.{name}"] = EXPORT + TRAINED_PART * self._training(f"baseline__{name}", deployed)
        for pair in config.transfers:
            if config.sources[pair.source].is_trained:
                seconds = source_seconds(config, pair.architecture, self._images, self._gflops)
                found[f"Trainer.source.{pair.source}.{pair.architecture}"] = seconds
            if pair.id not in config.controls:
                found[f"Trainer.transfer.{pair.id}"] = EXPORT + TRAINED_PART * self._training(pair.id, deployed)
                found[f"Evaluator.{pair.id}"] = NODES["Evaluator"]
        del found["Evaluator"]
        return found

    def _training(self, name: str, n: int) -> float:
        """The dearest cell of a sweep at n, on one core."""
        architecture, counts = self.sweeps[name]
        return training_seconds(
            self._config, architecture, n, min(counts), True in self._config.fine_tune,
            scored_images(self._config, self._images), self._gflops, transferred=not name.startswith("baseline__"),
        )  # fmt: skip
