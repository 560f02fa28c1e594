"""How models are trained: steps, learning rates, and which layers. Imports domains and backbones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import pydantic
from pydantic import PositiveInt

from experiment.backbones import unit_of
from experiment.domains import BatchSize, Epochs, LearningRate, Settings

TunedRanges = tuple[tuple[pydantic.NonNegativeInt, pydantic.PositiveInt], ...]
"""Pairs [from, to]: layers from (counted from 0) up to but not including to are tuned, all others held."""
Search = Literal["bayesian", "grid"]
"""Which of a transfer's cells are trained: those that the trainings so far suggest, or all."""
Way = tuple[int, bool, int]
"""freeze_count, fine_tune and held_from of a cell (ledger.cell_selection.Cell)."""


class Tuning(Settings):
    """How transferred layers are trained, from a solved head."""

    epochs: Epochs = 10
    """Epochs of each phase."""
    learning_rate: LearningRate = 3e-4
    """Adam's learning rate at the first step; it falls to zero by a cosine."""
    max_steps: PositiveInt | None = 800
    """Upper bound on the steps of each phase; none: only epochs decide."""


class TrainingSchedule(Settings):
    """What the training of any model needs to know."""

    epochs: Epochs = 30
    """Epochs of phase 1; phase 2 has a third of them."""
    batch_size: BatchSize = 32
    """Records per step."""
    learning_rate: LearningRate = 6e-3
    """Adam's highest rate in phase 1; it rises over the first fifth of the steps, then falls to 0 (one cycle)."""
    max_steps: PositiveInt | None = 800
    """Upper bound on the steps of phase 1. Phase 2 has up to half of it: the share grows with the number of frozen
    layers. None: only epochs decide, as in phase 1 if only dense layers are trained (under a twentieth of the
    arithmetic)."""


class Schedule(TrainingSchedule):
    """How a model is trained on the target: baselines, and transfers where `tuning` is null."""

    fine_tune_learning_rate: LearningRate = 4e-4
    """Adam's highest rate in phase 2. If the bound reduces the steps, the rate rises with the number of frozen layers;
    if phase 2 has fewer than 50 steps, it falls in proportion."""
    tuning: Tuning | None = Tuning()
    """Transfers start with a solved head (logistic regression, its penalty chosen on val). Layers are tuned from there,
    and the best moment on val is kept. Null: as in the 2022 report, from a random head and at the rates of
    baselines."""

    @property
    def decisive(self) -> dict[str, Any]:
        """What decides a training on the target, by name; settings that it does not use are not part of its keys."""
        if self.tuning is not None:
            return self.model_dump(mode="json", include={"tuning", "batch_size"})
        return self.model_dump(mode="json", exclude={"tuning"})


class SourceSchedule(TrainingSchedule):
    """How a source is trained on its domain."""

    epochs: Epochs = 20
    """How often every record is seen."""
    batch_size: BatchSize = 128
    """Records per step."""
    max_steps: PositiveInt | None = None
    """Upper bound on the steps; none: only epochs decide."""
    shift_px: pydantic.NonNegativeInt = 2
    """Every image is moved by up to this many pixels in each direction, again at each step; the edges are mirrored."""


def ways_of(freeze_counts: Iterable[int], fine_tune: Iterable[bool], tuned: TunedRanges) -> list[Way]:
    """Every cell that a sweep tries at each n; a range is never fine-tuned, since that would train the held layers."""
    prefixes = [(count, tuning, 0) for count in sorted(freeze_counts) for tuning in sorted(fine_tune)]
    return prefixes + [(start, False, stop) for start, stop in sorted(tuned)]


def range_problems(architecture: str, ranges: TunedRanges, most: int) -> list[str]:
    """What is wrong with an architecture's ranges.

    Args:
      architecture, ranges: of the setting `tuned`.
      most: layers or parts that can be frozen.
    """
    setting, unit = f"tuned.{architecture}", unit_of(architecture)
    problems = []
    if not ranges or len(set(ranges)) != len(ranges):
        problems.append(f"{setting} needs different pairs [from, to], got {_listed(ranges)}")
    wrong = [pair for pair in ranges if pair[0] >= pair[1] or pair[1] > most]
    if wrong:
        problems.append(
            f"{setting} asks for {_listed(wrong)}; of the {most} {unit}s of {architecture}, counted from 0, [from, to] "
            f"tunes those from `from` up to but not including `to`: expected 0 <= from < to < {most}"
        )
    # If the parts are not known yet, `most` is an upper bound.
    problems += [
        f"{setting} asks for [{start}, {stop}], which holds no layer: that is {start} in freeze_counts."
        f"{architecture}; leave it out of tuned"
        for start, stop in ranges
        if start < stop == most
    ]
    return problems


def layers_in_table(freeze_count: int, held_from: int) -> str:
    """In a column `k`: the number of frozen layers, or the pair [from, to] of the setting `tuned`."""
    return f"[{freeze_count}, {held_from}]" if held_from else str(freeze_count)


def tuned_in_words(architecture: str, freeze_count: int, held_from: int) -> str:
    """`layers 4 to 6`, `part 4`, counted from 1, of a cell that tunes no others."""
    unit = unit_of(architecture)
    if held_from == freeze_count + 1:
        return f"{unit} {held_from}"
    return f"{unit}s {freeze_count + 1} to {held_from}"


def _listed(ranges: Sequence[Sequence[int]]) -> list[list[int]]:
    """As the configuration has them."""
    return [list(pair) for pair in ranges]
