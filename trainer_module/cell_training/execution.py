"""The result of training a cell on a draw, as plain values that processes exchange. Imports no engine."""

from __future__ import annotations

import dataclasses
from typing import Literal

from trainer_module.training.training_loop import Score

Outcome = Literal["trained", "retried", "diverged", "kept"]


@dataclasses.dataclass(frozen=True)
class Reached:
    """The state of a network after a phase, or before the first.

    Attributes:
      val, test: scores.
      train_accuracy: on its own training images (Cuts.train_places), a fraction.
      steps: of training so far.
      curve: (step, val accuracy) from the start to here.
      frozen_hash: of the weights that phase 1 freezes.
      kept: whether training did not improve val, so that weights and scores are those of its start.
    """

    val: Score
    test: Score
    train_accuracy: float
    steps: int
    curve: tuple[tuple[int, float], ...]
    frozen_hash: str
    kept: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Execution(Reached):
    """The result of one cell on one draw: scores, cost, and the hash of the frozen weights.

    `outcome` says how training went: as planned; repeated at a lower rate, after a phase that diverged; diverged in
    both attempts, so that scores and weights are those from before the phase; or `kept`: tuning did not improve val, so
    scores and weights are those of its start, while steps and seconds count the attempt.
    """

    seconds: float
    outcome: Outcome

    @classmethod
    def ended(cls, reached: Reached, seconds: float, outcome: Outcome) -> Execution:
        """The execution that ended in this state."""
        values = {field.name: getattr(reached, field.name) for field in dataclasses.fields(Reached)}
        return cls(**values, seconds=seconds, outcome="kept" if reached.kept and outcome != "diverged" else outcome)
