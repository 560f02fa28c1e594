"""Every notebook executes from its first cell to its last on the tiny run, and what fails is told. Takes minutes."""

import base64
import re

import nbformat
import pytest

from docs_build.notebook_pages import execute, lacking_classes, notebooks, render
from experiment.errors import ThawError

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]


@pytest.fixture
def run(first_run):
    return first_run.folder


IN_CI = ("01", "04")


@pytest.mark.parametrize(
    "path",
    [path if path.stem.startswith(IN_CI) else pytest.param(path, marks=pytest.mark.exhaustive) for path in notebooks()],
    ids=lambda path: path.stem,
)
def test_a_notebook_executes_and_its_page_shows_pictures(path, run, tmp_path):
    before = path.read_bytes()
    html = render(path, run, tmp_path).read_text()
    assert path.read_bytes() == before
    pictures = [base64.b64decode(found) for found in re.findall(r"data:image/png;base64,([\w+/=]+)", html)]
    assert any(len(picture) > 5_000 for picture in pictures)
    assert str(run) not in html, "the page shows where it was made"
    assert "SYNTHETIC" in html
    if path.stem.startswith("03"):  # a few images: every draw takes many of them
        assert re.search(r"trained on in draws \[0\b[^\]]*\b10\d\d\b", html)


def test_a_cell_that_fails_is_shown_with_its_notebook(run):
    cell = nbformat.v4.new_code_cell
    broken = nbformat.v4.new_notebook(cells=[cell("RUN = 0", metadata={"tags": ["parameters"]}), cell("1 / len('')")])
    with pytest.raises(ThawError, match=r"(?s)broken.ipynb: a cell failed.*ZeroDivisionError") as raised:
        execute(broken, run, "broken.ipynb")
    assert "x1b" not in str(raised.value)


def test_only_the_notebook_on_cifar_10_asks_for_classes():
    lacking = {path.stem[:2]: lacking_classes(path, {"ants", "deer"}) for path in notebooks()}
    assert lacking == {"01": [], "02": [], "03": [], "04": ["horse"]}


def test_a_notebook_that_cannot_be_told_its_run_is_refused(run):
    with pytest.raises(ThawError, match=r"x\.ipynb has 0 cells with the tag 'parameters'"):
        execute(nbformat.v4.new_notebook(), run, "x.ipynb")
