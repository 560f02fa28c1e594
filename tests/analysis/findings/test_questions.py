"""Which cells are asked about on fresh draws. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from analysis.cells.grid import Grid
from analysis.cells.paired_ledgers import Sweep, pair_ledgers
from analysis.findings.from_scratch import best_from_scratch
from analysis.findings.questions import questions_of

SWEEPS = ("baseline__mobilenet_v2", "baseline__original", "a__mobilenet_v2", "b__original")
EQUAL = {"mobilenet_v2": (0.85, 0.85), "original": (0.9, 0.8)}
"""By architecture: val accuracies of two draws, whose means are 0.85 and, as floats, 0.8500000000000001."""


def with_val(grid: Grid, accuracies: Mapping[str, tuple[float, ...]]) -> Grid:
    """The grid with these val accuracies by draw."""

    def row_values(sweep: Sweep) -> list:
        return [dataclasses.replace(row, val_accuracy=accuracies[sweep.header.architecture][row.draw])
                for row in sweep.rows]  # fmt: skip

    sweeps = (*grid.ledgers.baselines.values(), *grid.ledgers.transfers.values())
    return Grid(pair_ledgers((sweep.header, row_values(sweep)) for sweep in sweeps))


def test_of_cells_that_are_equal_on_val_but_for_rounding_the_first_is_asked_about(
    grid_of: Callable[..., Grid],
) -> None:
    grid = with_val(grid_of(lambda *_: 0.7, SWEEPS, (100,), (8,), 2), EQUAL)
    places = {place: grid.val((place, cells[100])) for place, cells in grid.chosen.transfers.items()}
    assert places == {"a__mobilenet_v2": 0.85, "b__original": 0.8500000000000001}
    [question] = questions_of(grid, 200, every_transfer=False)
    assert question.chosen[0] == "a__mobilenet_v2"
    assert best_from_scratch(grid, 100)[0] == question.scratch[0] == "baseline__mobilenet_v2"
