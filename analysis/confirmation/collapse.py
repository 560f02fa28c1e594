"""Which trainings collapsed, and how often they do. Imports only numpy and scipy.

A training has collapsed if its right answers can't be distinguished from chance, on val or on its own training images:
the exact one-sided binomial test (Clopper and Pearson, Biometrika 26, 1934) at 1% does not reject that each image is
right with the probability of chance. Chance is the share of the largest class among those images: the accuracy of a
network that always predicts that class.

A test is made only if a network that did learn would pass it with a probability of 90%. On val, such a network is ten
points above chance, or halfway to 100% if that is less (60% of two equal classes, which takes 336 images). A network
that learned little from few images is weak, not collapsed, and 60 val images cannot distinguish the two. On its own
training images, it has nine tenths of what chance leaves (14 images). Fewer images decide nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from scipy.stats import binom, binomtest

CHANCE_LEVEL = 0.01
"""Share of networks at chance that count as trained: the test's level."""
POWER = 0.9
LEARNT_ON_VAL, LEARNT_ON_TRAIN = 0.1, 0.9
"""How far a network that learned is above chance: on val a share of all images, and at most half of those that chance
leaves; on its training images a share of those that chance leaves."""


def chance_of(images_by_class: Sequence[int]) -> float:
    """The share of the largest class, a fraction: the accuracy of always predicting the same class.

    Args:
      images_by_class: how many images each class has.

    Raises:
      ValueError: there is no image, or a count is negative.
    """
    if min(images_by_class, default=0) < 0 or sum(images_by_class) == 0:
        raise ValueError(f"Expected images of at least one class, got the counts {list(images_by_class)}.")
    return max(images_by_class) / sum(images_by_class)


def is_collapsed(
    *,
    val_correct: int,
    val_images: int,
    val_chance: float,
    train_correct: int | None = None,
    train_images: int | None = None,
    train_chance: float | None = None,
) -> bool:
    """True of a training that can't be distinguished from chance on val, or on the images that it was trained on.

    Args:
      val_correct, val_images: right answers on val, and its images.
      val_chance: `chance_of` val, a fraction.
      train_correct, train_images: the same of its own training images; None where unknown.
      train_chance: `chance_of` these; None: val's.

    Raises:
      ValueError: more right answers than images, a negative count, or chance outside of 0..1.
    """
    learned = val_chance + min(LEARNT_ON_VAL, (1 - val_chance) / 2)
    told = [_told_from_chance(val_correct, val_images, val_chance, learned)]
    if train_correct is not None and train_images is not None:
        chance = val_chance if train_chance is None else train_chance
        learned = chance + LEARNT_ON_TRAIN * (1 - chance)
        told.append(_told_from_chance(train_correct, train_images, chance, learned))
    return False in told


def collapse_rate_interval(collapsed: int, draws: int, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of the probability that a training collapses, fractions (Clopper and Pearson, 1934).

    Args:
      collapsed: how many trainings did.
      draws: number of trainings.
      level: share of such intervals that include the truth, at least.

    Raises:
      ValueError: no draw, or not 0 <= collapsed <= draws.
    """
    if draws < 1 or not 0 <= collapsed <= draws:
        raise ValueError(f"Expected 0 to {draws} collapsed draws, got {collapsed}.")
    low, high = binomtest(collapsed, draws).proportion_ci(level, method="exact")
    return float(low), float(high)


def _told_from_chance(correct: int, images: int, chance: float, learned: float) -> bool | None:
    """Whether the binomial test rejects chance; None if there are too few images for it."""
    if not 0 <= correct <= images:
        raise ValueError(f"Expected 0 to {images} right answers, got {correct}.")
    if not 0 < chance <= 1:
        raise ValueError(f"Expected a probability above 0 and up to 1 for chance, got {chance}.")
    enough = _enough(images, chance, learned)
    return None if enough is None else correct >= enough


@functools.cache
def _enough(images: int, chance: float, learned: float) -> int | None:
    """The fewest right answers that differ from chance; None if there are too few images."""
    enough = int(binom.isf(CHANCE_LEVEL, images, chance)) + 1
    return enough if binom.sf(enough - 1, images, learned) >= POWER else None
