"""Measures how much faster a network's training step is in bfloat16 on this machine. Imports architectures, no sweep
and no TFX."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import tensorflow as tf

from experiment.backbones import Backbone
from experiment.domains import Architecture
from experiment.stack import Precision
from trainer_module.networks.architectures import build_network
from trainer_module.processes.fixed_threads import one_thread
from trainer_module.training.activation_cache import InMemory
from trainer_module.training.training_loop import Program

LEAST_ROUNDS, MOST_ROUNDS, SECONDS = 2, 10, 1.0
"""Seconds for which both precisions are timed, alternating step by step. The fastest step of each counts.

The times are CPU seconds of this process, since other work on the machine may interrupt every step, and the result is
kept. On a GPU they are wall time."""


def main(asked: Sequence[Any]) -> None:
    """Prints bfloat16_speedup of its arguments, given as JSON values, in a process of its own."""
    one_thread()
    architecture, image_shape, backbone, batch_size = asked
    made = None if backbone is None else Backbone.model_validate(backbone)
    print(bfloat16_speedup(architecture, tuple(image_shape), made, batch_size))


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
    order = np.arange(batch_size, dtype=np.int32)[np.newaxis]  # [1 step, batch_size]
    clock = time.perf_counter if tf.config.list_physical_devices("GPU") else time.process_time
    programs = [_program(architecture, image_shape, backbone, precision) for precision in get_args(Precision)]
    fastest = [float("inf")] * len(programs)
    began = 0.0
    for round_ in range(1 + MOST_ROUNDS):  # the first compiles both programs
        for place, program in enumerate(programs):
            started = clock()
            program.train(images, order, np.zeros(1, np.float32))
            if round_:
                fastest[place] = min(fastest[place], clock() - started)
        began = began if round_ else clock()
        if round_ >= LEAST_ROUNDS and clock() - began > SECONDS:
            break
    return fastest[0] / fastest[1]


def _program(
    architecture: Architecture, image_shape: tuple[int, int, int], backbone: Backbone | None, precision: Precision
) -> Program:  # fmt: skip
    network = build_network(architecture, image_shape, 2, backbone, precision)
    variables = [weight for layer in network.weighted_layers for weight in layer.trainable_weights]
    return Program(network.model, variables, statistics_held=False, precision=precision)
