"""The report of a run that had no time for everything. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
import html
import json
from pathlib import Path

import pytest

from analysis.cells.paired_ledgers import pair_ledgers
from components.transfer_report.report import write_report
from experiment.changes import changed
from tests.analysis.report_ledgers import confirmation_of
from tests.components.transfer_report.test_report import BEFORE, OUTCOMES, SETTINGS, Ledger
from tests.components.transfer_report.written_report import report_of

pytestmark = pytest.mark.slow  # writes whole reports


def test_what_a_budget_left_undone_is_in_the_summary_and_on_the_page(
    quick_ledgers: list[Ledger], tmp_path: Path
) -> None:
    """cats_dogs lacks its cells with fewer frozen layers; of n = 100 nothing is confirmed."""
    trained = {header.sweep: len(rows) for header, rows in quick_ledgers}
    ledgers = [
        (header, [row for row in rows if header.sweep != "cats_dogs__original" or row.freeze_count == 8])
        for header, rows in quick_ledgers
    ]
    short = changed(SETTINGS, budget_minutes=2.0, planned=trained)
    whole = confirmation_of(pair_ledgers(ledgers), SETTINGS.deployed_size)
    some = dataclasses.replace(whole, answers=tuple(one for one in whole.answers if one.question.n != 100))
    summary = write_report(tmp_path, ledgers, some, OUTCOMES, short, BEFORE)
    [(name, missing)] = summary["not_trained"].items()
    assert name == "cats_dogs__original"
    assert 0 < missing < trained[name]
    assert summary["not_confirmed"] == [100]
    assert [one["n"] for one in summary["confirmed"]] == [20, 400]
    page = html.unescape((tmp_path / "report.html").read_text())
    assert f"{missing} of the search's {sum(trained.values())} trainings were not made" in page
    assert "n = 100 has no fresh draws yet" in page


@pytest.mark.parametrize(("search", "said"), [("bayesian", True), ("grid", False)])
def test_claims_on_all_cells_are_not_decided_where_a_search_left_cells_out(
    quick_ledgers: list[Ledger], tmp_path: Path, search: str, said: bool
) -> None:
    planned = {header.sweep: len(rows) + 2 for header, rows in quick_ledgers}
    report_of(tmp_path, quick_ledgers, OUTCOMES, changed(SETTINGS, planned=planned, search=search), BEFORE)
    claims = {claim["id"]: claim for claim in json.loads((tmp_path / "claims.json").read_text())["claims"]}
    assert ("search=grid trains all" in claims["C4"]["sentence"]) == said and claims["C4"]["measured"]
