"""Fresh draws of every transfer at every n are in summary.json and on the page. Imports no TensorFlow."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from analysis.cells.paired_ledgers import pair_ledgers
from analysis.statistics import formats
from components.transfer_report.report import Summary, write_report
from tests.analysis.report_ledgers import confirmation_of
from tests.components.transfer_report.test_report import BEFORE, OUTCOMES, SETTINGS, Ledger

pytestmark = pytest.mark.slow  # writes whole reports

SUMMARY = "Fresh draws of every transfer at every n, as a table"


def written(folder: Path, ledgers: list[Ledger], *, every_transfer: bool) -> tuple[Summary, str]:
    confirmation = confirmation_of(pair_ledgers(ledgers), SETTINGS.deployed_size, every_transfer=every_transfer)
    summary = write_report(folder, ledgers, confirmation, OUTCOMES, SETTINGS, BEFORE)
    return summary, html.unescape((folder / "report.html").read_text())


@pytest.fixture(scope="module")
def every(quick_ledgers: list[Ledger], tmp_path_factory: pytest.TempPathFactory) -> tuple[Summary, str]:
    """Summary and page of a report in which every transfer was confirmed at every n."""
    return written(tmp_path_factory.mktemp("every"), quick_ledgers, every_transfer=True)


@pytest.fixture(scope="module")
def chosen_alone(quick_ledgers: list[Ledger], tmp_path_factory: pytest.TempPathFactory) -> tuple[Summary, str]:
    """Of one in which the others were confirmed at the size to deploy alone."""
    return written(tmp_path_factory.mktemp("chosen"), quick_ledgers, every_transfer=False)


def test_every_answer_is_in_the_summary_and_on_the_page(every: tuple[Summary, str]) -> None:
    summary, page = every
    answers = summary["confirmed_transfers"]
    transfers = {row["transfer"] for row in summary["closing_table"]}
    assert {(one["transfer"], one["n"]) for one in answers} == {(name, n) for name in transfers for n in (20, 100, 400)}
    assert all(one in answers for one in summary["confirmed"])
    table = page[page.index(SUMMARY) :].partition("</table>")[0]
    rows = re.findall(r"<tr><td>(\w+)</td><td class=\"n\">(\d+)</td>(.*?)</tr>", table, flags=re.DOTALL)
    assert [(name, int(n)) for name, n, _ in rows] == sorted((one["transfer"], one["n"]) for one in answers)
    for one, (_, _, fields) in zip(sorted(answers, key=lambda one: (one["transfer"], one["n"])), rows, strict=True):
        assert one["baseline"].startswith("baseline__")
        for name in ("accuracy", "baseline_accuracy", "best_from_scratch_accuracy"):
            assert formats.percent(one[name]) in fields
        for name in ("over_baseline_points", "gain_points"):
            assert formats.points(one[name]) in fields


def test_answers_at_the_size_to_deploy_are_those_of_the_closing_table(every: tuple[Summary, str]) -> None:
    summary, _ = every
    deployed = {one["transfer"]: one for one in summary["confirmed_transfers"] if one["n"] == SETTINGS.deployed_size}
    assert len(deployed) == len(summary["closing_table"]) > 1
    for row in summary["closing_table"]:
        one = deployed[row["transfer"]]
        assert (one["over_baseline_points"], one["over_baseline_verdict"]) == (row["gain_points"], row["verdict"])
        lead = row["from_scratch"]
        assert (one["gain_points"], one["verdict"]) == (lead["lead_points"], lead["verdict"])


def test_the_table_is_left_out_where_the_others_have_all_its_rows(chosen_alone: tuple[Summary, str]) -> None:
    summary, page = chosen_alone
    assert len(summary["confirmed_transfers"]) > len(summary["confirmed"]) and SUMMARY not in page


def test_a_dash_under_labels_saved_is_explained_where_a_transfer_was_not_confirmed(
    every: tuple[Summary, str], chosen_alone: tuple[Summary, str]
) -> None:
    for page, lacks_some in ((every[1], False), (chosen_alone[1], True)):
        table = page[page.index("<h2>Labels saved</h2>") :].partition("</table>")[0]
        explained = "A dash: not confirmed. Thaw confirms every transfer at n = 400, and at each other" in table
        assert (">-<" in table) is explained is lacks_some


def test_one_cell_is_not_called_cells(quick_ledgers: list[Ledger], tmp_path: Path) -> None:
    kept = [(header, [row for row in rows if row.n == 400 and not row.fine_tune and row.freeze_count in (0, 8)])
            for header, rows in quick_ledgers]  # fmt: skip
    _, page = written(tmp_path, kept, every_transfer=True)
    assert "<summary>The only cell as a table</summary>" in page and "Of 1 cell, " in page
    assert re.search(r"\b1 (cells|others|are undecided|show a)\b", page) is None
