"""Draws: which images, in which order, for which seeds; equal for every transfer. Imports no TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from experiment.random_streams import Stream, stream_digest

CURVE_EPOCHS = (1, 3, 10)
CHEAP = 0.05
PHASE_2_BOUND = 0.0, 1 / 2
"""Shares of `max_steps`: the bound on phase 2 if phase 1 froze nothing, and if it froze everything."""

FULL_RATE_STEPS = 50
"""A bounded phase 2 with fewer steps gets a proportionally lower rate."""


def class_ranks(ids: Sequence[str], labels: np.ndarray, seed: int, draw: int) -> np.ndarray:
    """Each image's place in its class's shuffled queue for one draw.

    The queue orders by a hash of (seed, draw, id): it depends on no other image, so subsets are nested over n and stay
    the same when images are added at other classes or read in another order.

    Args:
      ids: image ids, without repeats.
      labels: int array of shape (images,).
      seed: the experiment's.
      draw: the draw's number.

    Returns:
      int64 array of shape (images,): 0 for the first of its class.
    """
    hashes = [stream_digest(seed, Stream.SUBSETS, draw, image_id) for image_id in ids]
    ranks = np.zeros(len(ids), np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        ordered = sorted(members, key=lambda index: hashes[index])
        ranks[ordered] = np.arange(len(ordered))
    return ranks


def draw_subset(ranks: np.ndarray, n: int, num_classes: int) -> np.ndarray:
    """Mask of the n images of one draw: the first n / num_classes of each class's queue.

    Raises:
      ValueError: n does not split evenly, or a class has too few images.
    """
    if n % num_classes:
        raise ValueError(f"n={n} can't be split evenly over {num_classes} classes")
    mask = ranks < n // num_classes
    if mask.sum() != n:
        raise ValueError(f"n={n} asks for {n // num_classes} images a class; only {mask.sum()} of {n} exist")
    return mask


def batch_order(records: int, steps: int, batch_size: int, generator: np.random.Generator) -> np.ndarray:
    """The records of each step: shuffled epochs laid end to end, cut into full batches.

    Batches may straddle two epochs, so that no step is partial and every record is seen equally often (give or take
    one). A batch longer than the data holds records more than once.

    Returns:
      int32 array of shape (steps, batch_size) with values below `records`.
    """
    epochs = math.ceil(steps * batch_size / records) if steps else 0
    order = [generator.permutation(records) for _ in range(epochs)]
    flat = np.concatenate(order) if order else np.zeros(0, np.int64)
    return flat[: steps * batch_size].reshape(steps, batch_size).astype(np.int32)


def training_steps(
    records: int, epochs: int, batch_size: int, max_steps: int | None, share_of_cost: float = 1.0
) -> int:  # fmt: skip
    """Steps of phase 1: enough for every record to be seen `epochs` times, up to `max_steps` if they have a cost.

    Args:
      records: trained on, copies included.
      epochs: times that each is seen.
      batch_size: records per step.
      max_steps: the bound; None if unbounded.
      share_of_cost: what a step costs above the frozen layers, as a share of one of the whole network. Below CHEAP the
        bound would save nothing and is ignored (docs/adr/0011-thaws-own-schedule.md).
    """
    steps = math.ceil(epochs * records / batch_size)
    return steps if max_steps is None or share_of_cost < CHEAP else min(steps, max_steps)


def fine_tuning_steps(
    records: int, epochs: int, batch_size: int, max_steps: int | None, share_of_cost: float,
    bound: tuple[float, float] = PHASE_2_BOUND,
) -> tuple[int, float]:  # fmt: skip
    """Steps of phase 2, and the factor of its learning rate.

    Without a bound, phase 2 has a third as many epochs as phase 1 (report: 30, then 10). With one, its steps grow in
    proportion to the frozen arithmetic: half of `max_steps` if everything was frozen, a single step if nothing was
    (that network is already trained whole; a sweep leaves that step out). The rate grows likewise: if everything was
    frozen, by as much as half of `max_steps` falls short of the unbounded steps. But the factor is never above steps /
    FULL_RATE_STEPS: a short phase can't repair what a high rate destroys of the transferred weights
    (docs/adr/0011-thaws-own-schedule.md).

    Args:
      records, epochs, batch_size, max_steps: as in training_steps.
      share_of_cost: of the whole network's arithmetic, what phase 1 trained.
      bound: see PHASE_2_BOUND.

    Returns:
      Steps, at least one; the factor of the rate, 1 if the steps are not bounded.
    """
    unbounded = max(1, round(training_steps(records, epochs, batch_size, None) / 3))
    if max_steps is None:
        return unbounded, 1.0
    frozen = 1 - share_of_cost
    least, most = bound
    steps = max(1, min(unbounded, round(max_steps * (least + (most - least) * frozen))))
    raised = 1 + frozen * max(0.0, unbounded / (max_steps * most) - 1)
    return steps, min(raised, steps / FULL_RATE_STEPS)


def curve_steps(records: int, steps: int, batch_size: int) -> list[int]:
    """Steps of phase 1 after which a point of the learning curve is measured: the ends of CURVE_EPOCHS that come before
    the last.

    The distances grow, since learning slows down; the start and the end are points of the curve too.
    """
    ends = sorted({math.ceil(epoch * records / batch_size) for epoch in CURVE_EPOCHS})
    return [end for end in ends if end < steps]
