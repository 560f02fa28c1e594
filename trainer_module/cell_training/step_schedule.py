"""How many steps each phase takes, and at which learning rates. Imports draws and the shapes of rates, no engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from experiment.config import Schedule, Tuning
from trainer_module.data import draws
from trainer_module.training.learning_rate_schedules import cosine_decay, one_cycle


@dataclasses.dataclass(frozen=True)
class StepSchedule:
    """The learning rate of every step of both phases.

    Attributes:
      settings: the configuration's part.
      rates: from a learning rate and a number of steps to the rate of each step, float32 [steps].
      phase_2_bound: see draws.PHASE_2_BOUND.
    """

    settings: Schedule
    rates: Callable[[float, int], np.ndarray] = one_cycle
    phase_2_bound: tuple[float, float] = draws.PHASE_2_BOUND

    @property
    def of_phase_1(self) -> tuple[object, ...]:
        """The settings that decide phase 1: schedules that agree in them can continue from the same phase 1."""
        return self.settings.model_dump_json(exclude={"fine_tune_learning_rate"}), self.rates

    def has_phase_2(self, freeze_count: int) -> bool:
        """Whether phase 2 can help.

        If phase 1 trained the whole network for as long as allowed, Adam's first step, which moves every weight by the
        full rate, could only harm it (docs/adr/0011-thaws-own-schedule.md).
        """
        return freeze_count > 0 or self.settings.max_steps is None

    def phase_1(self, records: int, share_of_cost: float, rate_factor: float) -> np.ndarray:
        """The rates of phase 1, float32 [steps].

        Args:
          records: trained on, copies included.
          share_of_cost: share of the whole network's arithmetic that phase 1 trains.
          rate_factor: by which the rates are multiplied.
        """
        settings = self.settings
        steps = draws.training_steps(records, settings.epochs, settings.batch_size, settings.max_steps, share_of_cost)
        return self.rates(rate_factor * settings.learning_rate, steps)

    def phase_2(self, records: int, share_of_cost: float, rate_factor: float) -> np.ndarray:
        """The rates of phase 2, float32 [steps]; arguments as for phase 1."""
        settings = self.settings
        steps, rate_share = draws.fine_tuning_steps(
            records, settings.epochs, settings.batch_size, settings.max_steps, share_of_cost, self.phase_2_bound
        )
        return self.rates(rate_factor * rate_share * settings.fine_tune_learning_rate, steps)

    def tuning_steps(self, records: int) -> int:
        """Steps of a phase that begins with a solved head.

        Args:
          records: trained on, copies included.

        Raises:
          ValueError: the settings have no tuning.
        """
        tuning = self._tuning
        return draws.training_steps(records, tuning.epochs, self.settings.batch_size, tuning.max_steps)

    def tuning(self, steps: int, rate_factor: float) -> np.ndarray:
        """The rates of such a phase, float32 [steps]: a cosine from the top down to 0.

        Args:
          steps: see tuning_steps.
          rate_factor: by which the rates are multiplied.

        Raises:
          ValueError: the settings have no tuning.
        """
        return cosine_decay(rate_factor * self._tuning.learning_rate, steps)

    @property
    def _tuning(self) -> Tuning:
        if self.settings.tuning is None:
            raise ValueError("This schedule trains the head; it has no tuning.")
        return self.settings.tuning
