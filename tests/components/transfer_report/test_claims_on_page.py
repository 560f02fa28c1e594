"""The report's claims on the page and in claims.json. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
import html
import json
from pathlib import Path

import pytest

from components.transfer_report.page.page import is_of_the_original_report
from tests.components.transfer_report.test_report import BEFORE, OUTCOMES, SETTINGS, Ledger
from tests.components.transfer_report.written_report import report_of


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


@pytest.mark.parametrize(
    ("data", "shown"),
    [("cifar10", True), ("CIFAR-10", True), ("SYNTHETIC", True), ("my_cifar10_copy", True), ("cifar100", False),
     ("CIFAR-100", False), ("ants_bees", False)],
)  # fmt: skip
def test_the_claims_are_about_cifar10(data: str, shown: bool) -> None:
    assert is_of_the_original_report(data) == shown
