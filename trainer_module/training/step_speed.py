"""How much faster a network's training step is in bfloat16, here. Imports architectures, no sweep and no TFX."""

from __future__ import annotations

import math
import time
from typing import get_args

import numpy as np

from experiment.backbones import Backbone
from experiment.domains import Architecture
from experiment.stack import Precision
from trainer_module.networks.architectures import build_network
from trainer_module.training.activation_cache import InMemory
from trainer_module.training.training_loop import Program

ROUNDS, STEPS = 5, 2
"""Both precisions are timed alternating, so many steps at a time; the fastest round of each counts, so that an
interruption does not."""


def bfloat16_speedup(
    architecture: Architecture, image_shape: tuple[int, int, int], backbone: Backbone | None, batch_size: int
) -> float:
    """Seconds of one training step in float32, nothing frozen, as a multiple of those in bfloat16.

    Args:
      architecture, image_shape, backbone: as in build_network.
      batch_size: images per step.
    """
    shape = batch_size, *image_shape
    pixels = (np.arange(math.prod(shape)) % 251).astype(np.uint8).reshape(shape)  # any will do
    images = InMemory(pixels, np.arange(batch_size) % 2)
    order = np.tile(np.arange(batch_size, dtype=np.int32), (STEPS, 1))
    programs = [_program(architecture, image_shape, backbone, precision) for precision in get_args(Precision)]
    fastest = [float("inf")] * len(programs)
    for timed in (False, *[True] * ROUNDS):
        for place, program in enumerate(programs):
            started = time.perf_counter()
            program.train(images, order, np.zeros(STEPS, np.float32))
            if timed:
                fastest[place] = min(fastest[place], time.perf_counter() - started)
    return fastest[0] / fastest[1]


def _program(
    architecture: Architecture, image_shape: tuple[int, int, int], backbone: Backbone | None, precision: Precision
) -> Program:  # fmt: skip
    network = build_network(architecture, image_shape, 2, backbone, precision)
    variables = [weight for layer in network.weighted_layers for weight in layer.trainable_weights]
    return Program(network.model, variables, statistics_held=False)
