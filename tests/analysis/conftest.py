"""Small ledgers whose accuracies a test gives cell by cell. Imports no TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from analysis.cells.grid import Grid
from analysis.cells.paired_ledgers import pair_ledgers
from ledger.rows import Header, Row
from tests.analysis.report_ledgers import before_of, header_of, quick_ledgers, report_ledgers, row_of  # noqa: F401

IMAGES = 400
Accuracy = Callable[[str, int, int, bool], float]
GridOf = Callable[..., Grid]


@pytest.fixture(scope="session")
def grid_of(header_of: Callable[..., Header], row_of: Callable[..., Row]) -> GridOf:
    """Grids of the sweeps named, each cell as accurate as `accuracy(sweep, n, freeze_count, fine_tune)` says.

    The better cell is right on all images of the worse one, in every draw on different images. So draws do not differ,
    images differ little, and differences of 5 points are significant.
    """

    def make(
        accuracy: Accuracy,
        sweeps: Sequence[str] = ("baseline__original", "cats_dogs__original"),
        sizes: Sequence[int] = (10, 200, 2000),
        counts: Sequence[int] = (2, 8),
        draws: int = 3,
    ) -> Grid:
        ledgers = []
        for sweep in sweeps:
            source, architecture = sweep.split("__")
            baseline = source == "baseline"
            header = header_of(sweep, "" if baseline else source, architecture, IMAGES, "CIFAR-10")
            cells = [(n, k, t) for n in sizes for k in ((0,) if baseline else counts) for t in (False, True)]
            rows = [
                row_of(cell, d, np.roll(np.arange(IMAGES) < round(IMAGES * accuracy(sweep, *cell)), 50 * d))
                for cell in cells
                for d in range(draws)
            ]
            ledgers.append((header, rows))
        return Grid(pair_ledgers(ledgers))

    return make
