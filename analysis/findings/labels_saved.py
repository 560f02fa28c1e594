"""Labels saved: how many images training from scratch needs for the accuracy that a transfer reaches with n. No
TensorFlow.

The accuracy of the best network from scratch is known at the sizes of the grid and interpolated linearly in log n. The
estimate is the smallest n at which it has the transfer's accuracy. The interval is the set of n at which the paired
difference between the transfer at its n and the baseline there can't be distinguished from 0 (an inverted test, as in
Fieller's intervals, J. R. Stat. Soc. B 16, 1954). So it uses the same draws and images as every other interval, and it
is open at the end of the grid: `more than 2000`.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from analysis.cells.grid import Grid, SweepCell, Terms, combined
from analysis.findings.confirmed import Confirmation
from analysis.findings.fresh_trainings import arm_of
from ledger.cell_selection import Cell

POINTS_BETWEEN_SIZES = 8
"""Sizes tried between two neighbouring sizes of the grid; neighbours differ by 9% where the sizes double."""


@dataclasses.dataclass(frozen=True)
class LabelsNeeded:
    """The images that a baseline needs to reach a transfer's cell, chosen on val at its n.

    Attributes:
      transfer, cell: which.
      needed: labelled images; None if more than `largest`.
      low, high: bounds of the 95% interval; None if more than `largest`. With one draw the whole grid and beyond.
      smallest, largest: sizes that the baseline was trained with. `needed` or `low` at `smallest` may be less.
      draws: shared by transfer and baselines.
    """

    transfer: str
    cell: Cell
    needed: float | None
    low: float | None
    high: float | None
    smallest: int
    largest: int
    draws: int


def labels_needed(confirmation: Confirmation) -> list[LabelsNeeded]:
    """For every cell that was confirmed, in the order of its n; from scratch, the network that val chose at each n."""
    grid = Grid(confirmation.ledgers)
    scratch = [answer.question.scratch for answer in confirmation.best]
    return [needed_from_scratch(grid, answer.question.chosen, scratch) for answer in confirmation.answers]


def needed_from_scratch(grid: Grid, place: SweepCell, baselines: Sequence[SweepCell]) -> LabelsNeeded:
    """The images that training from scratch needs to match a cell; `baselines` are in the order of their n."""
    sizes, mixes = _between(baselines)
    draws = grid.common_draws([place, *baselines])
    estimates, lows, highs = [], [], []
    for mix in mixes:
        terms = combined([(1.0, {place: 1.0}), (-1.0, mix)])
        gain, _ = grid.difference(terms, _shown_draws(grid, terms))
        estimates.append(gain.estimate)
        lows.append(gain.low)
        highs.append(gain.high)
    smallest, largest = baselines[0][1].n, baselines[-1][1].n
    low = _crossing(sizes, np.array(lows))
    # From the largest size downwards: the first at which the baseline is not certainly better.
    downwards = None if highs[-1] >= 0 else _crossing(sizes[::-1], -np.array(highs[::-1]))
    high = float(sizes[0]) if downwards is None and highs[-1] < 0 else downwards
    if len(draws) < 2:
        low, high = float(smallest), None
    return LabelsNeeded(
        place[0], place[1], _crossing(sizes, np.array(estimates)), low, high, smallest, largest, len(draws)
    )


def _shown_draws(grid: Grid, terms: Terms) -> list[int]:
    """Draws in which no cell collapsed, as for all figures; a cell that collapsed in all draws keeps its accuracy.

    All draws if fewer than two would be left.
    """
    draws = grid.common_draws(terms)
    arms = [arm_of(grid, place, draws).collapsed for place in terms]
    some = [collapsed for collapsed in arms if not collapsed.all()]
    left = [draw for number, draw in enumerate(draws) if not any(collapsed[number] for collapsed in some)]
    return left if len(left) > 1 else draws


def _between(baselines: Sequence[SweepCell]) -> tuple[np.ndarray, list[Terms]]:
    """Sizes, rising, each with the mixture of two neighbouring baselines that represents it."""
    sizes, mixes = [float(baselines[0][1].n)], [{baselines[0]: 1.0}]
    for left, right in itertools.pairwise(baselines):
        for share in np.arange(1, POINTS_BETWEEN_SIZES + 1) / POINTS_BETWEEN_SIZES:
            sizes.append(float(left[1].n ** (1 - share) * right[1].n ** share))
            mixes.append({left: 1 - float(share), right: float(share)})
    return np.array(sizes), [{place: weight for place, weight in mix.items() if weight} for mix in mixes]


def _crossing(sizes: np.ndarray, gains: np.ndarray) -> float | None:
    """The first size, in the order given, at which the gain falls to 0; straight in log n between the sizes tried."""
    reached = np.flatnonzero(gains <= 0)
    if not reached.size:
        return None
    right = int(reached[0])
    if right == 0:
        return float(sizes[0])
    share = gains[right - 1] / (gains[right - 1] - gains[right])
    return float(sizes[right - 1] ** (1 - share) * sizes[right] ** share)
