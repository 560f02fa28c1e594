"""The learning rate of each step. Imports nothing from Thaw."""

from __future__ import annotations

import numpy as np

WARM_UP = 0.2
"""Share of the steps over which one_cycle rises."""


def one_cycle(learning_rate: float, steps: int) -> np.ndarray:
    """The learning rate of each step, float32 [steps]: linear up over the first WARM_UP, then a cosine down to 0.

    Smith and Topin, Super-convergence, arXiv 1708.07120, section 3 (without the last leg); the fall is equation 5 of
    Loshchilov and Hutter, ICLR 2017. The rate at the top is `learning_rate`.
    """
    rising = max(1, round(WARM_UP * steps))
    up = np.arange(1, rising + 1) / rising
    down = (1 + np.cos(np.pi * np.arange(1, steps - rising + 1) / (steps - rising + 1))) / 2
    return (learning_rate * np.concatenate([up, down])[:steps]).astype(np.float32)


def cosine_decay(learning_rate: float, steps: int) -> np.ndarray:
    """The learning rate of each step, float32 [steps], from `learning_rate` down to nearly 0.

    Equation 5 of Loshchilov and Hutter, ICLR 2017, without restarts.
    """
    return (learning_rate * (1 + np.cos(np.pi * np.arange(steps) / max(1, steps))) / 2).astype(np.float32)
