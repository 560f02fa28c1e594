"""What the closing table says of draws that collapsed, and the notes of trainings. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.analysis.report_ledgers import Ledger
from tests.components.transfer_report.test_report import BEFORE, OUTCOMES, SETTINGS
from tests.components.transfer_report.written_report import report_of

pytestmark = pytest.mark.slow  # writes whole reports


def test_draws_that_collapsed_are_in_no_figure_of_the_closing_table(
    quick_ledgers: list[Ledger], tmp_path: Path
) -> None:
    """Test images are balanced, so that the balanced accuracy of the same draws is the accuracy."""
    ledgers = [
        (header, [dataclasses.replace(row, train_accuracy=0.5) if row.draw == 0 and header.source else row
                  for row in rows if row.n == 400])
        for header, rows in quick_ledgers
    ]  # fmt: skip
    for row in report_of(tmp_path, ledgers, OUTCOMES, SETTINGS, BEFORE)["closing_table"]:
        assert row["balanced_accuracy"] == pytest.approx(row["accuracy"], abs=1e-12)


def test_a_training_of_two_cells_is_counted_once_where_it_ended_worse(
    quick_ledgers: list[Ledger], tmp_path: Path
) -> None:
    """With nothing frozen there is nothing to fine-tune: the row of the fine-tuned cell is that of the other."""
    ledgers = [
        (header, [dataclasses.replace(row, curve=((0, 0.9), (100, 0.5))) if not header.source else row
                  for row in rows if row.n == 400])
        for header, rows in quick_ledgers
    ]  # fmt: skip
    named = [
        one
        for one in report_of(tmp_path, ledgers, OUTCOMES, SETTINGS, BEFORE)["worse_on_val"]
        if one["sweep"].startswith("baseline")
    ]
    draws = {row.draw for _, rows in ledgers for row in rows}
    assert {one["fine_tune"] for one in named} == {False}
    assert len(named) == len({one["sweep"] for one in named}) * 3 * len(draws)  # the search's, and each as two fresh
