"""In which order a sweep trains that may have to end early, and what it keeps then. Imports record, no KerasTuner."""

from __future__ import annotations

from collections.abc import Callable

from experiment.training_settings import SweepSettings
from ledger.cell_selection import Cell
from trainer_module.sweep.record import Plan, plan_sweep


def rounds(settings: SweepSettings) -> list[Plan]:
    """A sweep's executions; the first round is trained whatever the clock says, for without it there is no answer.

    Of a transfer that is one cell at every n: as many layers frozen as there may be, the cheapest. Of a baseline it is
    all of them, for any cell of a transfer may be held against any of its. A transfer's other rounds are a freeze
    count each, from the most frozen: those cost the least, and features frozen is what most transfers choose.
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
    """What a sweep that ended early keeps: the cells that were trained on all their draws.

    The best of many means is a lucky one, the more so the fewer draws are in it: cells compare by the same draws.
    """
    lacking = {cell for cell, draw in plan if not is_trained(cell, draw)}
    return [(cell, draw) for cell, draw in plan if cell not in lacking]
