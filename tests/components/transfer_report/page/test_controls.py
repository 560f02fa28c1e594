"""Controls in the report: shown, and without any effect on what is chosen or judged. Imports no TensorFlow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.cells.paired_ledgers import pair_ledgers
from analysis.transfer_prediction.predicted_gains import BeforeTraining
from components.transfer_report.page.controls import WHAT, without_controls
from components.transfer_report.report import Evaluation
from components.transfer_report.settings import ReportSettings
from experiment.changes import changed
from experiment.config import Blessing
from experiment.errors import ThawError
from ledger.rows import Header, Row
from tests.components.transfer_report.written_report import report_of

pytestmark = pytest.mark.slow  # writes whole reports

Ledger = tuple[Header, list[Row]]
PLAIN = ReportSettings(
    experiment="quick", deployed_size=400, blessing=Blessing(), transfers_left_out={}, versions={}, seed=2022,
    records_per_image=3, batch_size=32,
)  # fmt: skip
BEFORE = BeforeTraining(calibration="", level=0.9, predicted_gains={}, estimates=(), seconds=0.0)
OUTCOMES = {"cats_dogs__original": Evaluation(True)}
# all_but_target is by far the better of the two: it would win and change every claim.
CONTROLLED = changed(PLAIN, controls={"all_but_target__original": "self"})


@pytest.fixture(scope="module")
def controlled(quick_ledgers: list[Ledger], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("controlled")
    report_of(folder, quick_ledgers, OUTCOMES, CONTROLLED, BEFORE)
    return folder


def test_a_control_changes_nothing_that_is_chosen_or_judged(
    controlled: Path, quick_ledgers: list[Ledger], tmp_path: Path
) -> None:
    rest = [ledger for ledger in quick_ledgers if ledger[0].sweep != "all_but_target__original"]
    report_of(tmp_path, rest, OUTCOMES, PLAIN, BEFORE)
    with_it, without = (json.loads((folder / "summary.json").read_text()) for folder in (controlled, tmp_path))
    assert with_it.pop("controls") == {"all_but_target__original": "self"}
    assert without.pop("controls") == {}
    assert with_it == without
    for name in ("claims.json", "learning_curves.csv"):
        assert (controlled / name).read_text() == (tmp_path / name).read_text()


def test_its_executions_are_in_the_table_and_its_curves_on_the_page(controlled: Path) -> None:
    assert "\nall_but_target__original," in (controlled / "cells.csv").read_text()
    figures = {path.name for path in (controlled / "figures").iterdir()}
    assert {"controls.png", "learning_curves_controls.png"} <= figures
    page = (controlled / "report.html").read_text()
    assert '<h2 class="transfer">Controls</h2>' in page
    assert "all_but_target__original (control)" in page
    assert "it is not a transfer and saves no labels" in page


def test_a_report_without_controls_has_no_such_section(quick_ledgers: list[Ledger], tmp_path: Path) -> None:
    outcomes = {**OUTCOMES, "all_but_target__original": Evaluation(True)}
    report_of(tmp_path, quick_ledgers, outcomes, PLAIN, BEFORE)
    assert ">Controls</h2>" not in (tmp_path / "report.html").read_text()


def test_controls_alone_are_refused(quick_ledgers: list[Ledger]) -> None:
    kinds = dict.fromkeys(("all_but_target__original", "cats_dogs__original"), "random")
    with pytest.raises(ThawError, match="All ledgers are of controls"):
        without_controls(pair_ledgers(quick_ledgers), kinds)


def test_every_kind_of_control_is_explained() -> None:
    assert set(WHAT) == {"self", "random", "shuffled_labels"}
