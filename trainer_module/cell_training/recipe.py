"""What both recipes share: records of a cell, their order, its scores. Imports suffixes, no recipe."""

from __future__ import annotations

import abc

import numpy as np

from experiment.random_streams import Stream, stream_generator
from ledger.cell_selection import Cell
from trainer_module.cell_training.execution import Reached
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.cell_training.suffixes import Suffix, Suffixes
from trainer_module.data import draws
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import Network
from trainer_module.training.training_loop import Score

EXPLODED = 1e3
"""In nats. A mean loss above it counts as diverged (the probability of the truth is zero in every float)."""


class FrozenWeightsChanged(AssertionError):
    """Training changed a weight that the cell freezes or holds: a defect of Thaw, never of the data."""


class Diverged(ArithmeticError):
    """The loss is not finite, or above EXPLODED."""


class Recipe(abc.ABC):
    """How the two phases of a cell train the network, which holds their initial weights.

    Args:
      suffixes: programs and activations.
      seed: of the experiment.
    """

    def __init__(self, suffixes: Suffixes, seed: int):
        self.suffixes = suffixes
        self.seed = seed

    @property
    def network(self) -> Network:
        """The network to train."""
        return self.suffixes.network

    @abc.abstractmethod
    def train_phase_1(self, schedule: StepSchedule, cell: Cell, draw: int, rate_factor: float) -> Reached:
        """Trains the head and the layers that the cell does not freeze.

        Args:
          schedule: steps and learning rates.
          cell: its n, freeze_count and held_from count.
          draw: number of the draw.
          rate_factor: by which learning rates are multiplied.

        Raises:
          Diverged: the loss is not finite, or above EXPLODED.
          FrozenWeightsChanged: see there.
        """

    @abc.abstractmethod
    def train_phase_2(
        self, schedule: StepSchedule, cell: Cell, draw: int, before: Reached, rate_factor: float
    ) -> Reached:  # fmt: skip
        """Trains the whole network from where phase 1 ended.

        Args:
          schedule, cell, draw: as in train_phase_1.
          before: the result of phase 1.
          rate_factor: as in train_phase_1.

        Raises:
          Diverged: the loss is not finite, or above EXPLODED.
        """

    def has_phase_2(self, schedule: StepSchedule, freeze_count: int) -> bool:
        """Whether phase 2 can help."""
        return schedule.has_phase_2(freeze_count)

    def untrained(self, cell: Cell, draw: int) -> Reached:
        """Scores of the network in its current state."""
        suffix = self.suffixes.above(cell.freeze_count)
        val, test = suffix.program.evaluate(suffix.cut.val), suffix.program.evaluate(suffix.cut.test)
        train = self.train_accuracy(suffix, cell, draw)
        return Reached(val, test, train, 0, ((0, self.curve_accuracy(val, suffix)),), self.frozen_hash(cell))

    def train_accuracy(self, suffix: Suffix, cell: Cell, draw: int) -> float:
        """Accuracy on some of the images that the cell was trained on."""
        return suffix.program.evaluate(suffix.cut.train, self.suffixes.cuts.train_places(cell.n, draw)).accuracy

    def order(self, schedule: StepSchedule, cell: Cell, steps: int, draw: int, stream: Stream) -> np.ndarray:
        """The records of each step, int32 [steps, batch]."""
        records = self.suffixes.cuts.subset(cell.n, draw)
        generator = stream_generator(self.seed, stream, draw, cell.n)
        return records[draws.batch_order(len(records), steps, schedule.settings.batch_size, generator)]

    def curve_accuracy(self, val: Score, suffix: Suffix) -> float:
        """Accuracy on the images of the learning curves only, so that a curve's points are comparable."""
        places = self.suffixes.cuts.curve_places
        right = val.probabilities.argmax(axis=-1)[places] == suffix.cut.val.labels[places]
        return float(right.mean())

    def share_of_cost(self, freeze_count: int) -> float:
        """Share of the whole network's multiply-adds that lies above the frozen layers."""
        costs = self.network.multiply_adds
        return costs[freeze_count] / costs[0]

    def frozen_hash(self, cell: Cell) -> str:
        """Hash of the weights and statistics that the cell freezes or holds."""
        layers = self.network.frozen_layers(cell.freeze_count, cell.held_from)
        frozen = [weight for layer in layers for weight in layer.weights]
        return weight_values.weights_hash(weight_values.read_weights(frozen))

    def assert_frozen(self, cell: Cell, expected: str) -> None:
        """Raises FrozenWeightsChanged if the hash of these weights changed."""
        if self.frozen_hash(cell) != expected:
            raise FrozenWeightsChanged(f"Frozen weights of {cell} changed during phase 1.")


def is_sound(loss: float) -> bool:
    """False for NaN, and above EXPLODED."""
    return loss < EXPLODED


def assert_sound(loss: float) -> None:
    """Raises Diverged if the loss is not finite, or above EXPLODED."""
    if not is_sound(loss):
        raise Diverged(loss)


def sound(val: Score) -> Score:
    """The score, if the network's outputs are finite."""
    assert_sound(val.loss)
    return val
