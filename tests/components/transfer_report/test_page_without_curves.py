"""The page's sentences on learning curves if cells have none. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from analysis.transfer_prediction.predicted_gains import BeforeTraining
from components.transfer_report.report import Evaluation
from components.transfer_report.settings import ReportSettings
from experiment.config import Blessing
from ledger.rows import Header, Row
from tests.components.transfer_report.written_report import report_of

pytestmark = pytest.mark.slow  # writes whole reports

Ledger = tuple[Header, list[Row]]
SETTINGS = ReportSettings(
    experiment="quick", deployed_size=400, blessing=Blessing(), transfers_left_out={}, versions={}, seed=2022,
    records_per_image=3, batch_size=32,
)  # fmt: skip
BEFORE = BeforeTraining(calibration="", level=0.9, predicted_gains={}, estimates=(), seconds=0.0)
OUTCOMES = {name: Evaluation(True) for name in ("all_but_target__original", "cats_dogs__original")}


def test_a_page_without_learning_curves_says_why_and_of_which_size(quick_ledgers: list[Ledger], tmp_path: Path) -> None:
    """It said that the ledgers had no accuracies during training, even if the chosen cell had taken no steps."""
    few = [
        (header, [dataclasses.replace(row, curve=(row.curve[0], row.curve[-1])) for row in rows if row.draw == 0])
        for header, rows in quick_ledgers
    ]
    solved = [(header, [_without_steps(row) for row in rows] if header.source else rows) for header, rows in few]
    for number, ledgers in enumerate((few, solved)):
        report_of(tmp_path / str(number), ledgers, OUTCOMES, SETTINGS, BEFORE)
        assert not (tmp_path / str(number) / "figures" / "learning_curves.png").exists()
        page = (tmp_path / str(number) / "report.html").read_text()
        assert "a solved head is already fitted to the labels by then" in page
        assert "<p>No figure at n = 100. A curve needs accuracies during training" in page
        assert "ledgers have only" not in page and "first 4 epochs</th>" not in page and "Not in the figure" not in page


def test_the_page_names_transfers_that_the_learning_curves_leave_out(
    quick_ledgers: list[Ledger], tmp_path: Path
) -> None:
    solved = [
        (header, [_without_steps(row) for row in rows] if header.sweep == "cats_dogs__original" else rows)
        for header, rows in quick_ledgers
    ]
    report_of(tmp_path, solved, OUTCOMES, SETTINGS, BEFORE)
    assert (tmp_path / "figures" / "learning_curves.png").exists()
    page = (tmp_path / "report.html").read_text()
    assert "<p>Not in the figure: cats_dogs__original. A curve needs" in page


def _without_steps(row: Row) -> Row:
    """As of a solved head without tuning."""
    return dataclasses.replace(row, steps=0, curve=(row.curve[0],))
