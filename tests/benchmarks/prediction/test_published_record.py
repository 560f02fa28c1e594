"""The published grid's choices have the accuracies of the record's fresh draws, if these are complete. No
TensorFlow."""

import dataclasses
import gzip
import json

import numpy as np
import pytest

from benchmarks.inputs.fresh_rows import FreshRow, Place, append, fresh_draws
from benchmarks.prediction.published_grid import read_published
from ledger.cell_selection import Cell

NETWORK, TRANSFER = "baseline__original", "a__original"
IMAGES = 200


@pytest.fixture
def folder(tmp_path):
    """A grid of one transfer and its baseline, 80 and 70% on the draw that chose them."""
    rows = ["transfer,source,architecture,n,freeze_count,fine_tune,draw,val_accuracy,test_accuracy,seconds"]
    for n in (50, 100):
        rows += [f"{TRANSFER},a,original,{n},6,true,0,0.8,0.8,1"]
        rows += [f"{NETWORK},,original,{n},0,{tuned},0,0.7,0.7,1" for tuned in ("false", "true")]
    (tmp_path / "ledger.csv.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
    (tmp_path / "claims.json").write_text(json.dumps({"claims": []}))
    return tmp_path


def write(folder, sweep, cell, draws, right):
    """Rows of the record; in bfloat16 and from a solved head they are others."""
    for draw in draws:
        row = FreshRow(
            Place(sweep, False, "float32", cell, draw), 0.7, 1.0, 2.0, np.arange(IMAGES) < right + draw % 2, "c0de"
        )
        append(folder / "fresh_draws.csv", row)
        for change in ({"solved": True}, {"precision": "bfloat16"}):
            other = dataclasses.replace(row.place, **change)
            append(folder / "fresh_draws.csv", dataclasses.replace(row, place=other, correct=row.correct[::2] * False))


def test_a_cell_with_all_its_draws_has_their_accuracy_whether_it_is_called_fine_tuned_or_not(folder):
    write(folder, NETWORK, Cell(50, 0, False), fresh_draws(50), 129)
    write(folder, NETWORK, Cell(100, 0, False), list(fresh_draws(100))[:-1], 129)
    found = read_published(folder)
    for tuned in (False, True):
        # Five draws of 129 and five of 130 right, of 200.
        assert found.accuracy(50, (NETWORK, 0, tuned)) == pytest.approx(64.75)
        assert found.accuracy(100, (NETWORK, 0, tuned)) == pytest.approx(70)  # the grid's: a draw is missing
    assert found.accuracy(50, (TRANSFER, 6, True)) == pytest.approx(80)


def test_gains_are_of_common_fresh_draws(folder):
    write(folder, NETWORK, Cell(50, 0, False), fresh_draws(50), 120)
    write(folder, TRANSFER, Cell(50, 6, True), fresh_draws(50), 150)
    gain = read_published(folder).gain(50, TRANSFER, NETWORK)
    assert (gain.low, gain.estimate, gain.high) == pytest.approx((15, 15, 15))


def test_without_a_record_the_grid_is_all_there_is(folder):
    assert read_published(folder).fresh == {}
