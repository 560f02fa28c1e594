"""The trained part at each freeze count: compiled programs and their activations. Imports training, no engine."""

from __future__ import annotations

import dataclasses

import keras

from trainer_module.cell_training.target_data import Cut, CutData, TargetData
from trainer_module.networks.architectures import Network
from trainer_module.training.activation_cache import Budget
from trainer_module.training.training_loop import Program


@dataclasses.dataclass(frozen=True)
class Suffix:
    """The layers above a cut as a compiled program, and the activations that go into them."""

    program: Program
    cut: Cut


class Suffixes:
    """Builds each program and each cut's activations once; all executions of an engine share them.

    Args:
      network: has the weights to freeze whenever a suffix is requested.
      data: the target.
      seed: of the experiment.
      budget: of the activations.
    """

    def __init__(self, network: Network, data: TargetData, seed: int, budget: Budget):
        self.network = network
        self.cuts = CutData(network, data, seed, budget)
        self._programs: dict[tuple[int, int, bool], Program] = {}

    def above(self, freeze_count: int, *, held_from: int = 0, statistics_held: bool = False) -> Suffix:
        """All but the first `freeze_count` freezable layers.

        Args:
          freeze_count: layers below.
          held_from: as Cell's; gradients pass through the held layers, in inference mode.
          statistics_held: whether batch statistics stay as they are while the layers are trained.
        """
        cut = self.cut(freeze_count)
        key = freeze_count, held_from, statistics_held
        if key not in self._programs:
            variables = trained_variables(self.network, freeze_count, held_from)
            model, held = self.model(freeze_count), None
            if held_from:
                model, held = self.network.segment(freeze_count, held_from), self.network.segment(held_from)
            self._programs[key] = Program(
                model, variables, statistics_held=statistics_held, precision=self.network.precision, held=held
            )
        return Suffix(self._programs[key], cut)

    def cut(self, freeze_count: int) -> Cut:
        """The input of `model`."""
        return self.cuts.at(freeze_count)

    def model(self, freeze_count: int) -> keras.Model:
        """From the activations at `cut` to logits [batch, units]."""
        return self.network.segment(freeze_count)


def trained_variables(network: Network, freeze_count: int, held_from: int = 0) -> list[keras.Variable]:
    """The variables to train: trainable weights above the frozen layers and below the held ones, the head's last."""
    above = network.freezable[freeze_count : held_from or None]
    layers = [layer for group in above for layer in group] + [network.head]
    return [weight for layer in layers for weight in layer.trainable_weights]
