"""Executes the notebooks on a finished run and writes them as pages; `make notebooks` calls it. Trains nothing itself.

Run `python -m docs_build.notebook_pages --run runs/latest --out build/notebooks`; the notebooks themselves stay
without outputs.
"""

from __future__ import annotations

import argparse
import copy
import re
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter
from nbformat import NotebookNode

from experiment.errors import ThawError
from pipeline.runs.finished_run import open_run

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
PARAMETERS = "parameters"
"""Tag of the cell that names the run to read; the same as papermill's."""
SECONDS_PER_CELL = 600
_COLOURS = re.compile(r"\x1b\[[\d;]*m")
"""In IPython's tracebacks; a message shows control characters as escapes."""


def main(argv: Sequence[str]) -> int:
    """Renders every notebook; returns the process's exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/latest"), help="a finished run's folder")
    parser.add_argument("--out", type=Path, default=Path("build/notebooks"), help="where the pages go")
    arguments = parser.parse_args(argv)
    try:
        run = open_run(arguments.run)
        for path in notebooks():
            others = set(run.config.data.classes) - set(run.config.target.classes)
            if lacking := lacking_classes(path, others):
                print(f"{path.name} is left out: it takes images of {' and '.join(lacking)} outside of the target, "
                      "and this run has none.", flush=True)  # fmt: skip
                continue
            page = render(path, run.folder, arguments.out)
            print(f"{page} ({page.stat().st_size / 1e6:.1f} MB)", flush=True)
    except ThawError as error:
        print(f"thaw: {error}", file=sys.stderr)
        return 1
    return 0


def notebooks() -> list[Path]:
    """The notebooks, in the order in which they are to be read."""
    return sorted(FOLDER.glob("*.ipynb"))


def lacking_classes(path: Path, classes: Collection[str]) -> list[str]:
    """Classes that a notebook's metadata asks for (`thaw.classes`) and that are not among these."""
    wanted = nbformat.read(path, as_version=4).metadata.get("thaw", {}).get("classes", ())
    return [name for name in wanted if name not in classes]


def render(path: Path, run: Path, out: Path) -> Path:
    """Executes one notebook on a run and writes it as a page of one file.

    Args:
      path: the notebook; it is not changed.
      run: the run's folder.
      out: folder of the page; made when absent.

    Returns:
      The page, HTML that loads nothing from elsewhere.

    Raises:
      ThawError: a cell failed; the message shows it with what it raised.
    """
    notebook = execute(nbformat.read(path, as_version=4), run, path.name)
    exporter = HTMLExporter(template_name="lab", exclude_input_prompt=True, exclude_output_prompt=True)
    # The pages hold no formulas, widgets or diagrams, and must not ask other servers for what would show them.
    exporter.mathjax_url = exporter.require_js_url = exporter.mermaid_js_url = exporter.jquery_url = ""
    html, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": path.stem.replace("_", " ")}})
    out.mkdir(parents=True, exist_ok=True)
    page = out / f"{path.stem}.html"
    page.write_text(html, encoding="utf-8")
    return page


def execute(notebook: NotebookNode, run: Path, name: str) -> NotebookNode:
    """The notebook with its outputs on a run.

    Args:
      notebook: with one cell tagged PARAMETERS.
      run: the run's folder; it takes the place of that cell while the notebook is executed.
      name: for messages.

    Raises:
      ThawError: a cell failed, or there is no such cell.
    """
    executed = copy.deepcopy(notebook)
    tagged = [cell for cell in executed.cells if PARAMETERS in cell.metadata.get("tags", ())]
    if len(tagged) != 1:
        raise ThawError(f"{name} has {len(tagged)} cells with the tag {PARAMETERS!r}. Give the tag to the one that "
                        "sets RUN.")  # fmt: skip
    [parameters] = tagged
    shown, parameters.source = parameters.source, f"RUN = {str(run)!r}"
    client = NotebookClient(
        executed, timeout=SECONDS_PER_CELL, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise ThawError(f"{name}: a cell failed on {run}.\n{_COLOURS.sub('', str(error))}") from error
    # A reader's run lies elsewhere.
    parameters.source = shown
    return executed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
