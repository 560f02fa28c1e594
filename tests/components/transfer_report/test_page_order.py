"""The page begins with what to do, and explains every figure below it. Imports no TensorFlow."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.components.transfer_report.test_report import OUTCOMES, SETTINGS, Ledger
from tests.components.transfer_report.written_report import report_of

pytestmark = pytest.mark.slow  # writes whole reports


@pytest.fixture(scope="module")
def page(quick_ledgers: list[Ledger], tmp_path_factory: pytest.TempPathFactory, before_of: Any) -> str:
    folder: Path = tmp_path_factory.mktemp("page")
    report_of(folder, quick_ledgers, OUTCOMES, SETTINGS, before_of(quick_ledgers))
    return (folder / "report.html").read_text()


def test_the_answer_stands_first_and_estimators_and_claims_last(page: str) -> None:
    answer, headings = page.partition("<h2")[0], re.findall(r"<h2[^>]*>(.*?)</h2>", page)
    assert answer.index("<h1>Use ") < answer.index("How sure:") < answer.index("Why:")
    assert headings[-2:] == ["Predicted before training", "The 2022 report's conclusions"]


def test_every_figure_has_a_caption(page: str) -> None:
    figures = re.findall(r"<figure>.*?</figure>", page, flags=re.DOTALL)
    assert len(figures) == page.count("<svg") > 5
    for figure in figures:
        [caption] = re.findall(r"<figcaption>(.*?)</figcaption>", figure, flags=re.DOTALL)
        assert "SYNTHETIC images." in caption and len(caption) > 120
