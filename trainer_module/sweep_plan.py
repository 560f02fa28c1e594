"""Which executions a sweep consists of, and in which order. Imports selection and settings alone."""

from __future__ import annotations

from experiment.training_settings import SweepSettings
from ledger.cell_selection import Cell

Plan = list[tuple[Cell, int]]
"""Executions: a cell and the number of its draw."""


def plan_sweep(settings: SweepSettings) -> Plan:
    """All executions in the order of KerasTuner's trials, a fine-tuned cell straight after its twin."""
    return [
        (Cell(n, freeze_count, fine_tune), draw)
        for freeze_count in sorted(settings.freeze_counts)
        for draw in range(settings.draws)
        for n in sorted(settings.sizes)
        for fine_tune in sorted(settings.fine_tune)
    ]
