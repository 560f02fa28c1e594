"""Pairs of fresh draws in two recipes or precisions: which are compared, and hand-computed rows. Trains nothing."""

import dataclasses

import numpy as np
import pytest

from benchmarks.inputs.fresh_rows import FreshRow, Place, append
from benchmarks.published_pairs import main, pairs_of, table
from ledger.cell_selection import Cell

IMAGES = 200


def row(right, n=20, tuned=False, draw=1000, sweep="a__original", val=0.8, **changes):
    place = Place(sweep, False, "float32", Cell(n, 3, tuned), draw)
    return FreshRow(dataclasses.replace(place, **changes), val, 1.0, 2.0, np.arange(IMAGES) < right, "c0de")


def by_place(rows):
    return {one.place: one for one in rows}


ROWS = [
    row(100), row(110, solved=True), row(120, draw=1001), row(124, draw=1001, solved=True),
    row(100, tuned=True), row(102, tuned=True, solved=True), row(150, n=50),
    row(90, precision="bfloat16"), row(80, precision="bfloat16", solved=True),
]  # fmt: skip


def test_only_what_was_trained_in_both_ways_is_paired_and_only_one_thing_changes():
    solved = pairs_of(by_place(ROWS), "solved")
    assert sorted(one.points for one in solved) == pytest.approx([1.0, 2.0, 5.0])
    [half] = pairs_of(by_place(ROWS), "bfloat16")
    assert half.points == pytest.approx(-5.0) and not half.after.place.solved


def test_a_fine_tuned_cell_and_its_counterpart_count_as_one():
    # Draw 1000: 5 and 1 points, so 3; draw 1001: 2. Mean 2.5; Student's t with 1 degree: 12.706 x 0.5.
    first = table(pairs_of(by_place(ROWS), "solved")).splitlines()[2]
    assert first == "| all | 3 | 2 | 53.3% | 56.0% | +2.5 [-3.9, +8.9] | 0, 0 |"


def test_collapsed_trainings_are_counted_and_one_pair_has_no_interval():
    rows = [row(100, val=0.5), row(100, solved=True), row(150, n=50), row(160, n=50, solved=True)]
    lines = table(pairs_of(by_place(rows), "solved")).splitlines()
    assert "| n = 20 | 1 | 1 | 50.0% | 50.0% | 0.0 | 1, 0 |" in lines


@pytest.mark.parametrize(
    ("sweeps", "further"),
    [(("a__original",), []), (("a__original", "b__original"), ["`a__original`, n = 20", "`b__original`, n = 20"])],
)
def test_rows_of_a_sweep_and_a_size_are_there_if_there_are_several_sweeps(sweeps, further):
    rows = [row(100 + 5 * solved, sweep=name, solved=solved) for name in sweeps for solved in (False, True)]
    lines = table(pairs_of(by_place(rows), "solved")).splitlines()[2:]
    names = ["all", *(f"`{name}`" for name in sweeps), "n = 20", *further]
    assert [line.split(" | ")[0] for line in lines] == [f"| {name}" for name in names]


def test_the_command_prints_the_table_and_refuses_a_record_without_pairs(tmp_path, capsys):
    record = tmp_path / "rows.csv"
    for one in ROWS:
        append(record, one)
    assert main(["solved", "--record", str(record)]) == 0
    assert capsys.readouterr().out == table(pairs_of(by_place(ROWS), "solved")) + "\n"
    with pytest.raises(SystemExit, match="has no pairs"):
        main(["bfloat16", "--record", str(tmp_path / "none.csv")])
