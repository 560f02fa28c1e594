"""Chooses whole units so that every class comes as close to its wanted number as possible. Imports only units."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from acquisition.splits.units import Unit

LACKING = 1000
"""Cost of each picture below the minimum; one below the wanted number costs 1."""
MOST_EXCHANGES = 20_000
"""Most exchanges tried in one round; with more kinds of units, only the first pass and single moves choose."""

Kind = tuple[tuple[int, int], ...]
"""Counts of a unit: units of one kind are interchangeable."""


@dataclass(frozen=True)
class Wish:
    """The wish for one class: pictures chosen, the fewest chosen, and the fewest left."""

    wanted: int
    least: int
    least_left: int


class _Choice:
    """Pictures of each class that are chosen, and the cost."""

    def __init__(self, units: Iterable[Unit], wishes: Sequence[Wish]):
        self._wishes = wishes
        self._chosen = [0] * len(wishes)
        self._all = [0] * len(wishes)
        for unit in units:
            for label, count in unit.counts:
                self._all[label] += count

    def gain(self, added: Kind, dropped: Kind = ()) -> int:
        """By how much the cost falls if units of these counts are added and dropped."""
        change = dict(added)
        for label, count in dropped:
            change[label] = change.get(label, 0) - count
        return sum(
            self._cost(label, self._chosen[label]) - self._cost(label, self._chosen[label] + count)
            for label, count in change.items()
        )

    def apply(self, added: Kind, dropped: Kind = ()) -> None:
        for label, count in added:
            self._chosen[label] += count
        for label, count in dropped:
            self._chosen[label] -= count

    def cost(self) -> int:
        return sum(self._cost(label, chosen) for label, chosen in enumerate(self._chosen))

    def _cost(self, label: int, chosen: int) -> int:
        wish = self._wishes[label]
        lacking = max(0, wish.least - chosen) + max(0, wish.least_left - (self._all[label] - chosen))
        return abs(chosen - wish.wanted) + LACKING * lacking


def chosen_units(units: Sequence[Unit], wishes: Sequence[Wish]) -> list[Unit]:
    """Some of the units; adding, dropping or exchanging one would bring the classes no closer to the wishes.

    Units are taken in the order of their keys, whatever their size: in the order of size, near-duplicates and groups
    would gather in the split that is chosen first. Of single pictures, the first of each class by key are taken, so
    that added pictures move few others. Only if a class would lack pictures, the largest units come first, and smaller
    ones fill the gaps.

    Args:
      units: to choose from.
      wishes: of each class, by its number.
    """
    by_key = sorted(units, key=lambda unit: unit.key)
    cost, chosen = _better_pass(by_key, wishes)
    if cost < LACKING:
        return chosen
    return min(((cost, chosen), _better_pass(sorted(by_key, key=lambda unit: -unit.size), wishes)), key=_cost_of)[1]


def _better_pass(ordered: Sequence[Unit], wishes: Sequence[Wish]) -> tuple[int, list[Unit]]:
    # The first pass either may or may not take a unit that exceeds the wanted number: neither is always better.
    return min((_improved(ordered, wishes, beyond) for beyond in (False, True)), key=_cost_of)


def _cost_of(result: tuple[int, list[Unit]]) -> int:
    return result[0]


def _improved(ordered: Sequence[Unit], wishes: Sequence[Wish], beyond: bool) -> tuple[int, list[Unit]]:
    """Takes units in this order and improves the choice by single moves; returns its cost and the units."""
    choice = _Choice(ordered, wishes)
    waiting: dict[Kind, list[Unit]] = {}
    taken: dict[Kind, list[Unit]] = {}
    for unit in ordered:
        helps = choice.gain(unit.counts) >= (1 if beyond else unit.size)
        (taken if helps else waiting).setdefault(unit.counts, []).append(unit)
        if helps:
            choice.apply(unit.counts)
    for queue in waiting.values():
        queue.reverse()  # the first by key is taken first, from the end
    while (best := _best_move(choice, taken, waiting)) is not None:
        added, dropped = best
        choice.apply(added, dropped)
        if added:
            taken.setdefault(added, []).append(_pop(waiting, added))
        if dropped:
            waiting.setdefault(dropped, []).append(_pop(taken, dropped))
    return choice.cost(), [unit for queue in taken.values() for unit in queue]


def _best_move(
    choice: _Choice, taken: dict[Kind, list[Unit]], waiting: dict[Kind, list[Unit]]
) -> tuple[Kind, Kind] | None:
    """The best counts to add and to drop; None if no exchange lowers the cost."""
    moves: list[tuple[Kind, Kind]] = [(added, ()) for added in waiting] + [((), dropped) for dropped in taken]
    if len(taken) * len(waiting) <= MOST_EXCHANGES:
        moves += [(added, dropped) for added in waiting for dropped in taken if added != dropped]
    best = max(moves, key=lambda move: choice.gain(*move), default=None)
    return best if best is not None and choice.gain(*best) > 0 else None


def _pop(queues: dict[Kind, list[Unit]], kind: Kind) -> Unit:
    unit = queues[kind].pop()
    if not queues[kind]:
        del queues[kind]
    return unit
