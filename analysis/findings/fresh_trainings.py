"""A cell's fresh trainings: which test images are right, which collapsed, which fit their images. Imports no
component."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.cells.grid import Grid, SweepCell
from analysis.confirmation.collapse import chance_of, is_collapsed
from analysis.confirmation.confirmed_intervals import Arm
from ledger.cell_selection import rounded_off
from ledger.rows import TRAIN_IMAGES

MOST_UNBALANCED = 1.2
"""Limit of the largest class's share of val against that of equal classes. Draws are balanced. On a less balanced val,
a network that learned all classes equally can be worse than one that always predicts the same class, so val is not
used."""
FITTED = 0.5
"""A fully trained network gets at least this share of what chance leaves right on its own training images. The networks
from scratch of `quick` have all of them right."""


def arm_of(grid: Grid, place: SweepCell, draws: Sequence[int]) -> Arm:
    """A cell's trainings on some draws: which test images are right, and which trainings collapsed."""
    sweep = grid.sweeps[place[0]]
    val, classes = sweep.header.val_images, len(sweep.header.classes)
    trained_on = min(place[1].n, TRAIN_IMAGES)
    # Counts are compared, as 0.4 * 3 is more than 1.2 in floats.
    judged = sum(val) if max(val) * classes <= MOST_UNBALANCED * sum(val) else 0
    rows = {row.draw: row for row in sweep.cells[place[1]]}
    collapsed = [
        is_collapsed(
            val_correct=round(rows[draw].val_accuracy * judged),
            val_images=judged,
            val_chance=chance_of(val),
            train_correct=round(rows[draw].train_accuracy * trained_on),
            train_images=trained_on,
            train_chance=1 / classes,
        )
        for draw in draws
    ]
    return Arm(np.stack([grid.correct(place)[draw] for draw in draws]) > 0, np.array(collapsed), sweep.groups)


def train_accuracy_of(grid: Grid, place: SweepCell, draws: Sequence[int], arm: Arm) -> float:
    """The mean accuracy on their own training images of the trainings that did not collapse; NaN if all did.

    Args:
      grid, place, draws: as in arm_of.
      arm: what arm_of returned for them.
    """
    accuracy = {row.draw: row.train_accuracy for row in grid.sweeps[place[0]].cells[place[1]]}
    kept = [accuracy[draw] for draw, collapsed in zip(draws, arm.collapsed, strict=True) if not collapsed]
    return float(np.mean(kept)) if kept else float("nan")


def is_underfit(train_accuracy: float, classes: int) -> bool:
    """Whether a network does not fit its own training images; False for NaN.

    Args:
      train_accuracy: see train_accuracy_of.
      classes: of the target; training images are balanced.
    """
    chance = 1 / classes
    return rounded_off(train_accuracy) < rounded_off(chance + FITTED * (1 - chance))
