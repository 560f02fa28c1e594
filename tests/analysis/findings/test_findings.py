"""The fields of the page's tables in words. Imports no TensorFlow."""

from __future__ import annotations

import pytest

from analysis.cells.paired_ledgers import Ledgers
from analysis.findings.confirmed import Confirmation, Confirmed
from analysis.findings.findings import labels_table, measures_table
from analysis.findings.from_scratch import FromScratch
from analysis.findings.labels_saved import LabelsNeeded
from analysis.findings.learning_curves import LearningMeasures
from analysis.findings.questions import Question
from analysis.statistics.paired_intervals import Interval
from ledger.cell_selection import Cell
from tests.analysis.findings.test_blessing import SUMMARY


def needed(
    n: int, needed: float | None, low: float | None, high: float | None, draws: int = 3, name: str = "a"
) -> LabelsNeeded:
    return LabelsNeeded(name, Cell(n, 4, False), needed, low, high, 10, 2000, draws)


def judged(*found: LabelsNeeded, verdict: str = "gain") -> Confirmation:
    scratch = FromScratch(SUMMARY, SUMMARY.gain_points, verdict)
    place = "baseline__original", Cell(10, 0, False)
    answers = [
        Confirmed(
            Question(one.cell.n, (one.transfer, one.cell), place, place, 0.8, 0.7), SUMMARY, scratch, {}, {}, {}, 2
        )
        for one in found
    ]
    return Confirmation(Ledgers({}, {}), tuple(answers), (5,))


@pytest.mark.parametrize(
    ("one", "text", "bounds", "saves"),
    [
        (needed(100, 316.2, 212.0, 1493.0), "320", "[210, 1,500]", True),
        (needed(100, 316.2, 90.0, None), "320", "[90, >2,000]", False),
        (needed(100, None, 1400.0, None), ">2,000", "[1,400, >2,000]", True),
        (needed(100, None, None, None), ">2,000", "", True),
        (needed(100, 10.0, 10.0, 50.0), "≤10", "[≤10, 50]", False),
        (needed(100, 316.2, 10.0, None, 1), "320", "one draw: no interval", False),
    ],
)
def test_labels_are_rounded_and_say_where_the_grid_ends(one: LabelsNeeded, text: str, bounds: str, saves: bool) -> None:
    assert labels_table([one], judged(one))["rows"] == {"a": [{"text": text, "bounds": bounds, "saves": saves}]}


def test_no_labels_are_called_saved_where_the_verdict_is_undecided() -> None:
    one = needed(100, 316.2, 212.0, 1493.0)
    [field] = labels_table([one], judged(one, verdict="undecided"))["rows"]["a"]
    assert (field["bounds"], field["saves"]) == ("[210, 1,500]", False)


def test_a_size_that_a_transfer_lacks_is_left_empty() -> None:
    table = labels_table([needed(10, 20, 15, 30), needed(50, 60, 55, 70), needed(50, 60, 55, 70, name="b")],
                         judged())  # fmt: skip
    assert table["sizes"] == [10, 50]
    assert [field["text"] for field in table["rows"]["b"]] == ["-", "60"]


def measures(slope: Interval | None, epochs: Interval | None, reached: int = 3) -> LearningMeasures:
    points = Interval(1, 2, 3, 3)
    return LearningMeasures("a", Cell(10, 4, True), points, None, slope, epochs, reached, 30.0, points)


@pytest.mark.parametrize(
    ("one", "slope", "epochs"),
    [
        (measures(Interval(-1, 2, 5, 3), Interval(2, 4, 6, 3)), "+2.0 [-1.0, +5.0]", "4.0 [2.0, 6.0] of 30"),
        (measures(Interval(2, 2, 2, 1), Interval(4, 4, 4, 1)), "+2.0", "4.0 of 30"),
        (measures(Interval(-1, 2, 5, 3), None, 2), "+2.0 [-1.0, +5.0]", "reached in 2 of 3 draws"),
        (measures(Interval(-1, 2, 5, 3), None, 0), "+2.0 [-1.0, +5.0]", "not in 30"),
    ],
)
def test_measures_show_intervals_where_draws_allow(one: LearningMeasures, slope: str, epochs: str) -> None:
    [row] = measures_table({("a", one.cell): one}, [("a", one.cell)])
    assert (row["slope"], row["epochs"], row["first_epoch"], row["tuned"]) == (slope, epochs, "-", "yes")


def test_curves_without_points_on_the_way_make_no_table() -> None:
    one = measures(None, None)
    assert measures_table({("a", one.cell): one}, [("a", one.cell)]) == []
