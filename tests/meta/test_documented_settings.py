"""Every `thaw run` and `thaw plan` with --set that a page or notebook shows has settings that Thaw accepts, and so has
every whole configuration of a page."""

import itertools
import json
import re
import shlex
from pathlib import Path

import pytest

from experiment.loading import PRESETS, load_config

ROOT = Path(__file__).parents[2]
COMMAND = re.compile(r"^(?:\.venv/bin/)?thaw (?:run|plan) (.*--set .*)$", re.MULTILINE)


def texts():
    """Pages, and the texts of notebooks, by path."""
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("kubeflow/*.md")]:
        yield path, path.read_text(encoding="utf-8")
    for path in ROOT.glob("notebooks/*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        yield path, "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def commands():
    for path, text in texts():
        for found in COMMAND.finditer(text.replace("\\\n", " ")):
            arguments = shlex.split(found[1], comments=True)
            options = list(itertools.pairwise(arguments))
            config = [Path(value) for name, value in options if name == "--config"]
            # A finished run's is that of the preset which the pages run; a reader's own is not here.
            if not config or config[0].parts[0] == "runs":
                settings = tuple(value for name, value in options if name == "--set")
                yield pytest.param(settings, id=f"{path.name}: {' '.join(arguments)}")


def configurations():
    """YAML blocks of pages that begin with an experiment's name."""
    for path, text in texts():
        for number, block in enumerate(re.findall(r"^```yaml\n(name: .*?)^```$", text, re.MULTILINE | re.DOTALL)):
            yield pytest.param(block, id=f"{path.name}: {number}")


@pytest.mark.parametrize("block", list(configurations()))
def test_a_documented_configuration_is_accepted(block, tmp_path):
    (tmp_path / "page.yaml").write_text(block, encoding="utf-8")
    load_config(tmp_path / "page.yaml", ())


def test_the_page_on_sources_has_a_whole_configuration():
    assert any(one.id.startswith("own_source.md") for one in configurations())


@pytest.mark.parametrize("settings", list(commands()))
def test_the_settings_of_a_documented_command_are_accepted(settings):
    load_config(PRESETS / "quick.yaml", settings)
