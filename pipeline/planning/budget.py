"""Divides a run's time limit between its nodes, and forecasts what there is time for. No TensorFlow."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from experiment.config import ExperimentConfig
from experiment.errors import counted, worded
from experiment.machine import CONFIRMATION, Share
from experiment.schedules import Search
from pipeline.planning.run_costs import RunCosts

SEARCH_PART = 0.45
"""Shares of the training time: fresh draws, which give the answer, get more than the search."""
FEWEST_DRAWS = 2
"""Fresh draws of the size to deploy, regardless of the time (components.confirmer)."""
NO_TIME = 0.01
"""Minutes that are over before anything is trained, with which `thaw report` requests the smallest complete answer."""


@dataclasses.dataclass(frozen=True)
class BudgetPlan:
    """What there is time for, by estimates.

    Attributes:
      minutes: of the run.
      least_minutes: for the smallest complete answer.
      draws: of every cell in the search; fewer than configured if all cells on all draws take too long.
      cells: how many of each sweep's cells are expected to be trained.
      planned: how many cells each sweep has.
      fresh_draws: expected at each n, the size to deploy first; 0: not confirmed.
      weights: shares of the training time of each sweep and CONFIRMATION.
      fixed_s: seconds of each node that nothing can cut short.
      search: as in the configuration.
    """

    minutes: float
    least_minutes: float
    draws: int
    cells: Mapping[str, int]
    planned: Mapping[str, int]
    fresh_draws: Mapping[int, int]
    weights: Mapping[str, float]
    fixed_s: Mapping[str, float]
    search: Search

    def shares(self, nodes: Sequence[str]) -> dict[str, Share]:
        """The share of each sweep and CONFIRMATION in the time left when its node begins.

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
        """Sentences on what the run will and will not decide."""
        trained, planned = sum(self.cells.values()), sum(self.planned.values())
        if self.search == "bayesian":
            some = "at most" if trained == planned else f"about {trained:,} of at most"
            cells = f"{some} {planned:,} cells, chosen one after another,"
        elif trained == planned:
            cells = f"all {planned:,} cells"
        else:
            cells = f"about {trained:,} of {planned:,} cells, the most frozen first,"
        draws = counted(self.draws, "draw")
        confirmed = [f"n = {n:,} on {count} fresh draws" for n, count in self.fresh_draws.items() if count]
        minutes, least = worded(round(self.minutes, 2), "minute"), counted(max(1, round(self.least_minutes)), "minute")
        undecided = [f"n = {n:,}" for n, count in self.fresh_draws.items() if not count]
        found = [
            f"Within {round(self.minutes, 2):g} {minutes}, if nothing is cached: the search trains {cells} on {draws}. "
            f"Then it confirms {', '.join(confirmed)} and continues while there is time and a size is undecided."
        ]
        if self.minutes < 2 * NO_TIME:
            found = [f"Only what a complete answer needs is trained: about {least} if nothing is "
                     f"cached. It confirms {', '.join(confirmed)}."]  # fmt: skip
        if undecided:
            found.append(f"It will not decide {', '.join(undecided)} unless trainings are faster than estimated.")
        if self.least_minutes > self.minutes >= 2 * NO_TIME:
            longer = counted(math.ceil(self.least_minutes), "minute")  # rounded, it could be the limit itself
            found.append(f"!! The smallest complete answer takes about {longer} if nothing is "
                         "cached; the run takes that long, more than the limit.")  # fmt: skip
        return found

    def as_json(self) -> dict[str, Any]:
        """As JSON values, without the values that steer the run."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name not in ("weights", "fixed_s")}


def plan_budget(config: ExperimentConfig, images: int, gflops: float, workers: int) -> BudgetPlan | None:
    """What there is time for; None if the configuration has no budget_minutes.

    Args:
      config, images, gflops, workers: as in plan.plan_run.
    """
    if config.budget_minutes is None:
        return None
    costs = RunCosts(config, images, gflops, workers)
    fixed = costs.fixed()
    left = 60 * config.budget_minutes - costs.preparing() - sum(fixed.values())
    numbers = range(1, config.draws + 1)
    wholes = {draws: {name: costs.searched(name, draws) for name in costs.sweeps} for draws in numbers}
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
        fixed_s, draw_s = costs.starts(costs.confirmed(n)), costs.fresh_draw(n)
        count = min(config.confirmation.draws, int(max(0.0, left - spent - needed - fixed_s) / draw_s))
        fresh[n] = max(count, FEWEST_DRAWS) if n == order[0] else count if count >= FEWEST_DRAWS else 0
        needed += fixed_s + fresh[n] * draw_s if fresh[n] else 0.0
    least = sum(costs.within(name, 1, 0.0)[1] for name in costs.sweeps)
    least += costs.starts(costs.confirmed(order[0])) + FEWEST_DRAWS * costs.fresh_draw(order[0])
    return BudgetPlan(
        minutes=config.budget_minutes,
        least_minutes=(60 * config.budget_minutes - left + least) / 60,
        draws=draws,
        cells=cells,
        planned={name: costs.cells(name) for name in costs.sweeps},
        fresh_draws=fresh,
        weights={**weights, CONFIRMATION: 1 - SEARCH_PART},
        fixed_s=fixed,
        search=config.search,
    )


def _spender(node: str) -> str:
    """The sweep of a Tuner by node id, and CONFIRMATION for the Confirmer; pipeline.dag names the nodes."""
    if node == "Confirmer":
        return CONFIRMATION
    return node.removeprefix("Tuner.").replace("baseline.", "baseline__").removeprefix("transfer.")
