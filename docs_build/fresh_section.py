"""Puts fresh draws of the published grid's choices into docs/results.md. Imports nothing that trains.

Run `python -m docs_build.fresh_section docs` after `python -m benchmarks.published_answers`: what to use, the tables of
transfers and what changed come from docs/results/confirmed.json and replace those of the page.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from docs_build.fresh_tables import EarlierGrid, read_earlier, table_of_changes, tables_of_transfers
from docs_build.results_page import claims_section, labels_section

ADVICE, TRANSFERS, CHANGES, CLAIMS, LABELS, BEFORE = (
    "What to use with how many images", "Every transfer on fresh draws", "What changed",
    "Conclusions that fresh draws decide", "Labels saved", "Figures",
)  # fmt: skip
"""Headings of the page; new sections come before the last."""


def main(argv: Sequence[str]) -> int:
    """Writes the page; returns the process's exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("docs", type=Path, help="folder of results.md and results/")
    docs = parser.parse_args(argv).docs
    answers = json.loads((docs / "results" / "confirmed.json").read_text(encoding="utf-8"))
    page = (docs / "results.md").read_text(encoding="utf-8")
    (docs / "results.md").write_text(
        with_answers(page, answers, read_earlier(docs / "results" / "ledger.csv.gz")), encoding="utf-8"
    )
    return 0


def with_answers(page: str, answers: Mapping[str, Any], earlier: EarlierGrid) -> str:
    """The page with the sections that fresh draws decide; other sections stay.

    Args:
      page: Markdown with sections of the second level.
      answers: content of confirmed.json.
      earlier: the grid's choices, on the draws that chose them.
    """
    left = answers["transfers_left"]
    missing = f" Still to be trained: {', '.join(f'`{name}`' for name in left)}." if left else ""
    sections = {
        ADVICE: (
            "The cells were chosen on val in the grid. Every figure here is from fresh draws, which the grid did not "
            f"use. A size is missing if its cell is not trained on fresh draws yet.{missing}\n\n"
            + "\n".join(f"- {sentence}" for sentence in answers["advice"])
        ),
        TRANSFERS: (
            "At each n, the best cell on val in the grid was trained again on fresh draws: ten up to n = 50, five "
            f"above. This took {answers['trainings']} trainings and {answers['core_hours']} core-hours "
            "(`python -m benchmarks.published_draws`, then `published_answers`; every training is a row of "
            "[fresh_draws.csv](results/fresh_draws.csv)). Earlier: the accuracy of the same cell on the three draws "
            "that chose it. Baseline: the same architecture from random weights, on the same draws.\n\n"
            + tables_of_transfers(answers["confirmed_transfers"], earlier)
            + "\n\n" * bool(answers["collapsed"])
            + "\n".join(f"- {sentence}" for sentence in answers["collapsed"])
        ),
        CHANGES: (
            "Before: the best cells on val in the grid, on the draws that chose them, which overestimates slightly. "
            "Now: the same choices on fresh draws.\n\n"
            + table_of_changes(answers["confirmed"], earlier)
        ),
    }  # fmt: skip
    if answers["claims"]:
        sections[CLAIMS] = (
            "These conclusions compare cells that were chosen on val. So fresh draws decide them; the table of all "
            "conclusions at the end uses the grid's draws.\n\n"
            + claims_section([{**claim, "measured": True} for claim in answers["claims"]])
        )
    if answers["labels"]:
        sections[LABELS] = labels_section(answers["labels"])
    for title, text in sections.items():
        page = _with_section(page, title, text)
    return page


def _with_section(page: str, title: str, text: str) -> str:
    """The page with a section replaced, or inserted before the figures if the page lacks it."""
    section = f"## {title}\n\n{text}\n\n"
    found = re.search(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    start, end = found.span() if found else (page.index(f"## {BEFORE}\n"),) * 2
    return (page[:start] + section + page[end:]).rstrip("\n") + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
