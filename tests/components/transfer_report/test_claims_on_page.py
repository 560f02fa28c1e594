"""The report's claims on the page and in claims.json. Imports no TensorFlow."""

from __future__ import annotations

import csv
import dataclasses
import html
import json
from pathlib import Path

import pytest

from analysis.cells.grid import Grid
from analysis.cells.paired_ledgers import pair_ledgers
from analysis.claims.claims import cells_of_claims
from analysis.findings.confirmed import confirmed
from analysis.findings.questions import questions_of
from components.transfer_report.page.page import is_of_the_original_report
from components.transfer_report.report import write_report
from ledger.cell_selection import Cell
from ledger.rows import Row
from tests.analysis.report_ledgers import as_fresh
from tests.components.transfer_report.test_report import BEFORE, OUTCOMES, SETTINGS, Ledger
from tests.components.transfer_report.written_report import report_of

pytestmark = pytest.mark.slow  # writes whole reports


def test_every_claim_stands_in_the_page(quick_ledgers: list[Ledger], tmp_path: Path) -> None:
    report_of(tmp_path, quick_ledgers, OUTCOMES, SETTINGS, BEFORE)
    page = html.unescape((tmp_path / "report.html").read_text())
    content = json.loads((tmp_path / "claims.json").read_text())
    assert content["synthetic"] is True
    assert [claim["id"] for claim in content["claims"]] == [f"C{number}" for number in range(1, 9)]
    assert all(claim["sentence"] in page for claim in content["claims"])
    assert page.count(">not measured<") == sum(not claim["measured"] for claim in content["claims"])


def test_a_user_s_photos_have_no_claims_of_a_report_on_cifar10(quick_ledgers: list[Ledger], tmp_path: Path) -> None:
    photos = [(dataclasses.replace(header, data="ants and bees"), rows) for header, rows in quick_ledgers]
    report_of(tmp_path, photos, OUTCOMES, SETTINGS, BEFORE)
    assert any(claim["measured"] for claim in json.loads((tmp_path / "claims.json").read_text())["claims"])
    page = (tmp_path / "report.html").read_text()
    assert "The 2022 report's conclusions" not in page and "C1, C3" not in page


def test_claims_stand_in_no_page_where_none_is_measured_such_as_that_of_a_user_s_photos(
    quick_ledgers: list[Ledger], tmp_path: Path
) -> None:
    few = [
        (header, [row for row in rows if row.n == 400 and not row.fine_tune])
        for header, rows in quick_ledgers
        if header.sweep in ("cats_dogs__original", "baseline__original")
    ]
    outcomes = {name: one for name, one in OUTCOMES.items() if name == "cats_dogs__original"}
    report_of(tmp_path, few, outcomes, SETTINGS, BEFORE)
    claims = json.loads((tmp_path / "claims.json").read_text())["claims"]
    assert len(claims) == 8 and not any(claim["measured"] for claim in claims)
    page = (tmp_path / "report.html").read_text()
    assert "<h2>The 2022 report's conclusions</h2>" not in page and "not measured" not in page
    assert "C1, C3" not in page


def test_fresh_draws_of_cells_that_only_claims_compare_have_no_baseline(
    quick_ledgers: list[Ledger], tmp_path: Path
) -> None:
    """C6 compares a cell without fine-tuning with its baseline, although all chosen cells are fine-tuned."""

    def liked(row: Row) -> Row:
        few = row.freeze_count <= 4
        return dataclasses.replace(row, val_accuracy=row.val_accuracy / 4 + (row.fine_tune == few) / 2 + few / 4)

    ledgers = [(header, [liked(row) for row in rows]) for header, rows in quick_ledgers]
    grid = Grid(pair_ledgers(ledgers))
    questions = questions_of(grid, SETTINGS.deployed_size, every_transfer=True)
    asked = {*(place for question in questions for place in question.cells), *cells_of_claims(grid)}
    fresh = pair_ledgers(
        (header, as_fresh([row for row in rows if (header.sweep, Cell.of_row(row)) in asked]))
        for header, rows in ledgers
    )
    summary = write_report(tmp_path, ledgers, confirmed(questions, fresh, (4,)), OUTCOMES, SETTINGS, BEFORE)
    assert len(summary["closing_table"]) == 2
    with (tmp_path / "confirmed.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if not row["transfer"].startswith("baseline")]
    assert {bool(row["gain_points"]) for row in rows} == {True, False}
    assert all(bool(row["gain_points"]) == bool(row["baseline_test_accuracy"]) for row in rows)
    claims = json.loads((tmp_path / "claims.json").read_text())["claims"]
    assert next(claim["measured"] for claim in claims if claim["id"] == "C6")


@pytest.mark.parametrize(
    ("data", "shown"),
    [("cifar10", True), ("CIFAR-10", True), ("SYNTHETIC", True), ("my_cifar10_copy", True), ("cifar100", False),
     ("CIFAR-100", False), ("ants_bees", False)],
)  # fmt: skip
def test_the_claims_are_about_cifar10(data: str, shown: bool) -> None:
    assert is_of_the_original_report(data) == shown
