"""Simulated trainings with known truth: draw effects, heavy tails, collapse. Imports no TensorFlow."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

DENSITY = 0.33
"""Change of accuracy with the latent score between 70% and 80% right: the density of the normal there."""


class Simulated(NamedTuple):
    """Right or wrong on test images, bool [arms, draws, images], and on val, where they were asked for."""

    correct: np.ndarray
    val_correct: np.ndarray


def simulate(
    rng: np.random.Generator,
    levels: np.ndarray,
    sds: np.ndarray,
    draws: int,
    images: int,
    correlation: float = 0.5,
    val_images: int = 0,
    heavy: bool = False,
    collapse: np.ndarray | None = None,
) -> Simulated:
    """Arms on the same draws and images.

    An image is right where a latent score is positive: the arm's level, an effect of the draw (correlating between
    arms), the image's difficulty (half of the variance shared by all arms, a fifth the arm's own) and noise. A draw
    that collapses calls all images one class; classes alternate.

    Args:
      rng: source of the random numbers.
      levels: float [arms], of the latent score.
      sds: float [arms], standard deviations of the draw effect in points of accuracy.
      draws, images: how many.
      correlation: of the draw effects of two arms.
      val_images: number of val images, different from the test images.
      heavy: Student's t with 3 degrees of freedom for draw effects, instead of the normal.
      collapse: float [arms], probabilities of collapse; None: none does.
    """
    arms, every = len(levels), images + val_images
    effects = np.asarray(sds)[:, None] / 100 / DENSITY * _effects(rng, (arms, draws), correlation, heavy)
    difficulty = rng.normal(0, 0.5**0.5, every) + rng.normal(0, 0.2**0.5, (arms, 1, every))
    noise = np.float32(0.3**0.5) * rng.standard_normal((arms, draws, every), dtype=np.float32)
    correct = np.asarray(levels)[:, None, None] + effects[:, :, None] + difficulty + noise > 0
    if collapse is not None:
        at_chance = rng.random((arms, draws)) < np.asarray(collapse)[:, None]
        called = rng.integers(2, size=(arms, draws, 1)) == np.arange(every) % 2
        correct = np.where(at_chance[:, :, None], called, correct)
    return Simulated(correct[:, :, :images], correct[:, :, images:])


def levels_of(accuracies: np.ndarray, sds: np.ndarray, heavy: bool = False, correlation: float = 0.5) -> np.ndarray:
    """Latent levels [arms] at which trainings that do not collapse have these accuracies over all draws and images."""
    return np.array([_level(float(a), float(s), heavy, correlation) for a, s in zip(accuracies, sds, strict=True)])


@functools.cache
def _level(accuracy: float, sd: float, heavy: bool, correlation: float) -> float:
    """Exact for normal effects; for heavy tails by a million effects, so that an accuracy is right to 0.01 points."""
    scale = sd / 100 / DENSITY
    if not heavy:
        return float(ndtri(accuracy)) * (1 + scale**2) ** 0.5
    scores = scale * _effects(np.random.default_rng(3), (1, 1_000_000), correlation, True)[0]
    scores += np.random.default_rng(4).standard_normal(1_000_000)
    return -float(np.quantile(scores, 1 - accuracy))


def _effects(rng: np.random.Generator, shape: tuple[int, int], correlation: float, heavy: bool) -> np.ndarray:
    """Draw effects [arms, draws] of variance 1."""
    draw = (lambda size: rng.standard_t(3, size) / 3**0.5) if heavy else rng.standard_normal
    return correlation**0.5 * draw((1, shape[1])) + (1 - correlation) ** 0.5 * draw(shape)
