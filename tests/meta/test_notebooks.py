"""Notebooks are kept without outputs, and their pages are there, small and complete. Reads text; executes nothing."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = ROOT / "docs" / "notebooks"
MOST_BYTES = 2_500_000
"""The heat map of the full grid alone, 684 cells of MobileNetV2, takes 1.3 MB."""


def remains(notebook: dict) -> list[str]:
    """What an execution left in a notebook's cells."""
    left = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and (cell["outputs"] or cell["execution_count"] is not None):
            left.append(f"{cell['id']}: {cell['outputs']}, executed as {cell['execution_count']}")
    return left


def foreign_requests(html: str) -> list[str]:
    """Addresses that a browser would fetch to show the page; links that a reader may follow are none."""
    return re.findall(r"<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)=[\"'](?:https?:)?//([^\"']+)", html)


def machine_paths(html: str) -> list[str]:
    """Folders of the machine that rendered a page, as a reader sees them: output may have markup within a path."""
    return re.findall(r"(?<![\w.~])/(?:home|root|work|tmp|Users|mnt)/[\w./-]+", re.sub(r"<[^>]+>", "", html))


def test_there_are_notebooks():
    assert [path.name[:2] for path in NOTEBOOKS] == ["01", "02", "03", "04"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_committed_notebook_has_no_outputs(path):
    assert remains(json.loads(path.read_text())) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_has_a_page_that_is_small_and_asks_no_other_server(path):
    page = PAGES / f"{path.stem}.html"
    assert 10_000 < page.stat().st_size < MOST_BYTES
    html = page.read_text()
    assert foreign_requests(html) == []
    assert "data:image/png;base64," in html
    assert "Traceback (most recent call last)" not in html
    assert machine_paths(html) == []


def test_what_is_left_of_an_execution_is_seen():
    cell = {"cell_type": "code", "id": "a", "outputs": [], "execution_count": None}
    assert remains({"cells": [cell, {"cell_type": "markdown", "id": "b"}]}) == []
    assert len(remains({"cells": [{**cell, "outputs": ["x"]}, {**cell, "execution_count": 1}]})) == 2


def test_a_request_to_another_server_is_seen():
    assert foreign_requests('<a href="https://a.b"> <script async src="https://c.d/e.js"> <link href=\'//f.g\'>') == [
        "c.d/e.js", "f.g",
    ]  # fmt: skip


def test_a_path_of_the_machine_is_seen_also_with_markup_within():
    assert machine_paths("in <i>/root/data/</i><b>a.h5</b>, ~/work/b, https://c.d/home/e") == ["/root/data/a.h5"]


def test_where_precision_and_recall_are_shown_their_threshold_is_said():
    """Of ten classes a model may have answered one in 44% of its images, with a recall of 25%."""
    [path] = (one for one in NOTEBOOKS if one.name.startswith("02"))
    cells = ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]]
    [place] = (number for number, text in enumerate(cells) if '"recall"' in text)
    assert "above 0.5" in cells[place - 1] and "may have no predicted class" in cells[place - 1]
