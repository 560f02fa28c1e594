"""Which layers a cell trains where that is no whole suffix: settings, checks, words. Imports pydantic and backbones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pydantic

from experiment.backbones import unit_of

TunedRanges = tuple[tuple[pydantic.NonNegativeInt, pydantic.PositiveInt], ...]
"""Pairs [from, to]: layers from (counted from 0) up to but not including to are tuned, all others held."""
Way = tuple[int, bool, int]
"""freeze_count, fine_tune and held_from of a cell (ledger.cell_selection.Cell)."""


def ways_of(freeze_counts: Iterable[int], fine_tune: Iterable[bool], tuned: TunedRanges) -> list[Way]:
    """Every way that a sweep tries at each n; a range is never fine-tuned, which would train what it holds."""
    prefixes = [(count, tuning, 0) for count in sorted(freeze_counts) for tuning in sorted(fine_tune)]
    return prefixes + [(start, False, stop) for start, stop in sorted(tuned)]


def tuned_problems(
    tuned: Mapping[str, TunedRanges], most: Mapping[str, int], *, with_tuning: bool, fine_tune: Sequence[bool]
) -> list[str]:
    """What is wrong with the setting `tuned`; names that are no network's are for others to refuse.

    Args:
      tuned: by architecture.
      most: layers or parts that can be frozen, of all networks.
      with_tuning: whether the schedule has a tuning.
      fine_tune: of the configuration.
    """
    problems = [
        one for name, ranges in tuned.items() if name in most for one in range_problems(name, ranges, most[name])
    ]
    if tuned and not with_tuning:
        problems.append("tuned needs schedule.tuning, which is null: layers are held where others are tuned from a "
                        "head that was solved for. Remove tuned, or give the schedule a tuning")  # fmt: skip
    if tuned and False not in fine_tune:
        problems.append("tuned needs false in fine_tune: its cells are not fine-tuned, nor is the baseline that they "
                        "are held against. Add it, or remove tuned")  # fmt: skip
    return problems


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
    # Of one whose parts are not known yet, `most` is the most that any can have.
    problems += [
        f"{setting} asks for [{start}, {stop}], which holds nothing above: that is {start} in freeze_counts."
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
