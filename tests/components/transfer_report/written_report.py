"""The report of some ledgers, with their own rows in place of fresh draws. Imports no TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from analysis.cells.paired_ledgers import pair_ledgers
from analysis.transfer_prediction.predicted_gains import BeforeTraining
from components.transfer_report.figures.mistakes import TargetImages
from components.transfer_report.report import Evaluation, Summary, write_report
from components.transfer_report.settings import ReportSettings
from tests.analysis.report_ledgers import Ledger, confirmation_of


def report_of(
    folder: Path, ledgers: list[Ledger], outcomes: Mapping[str, Evaluation], settings: ReportSettings,
    before: BeforeTraining, images: TargetImages | None = None,
) -> Summary:  # fmt: skip
    """Writes it; controls are not confirmed."""
    chosen = pair_ledgers([one for one in ledgers if one[0].sweep not in settings.controls])
    confirmation = confirmation_of(chosen, settings.deployed_size)
    return write_report(folder, ledgers, confirmation, outcomes, settings, before, images)
