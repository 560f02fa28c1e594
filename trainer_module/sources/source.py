"""Training a source on its domain, loading a backbone's weights as one, reading one back. No sweep."""

from __future__ import annotations

import math
import time
from pathlib import Path

import keras
import numpy as np

from experiment.config import Backbone, SourceSchedule
from experiment.errors import ThawError
from experiment.random_streams import Stream, stream_generator, stream_seed
from experiment.training_settings import ModelSettings
from terminal import progress
from terminal.time_left import Piece, TimeLeft
from trainer_module.data import draws
from trainer_module.data.input_pipeline import Records
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import Network, build_network
from trainer_module.networks.backbone import read_model
from trainer_module.networks.keras_applications import family_model
from trainer_module.networks.weight_values import Weights
from trainer_module.training.activation_cache import InMemory
from trainer_module.training.learning_rate_schedules import one_cycle
from trainer_module.training.training_loop import Program

KERAS_FILE = "model.keras"
CHECKS = 5
"""How many times a source is scored on val during training; the best weights of these moments are kept."""


def train_source(network: Network, train: Records, val: Records, settings: ModelSettings) -> list[tuple[int, float]]:
    """Trains every layer on the domain from random weights; the network keeps the weights that were best on val.

    Args:
      network: overwritten.
      train: the domain's training records, copies included.
      val: chosen on.
      settings: schedule and seed.

    Returns:
      (step, val accuracy) at each of CHECKS moments.

    Raises:
      ThawError: the loss is no longer finite.
    """
    schedule = settings.schedule
    variables = weight_values.model_variables(network)
    weight_values.set_weights(variables, source_initial_weights(network, settings.seed))
    program = _program(network, settings)
    images, val_images = (InMemory(split.images, split.labels) for split in (train, val))
    steps = draws.training_steps(len(train), schedule.epochs, schedule.batch_size, schedule.max_steps)
    batches = stream_generator(settings.seed, Stream.SOURCE_BATCHES)
    order = draws.batch_order(len(train), steps, schedule.batch_size, batches)
    rates = one_cycle(schedule.learning_rate, steps)
    history: list[tuple[int, float]] = []
    best = weight_values.read_weights(variables)
    time_left = _time_left(settings)
    with progress.work_bar(f"train {settings.name}", CHECKS, time_left) as advance:
        for check, moment in enumerate(np.array_split(np.arange(steps), CHECKS)):
            began = time.monotonic()
            loss = program.train(images, order[moment], rates[moment])
            if not math.isfinite(loss):
                raise ThawError(f"The source {settings.name} diverged within {int(moment[-1]) + 1} of {steps} steps "
                                f"(loss {loss}). Run again with a lower source_schedule.learning_rate than "
                                f"{schedule.learning_rate}.")  # fmt: skip
            accuracy = program.evaluate(val_images).accuracy
            if accuracy > max((seen for _, seen in history), default=0.0):
                best = weight_values.read_weights(variables)
            history.append((int(moment[-1]) + 1 if len(moment) else 0, accuracy))
            time_left.ended(check, time.monotonic() - began)
            advance(f"val {accuracy:.1%}")
    weight_values.set_weights(variables, best)
    return history


def _time_left(settings: ModelSettings) -> TimeLeft:
    """Time left of a training whose parts between checks take equally long; known once the first has ended."""
    found = TimeLeft(workers=1)
    found.plan({check: Piece("between checks", settings.name, seconds=1.0) for check in range(CHECKS)})
    return found


def _program(network: Network, settings: ModelSettings) -> Program:
    """A program that trains every layer, batch statistics included, ready to begin."""
    trained = [weight for layer in network.weighted_layers for weight in layer.trainable_weights]
    shift_px = settings.schedule.shift_px if isinstance(settings.schedule, SourceSchedule) else 0
    program = Program(
        network.segment(0), trained, statistics_held=False, shift_px=shift_px, precision=network.precision
    )
    program.reset(
        stream_seed(settings.seed, Stream.SOURCE_DROPOUT), shift_seed=stream_seed(settings.seed, Stream.SOURCE_SHIFT)
    )
    return program


def source_initial_weights(network: Network, seed: int) -> Weights:
    """The initial weights of a source's training, including the head's; the control `random` keeps them."""
    return weight_values.initial_weights(network.weighted_layers, stream_seed(seed, Stream.SOURCE_WEIGHTS))


def load_pretrained(network: Network, backbone: Backbone) -> None:
    """Loads the weights of a backbone's file below the head.

    Args:
      network: made of this backbone; its weights are overwritten.
      backbone: with the place of its file.

    Raises:
      ThawError: as backbone.read_model.
      ValueError: the layers of a family's file do not fit (Keras says which).
    """
    if backbone.is_mobilenet_v2:
        alike = family_model(backbone)
        weight_values.set_weights(weight_values.backbone_variables(network), weight_values.read_weights(alike.weights))
        return
    model = read_model(backbone)
    for layer in network.backbone_layers:
        layer.set_weights(model.get_layer(layer.name).get_weights())


def network_of(settings: ModelSettings) -> Network:
    """The settings' architecture, its weights still to be set."""
    classes = max(2, len(settings.classes))
    return build_network(
        settings.architecture, settings.image_shape, classes, settings.backbone, settings.precision
    )  # fmt: skip


def source_weights(model_folder: str, network: Network) -> Weights:
    """Backbone weights of a trained source, for a network of the same architecture.

    Args:
      model_folder: where run_fn wrote the source.
      network: the network to receive the weights.

    Raises:
      ThawError: the source has another architecture.
    """
    model = keras.saving.load_model(Path(model_folder) / KERAS_FILE, compile=False, safe_mode=True)
    found = weight_values.read_weights(model.weights)
    wanted = weight_values.backbone_variables(network)
    paths = weight_values.paths_of(wanted)
    for path, variable in zip(paths, wanted, strict=True):
        if path not in found or found[path].shape != tuple(variable.shape):
            raise ThawError(f"The source model {model_folder} does not fit: it lacks {path} "
                            f"of shape {tuple(variable.shape)}.")  # fmt: skip
    return {path: found[path] for path in paths}
