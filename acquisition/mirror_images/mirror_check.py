"""Compares how well a linear classifier recognizes images and their mirror images. Imports the histograms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import StratifiedGroupKFold

from acquisition.mirror_images.orientation_histograms import mirrored

FOLDS = 5
LEVEL = 0.05
"""Significance level of each test."""
_PENALTIES = tuple(10.0**power for power in range(-3, 3))


@dataclass(frozen=True)
class MirrorCheck:
    """How often a classifier recognizes images that it was not trained on.

    Attributes:
      images: number of images tested.
      recognized: how many of them are recognized.
      mirrored_recognized: how many of their mirror images are.
      p_differ: one-sided p-value of the hypothesis that mirror images are recognized at least as often as images.
      p_swap: one-sided p-value of the hypothesis that mirror images are recognized at least as often as by guessing.
    """

    images: int
    recognized: int
    mirrored_recognized: int
    p_differ: float
    p_swap: float

    @property
    def differs(self) -> bool:
        """Mirror images are recognized less often than images. As training images they may help or harm."""
        return self.p_differ <= LEVEL

    @property
    def swaps(self) -> bool:
        """Mirror images differ, and are recognized less often than by guessing: they look like images of other classes.

        Either alone is not enough: on images without information, cross-validated accuracy is below chance, since the
        class of a held-out image is rarer in training.
        """
        return self.differs and self.p_swap <= LEVEL


def check_mirror(histograms: np.ndarray, labels: np.ndarray, groups: Sequence[str]) -> MirrorCheck | None:
    """Cross-validates a ridge classifier on images, and tests it on held-out images and on their mirror images.

    p_differ is the exact test of paired proportions, on the images that are recognized in one orientation only
    (McNemar, Psychometrika 12, 1947, 153-157). p_swap is the binomial test against the share of the largest class.

    Args:
      histograms: float32 [images, LENGTH], see orientation_histograms.
      labels: int [images].
      groups: images of one group are in one fold.

    Returns:
      None if a class has fewer groups than there are folds.
    """
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    by_class = [{group for group, found in zip(groups, labels, strict=True) if found == one} for one in set(labels)]
    if len(by_class) < 2 or min(map(len, by_class)) < FOLDS:
        return None
    right = np.zeros((2, len(labels)), bool)
    for train, held in folds.split(histograms, labels, groups):
        mean = histograms[train].mean(axis=0)
        model = RidgeClassifierCV(_PENALTIES).fit(histograms[train] - mean, labels[train])
        for way, shown in enumerate((histograms[held], mirrored(histograms[held]))):
            right[way, held] = model.predict(shown - mean) == labels[held]
    own, other = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    p_differ = float(binomtest(own, own + other, alternative="greater").pvalue) if own + other else 1.0
    mirrored_right, guessed = int(right[1].sum()), float(np.bincount(labels).max() / len(labels))
    p_swap = float(binomtest(mirrored_right, len(labels), guessed, alternative="less").pvalue)
    return MirrorCheck(len(labels), int(right[0].sum()), mirrored_right, p_differ, p_swap)
