"""Turns finished runs into docs/gallery.md and the pages of docs/gallery/. Imports nothing that trains.

Run `python -m docs_build.gallery docs --at "commit abc, two cores" --experiment NAME RUN TITLE COMMAND`, with the last
option once for each experiment. A page is the run's report.html without the photos, which belong to others. The picture
of a page's head is taken by hand: docs/images/gallery_NAME.png.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.statistics import formats
from components.transfer_report.page.answer import headline
from experiment.errors import ThawError
from pipeline.runs.run_files import SUMMARY_FILE, read_origin, read_unaltered

PHOTO_SECTIONS = ("What it gets wrong", "Near-duplicates")
"""Headings of the report whose figure shows pictures of the data."""
LEFT_OUT = "<p>This copy of the page leaves out the images of the data.</p>"
HEAD = (
    "# Gallery\n\n"
    "Finished experiments with their reports, as `thaw run` wrote them, without photos of the data. Written by "
    "`python -m docs_build.gallery` from the runs' folders; {at}. Brackets are 95% intervals of fresh draws. "
    "[Reading the report](howto/read_the_report.md) explains the pages.\n"
)


def main(argv: Sequence[str]) -> int:
    """Writes the gallery; returns the process's exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("docs", type=Path, help="where gallery.md and gallery/ go")
    parser.add_argument("--at", required=True, help="commit and machine of all runs")
    parser.add_argument("--experiment", nargs=4, action="append", required=True,
                        metavar=("NAME", "RUN", "TITLE", "COMMAND"))  # fmt: skip
    arguments = parser.parse_args(argv)
    try:
        write_gallery(arguments.docs, arguments.at, [(n, Path(run), *rest) for n, run, *rest in arguments.experiment])
    except ThawError as error:
        print(f"thaw: {error}", file=sys.stderr)
        return 1
    return 0


def write_gallery(docs: Path, at: str, experiments: Sequence[tuple[str, Path, str, str]]) -> None:
    """Writes the page and the copies of the reports; what an earlier call left in gallery/ is removed.

    Args:
      docs: `gallery.md` and `gallery/` are written here.
      at: commit and machine of all runs.
      experiments: name of the copy, folder of the run, title, and the command as a reader would type it.

    Raises:
      ThawError: a run did not finish, or was altered afterwards.
    """
    pages, parts = {}, [HEAD.format(at=at)]
    for name, run, title, command in experiments:
        if not (run / SUMMARY_FILE).exists():
            raise ThawError(f"{run} is not a finished run: it has no summary.json. Give a folder such as runs/latest.")
        pages[name] = without_photos(read_unaltered(run, "report.html").decode())
        parts.append(_section(name, read_origin(run), title, command))
    shutil.rmtree(docs / "gallery", ignore_errors=True)
    (docs / "gallery").mkdir(parents=True)
    for name, page in pages.items():
        (docs / "gallery" / f"{name}.html").write_text(page, encoding="utf-8")
    (docs / "gallery.md").write_text("\n".join(parts), encoding="utf-8")


def without_photos(page: str) -> str:
    """A report's page without the figures that show pictures of the data."""
    for heading in PHOTO_SECTIONS:
        page = re.sub(
            rf"(<h2>{re.escape(heading)}</h2>\s*)<figure>.*?</figure>",
            lambda found: found[1] + LEFT_OUT,
            page,
            flags=re.DOTALL,
        )
    return page


def _section(name: str, summary: Mapping[str, Any], title: str, command: str) -> str:
    label = "**SYNTHETIC images: these figures say nothing about real data.**\n\n" if summary["synthetic"] else ""
    advice = "\n".join(f"- {formats.markdown(one['sentence'])}" for one in summary["advice"])
    return (
        f"## {title}\n\n{label}**{formats.markdown(headline(summary))}**\n\n{advice}\n\n"
        f"`{command}` [The whole report](gallery/{name}.html)\n\n"
        f"![The head of this report](images/gallery_{name}.png)\n"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
