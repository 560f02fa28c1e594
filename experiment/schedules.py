"""How models are trained: steps and learning rates. Imports domains alone."""

from __future__ import annotations

from typing import Any

import pydantic
from pydantic import PositiveFloat, PositiveInt

from experiment.domains import Settings


class Tuning(Settings):
    """How layers that were transferred are trained, from a head that was solved for."""

    epochs: PositiveInt = 10
    """How often every record is seen in each phase."""
    learning_rate: PositiveFloat = 3e-4
    """Adam's at the first step; it falls to zero by a cosine."""
    max_steps: PositiveInt | None = 800
    """Upper bound on the steps of each phase; none: epochs alone decide."""


class TrainingSchedule(Settings):
    """What the training of any model needs to know."""

    epochs: PositiveInt = 30
    """How often every record is seen in phase 1; in phase 2 a third as often."""
    batch_size: PositiveInt = 32
    """Records per step."""
    learning_rate: PositiveFloat = 6e-3
    """Adam's at its highest in phase 1; it rises over the first fifth of the steps and falls to zero (one cycle)."""
    max_steps: PositiveInt | None = 800
    """Upper bound on the steps of phase 1 (up to half of it in phase 2, the more the more layers were frozen);
    none: epochs alone decide, as they do in phase 1 where only dense layers are trained (under a twentieth of the
    arithmetic)."""


class Schedule(TrainingSchedule):
    """How a model is trained on the target: baselines, and transfers where `tuning` is null."""

    fine_tune_learning_rate: PositiveFloat = 4e-4
    """Adam's at its highest in phase 2; under a bound it rises where steps are cut, the more so the more layers were
    frozen, and falls in proportion where phase 2 has fewer than 50 steps."""
    tuning: Tuning | None = Tuning()
    """Transfers begin with a head that is solved for (logistic regression, its penalty chosen on val), layers are
    tuned from there, and the moment that is best on val is kept. Null: as the report trained them, from a random head
    and at the rates of baselines."""

    @property
    def decisive(self) -> dict[str, Any]:
        """What decides a training on the target, by name; settings that it does not use are no part of its keys."""
        if self.tuning is not None:
            return self.model_dump(mode="json", include={"tuning", "batch_size"})
        return self.model_dump(mode="json", exclude={"tuning"})


class SourceSchedule(TrainingSchedule):
    """How a source is trained on its domain."""

    epochs: PositiveInt = 20
    """How often every record is seen."""
    batch_size: PositiveInt = 128
    """Records per step."""
    max_steps: PositiveInt | None = None
    """Upper bound on the steps; none: epochs alone decide."""
    shift_px: pydantic.NonNegativeInt = 2
    """Every image is moved by up to so many pixels each way, anew at each step; its edges are mirrored in."""
