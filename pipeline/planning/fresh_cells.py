"""How many cells a run trains on fresh draws, at least and at most. Imports the configuration and limits of claims."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

from analysis.claims.claim import SMALL_N
from experiment.backbones import MOBILENET_V2
from experiment.config import ExperimentConfig, Transfer


@dataclasses.dataclass(frozen=True)
class FreshCells:
    """Cells of one n; the search decides which, and so how many.

    Attributes:
      fewest, most: cells that are trained on every fresh draw.
      of_claims: the most cells of claims only, trained on the fresh draws of the first look.
    """

    fewest: int
    most: int
    of_claims: int


def asked_transfers(config: ExperimentConfig, n: int) -> tuple[int, list[Transfer]]:
    """How many transfers are confirmed at n, and from which ones val chooses them."""
    pairs = [pair for pair in config.transfers if pair.id not in config.controls]
    every = n == config.deployed_size or config.confirmation.every_transfer
    return len(pairs) if every else 1, pairs


def fresh_cells(config: ExperimentConfig, n: int) -> FreshCells:
    """Counts as analysis.findings.questions chooses: transfers, their baselines, and the best network from scratch.

    A baseline is trained with the `fine_tune` of each transfer's cell, so it may be trained both ways; the best network
    from scratch may be one of these cells or another one.

    Args:
      config: the experiment.
      n: one of its sizes.
    """
    asked, pairs = asked_transfers(config, n)
    networks = Counter(config.baseline_of(pair.architecture) for pair in pairs)
    ways = len(set(config.fine_tune))
    if asked < len(pairs):
        fewest, baselines = 1, 1
    else:
        fewest, baselines = len(networks), sum(min(ways, count) for count in networks.values())
    another = baselines < ways * len(config.baseline_architectures)
    return FreshCells(asked + fewest, asked + baselines + another, _of_claims(config, n, pairs))


def fresh_executions(config: ExperimentConfig) -> tuple[int, int]:
    """Trainings on fresh draws, at least and at most; an n that stays undecided gets up to `most_draws`."""
    asked, cells = config.confirmation, [fresh_cells(config, n) for n in config.sizes]
    most = sum(one.most * asked.most_draws + one.of_claims * asked.draws for one in cells)
    return (0 if config.budget_minutes else asked.draws * sum(one.fewest for one in cells)), most


def _of_claims(config: ExperimentConfig, n: int, pairs: Sequence[Transfer]) -> int:
    """See analysis.claims.claims.cells_of_claims; the Confirmer trains them without a time limit."""
    own = [pair for pair in pairs if pair.architecture not in config.backbones]
    if not config.confirmation.every_transfer or config.budget_minutes is not None or not own:
        return 0
    extractors = [pair for pair in pairs if pair not in own and _is_extractor(config, pair)]
    halved = [pair for pair in own if n <= SMALL_N and _on_both_sides(config, pair)]
    # The best cells on both sides of half of the layers; one of them is the chosen one unless that has held layers.
    return len(extractors) + sum(2 if config.tuned.get(pair.architecture) else 1 for pair in halved)


def _is_extractor(config: ExperimentConfig, pair: Transfer) -> bool:
    frozen = config.most_frozen(pair.architecture) in config.freeze_counts[pair.architecture]
    family = config.backbones[pair.architecture].family
    return frozen and False in config.fine_tune and family == MOBILENET_V2


def _on_both_sides(config: ExperimentConfig, pair: Transfer) -> bool:
    half = config.most_frozen(pair.architecture) / 2
    return len({count > half for count in config.freeze_counts[pair.architecture]}) == 2
