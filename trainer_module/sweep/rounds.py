"""Training order of a sweep that may end early, and the cells that it then keeps. Imports record, no KerasTuner."""

from __future__ import annotations

from collections.abc import Callable

from experiment.training_settings import SweepSettings
from ledger.cell_selection import Cell
from trainer_module.sweep.record import Plan, plan_sweep


def rounds(settings: SweepSettings) -> list[Plan]:
    """A sweep's executions in rounds; the first is always trained, since there is no answer without it.

    For a transfer it has one cell at every n: the cheapest, with as many layers frozen as possible. For a baseline it
    has all cells, since a transfer may be compared with any of them. Each other round of a transfer is one freeze
    count, the most frozen first: they cost the least, and most transfers choose frozen features.
    """
    if settings.role == "baseline":
        return [plan_sweep(settings)]
    most, way = max(settings.freeze_counts), min(settings.fine_tune)
    found: dict[tuple[int, bool], Plan] = {}
    for cell, draw in plan_sweep(settings):
        more = cell.fine_tune != way or cell.held_from > 0
        place = -cell.freeze_count, cell.freeze_count == most and more
        found.setdefault(place, []).append((cell, draw))
    return [found[place] for place in sorted(found)]


def complete_cells(plan: Plan, is_trained: Callable[[Cell, int], bool]) -> Plan:
    """The cells that a sweep keeps if it ended early: those trained on all their draws.

    The best of many means is biased upwards, more so with few draws: cells are compared on the same draws.
    """
    lacking = {cell for cell, draw in plan if not is_trained(cell, draw)}
    return [(cell, draw) for cell, draw in plan if cell not in lacking]
