"""What evaluating 400 cells costs: less than a minute. Prints the figures that docs/sweep_evaluation.md has."""

import time

import pytest

from components.sweep_evaluator.component import write_evaluations
from ledger.cell_selection import Cell

pytestmark = [pytest.mark.component, pytest.mark.slow]

EVERY_SIZE = pytest.param((20, 100, 400, 800, 2000), marks=pytest.mark.exhaustive, id="400 cells")


@pytest.mark.parametrize("sizes", [pytest.param((20,), id="80 cells"), EVERY_SIZE])
def test_400_cells_of_two_draws_take_less_than_a_minute(tmp_path, images_of, ledger_of, examples_at, ledgers_at, sizes):
    images = images_of(2000)
    grid = [Cell(n, k, tuned) for n in sizes for k in range(10) for tuned in (False, True)]
    baseline = [cell for cell in grid if cell.freeze_count == 0]
    ledgers = [
        ledger_of(f"{source}__{architecture}", images, baseline if source == "baseline" else grid, draws=2)
        for architecture in ("original", "remastered")
        for source in ("baseline", "cats_dogs", "ships_planes")
    ]
    domain, folders = examples_at(tmp_path / "domain", images), ledgers_at(tmp_path / "ledgers", ledgers)
    before = time.process_time()
    index = write_evaluations(tmp_path / "out", domain, folders)
    cpu = time.process_time() - before
    cells = len(index["cells"])
    print(f"\n{cells} cells: {index['seconds']:.1f} s wall, {cpu:.1f} s CPU, {1000 * cpu / cells:.0f} ms CPU a cell")
    assert cells == 80 * len(sizes)
    assert cpu < 60 / 400 * cells
