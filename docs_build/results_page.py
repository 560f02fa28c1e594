"""Turns a finished run's folder into docs/results.md and docs/results/. Imports nothing that trains.

Run `python -m docs_build.results_page runs/latest docs --command "make run CONFIG=... ARGS=..."`; every figure on the
page is read from the run, so that nobody copies numbers by hand.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import platform
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from analysis.findings.findings import needed_in_words
from analysis.statistics import formats
from components.transfer_report.page.closing_table import divergence_notes
from docs_build.fresh_tables import EarlierGrid, read_earlier, table_of_changes, tables_of_transfers
from experiment.errors import ThawError
from pipeline.runs.run_files import CELLS_FILE, CONFIG_FILE, FRESH_FILE, SUMMARY_FILE, read_origin, read_unaltered

LEDGER, FRESH, CLAIMS = "ledger.csv.gz", "confirmed.csv.gz", "claims.json"
COPIED = (CLAIMS, "learning_curves.csv", CONFIG_FILE)
TABLES = {CELLS_FILE: LEDGER, FRESH_FILE: FRESH}
"""Tables of trainings, and the names of their compressed copies."""


def main(argv: Sequence[str]) -> int:
    """Publishes a run; returns the process's exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a run's folder")
    parser.add_argument("docs", type=Path, help="where results.md and results/ go")
    parser.add_argument("--command", required=True, help="what was run, as a reader would type it")
    parser.add_argument("--sources", type=Path, help="sources.json of benchmarks.prediction.sources")
    parser.add_argument("--earlier", type=Path, help="ledger.csv.gz of the page before, to compare with")
    parser.add_argument("--remarks", type=Path, help="Markdown of yours, such as what is missing and why")
    arguments = parser.parse_args(argv)
    try:
        publish(
            arguments.run, arguments.docs, arguments.command, arguments.sources, arguments.remarks, arguments.earlier
        )  # fmt: skip
    except ThawError as error:
        print(f"thaw: {error}", file=sys.stderr)
        return 1
    return 0


def publish(
    run: Path, docs: Path, command: str, sources: Path | None = None, remarks: Path | None = None,
    earlier: Path | None = None,
) -> None:  # fmt: skip
    """Writes the page, the ledger's rows, the claims and the figures; what an earlier run left in results/ is removed.

    Args:
      run: folder that a run filled.
      docs: `results.md` and `results/` are written here.
      command: what was run.
      sources: how good the sources are, by benchmarks.prediction.sources; none: the page says nothing of them.
      remarks: Markdown for a section that no run can write.
      earlier: ledger of an earlier page, which the figures are compared with.

    Raises:
      ThawError: the run did not finish or was altered afterwards, the sources were scored on other data, or `earlier`
        can't be read.
    """
    if not (run / SUMMARY_FILE).exists():
        raise ThawError(f"{run} is not a finished run. Give a folder such as runs/latest that has a summary.json.")
    scored = json.loads(sources.read_text(encoding="utf-8")) if sources else []
    summary = read_origin(run)
    others = sorted({one["data"] for one in scored} - {summary["data"]})
    if others:
        raise ThawError(f"{sources} describes sources on {', '.join(others)}, and {run} ran on {summary['data']}. Give "
                        "the file that benchmarks.prediction.sources wrote for this run.")  # fmt: skip
    before = read_earlier(earlier) if earlier else {}
    files = {name: read_unaltered(run, name) for name in (*COPIED, *TABLES)}
    figures = sorted((run / "figures").glob("*.png"))
    out = docs / "results"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    for figure in figures:
        shutil.copy(figure, out / figure.name)
    for name, content in files.items():
        # Without a time in the header the same rows are the same file.
        written = gzip.compress(content, mtime=0) if name in TABLES else content
        (out / TABLES.get(name, name)).write_bytes(written)
    page = _page(summary, files, [figure.name for figure in figures], command, scored, before)
    if remarks:
        page += f"\n## Remarks\n\n{remarks.read_text(encoding='utf-8').strip()}\n"
    (docs / "results.md").write_text(page, encoding="utf-8")


def _page(
    summary: Mapping[str, Any], files: Mapping[str, bytes], figures: Sequence[str], command: str,
    sources: list[dict[str, Any]], earlier: EarlierGrid,
) -> str:  # fmt: skip
    claims = json.loads(files[CLAIMS])["claims"]
    search, fresh = (list(csv.DictReader(files[table].decode().splitlines())) for table in TABLES)
    what_ran = _what_ran(summary, yaml.safe_load(files[CONFIG_FILE]), search, fresh, command)
    label = "**SYNTHETIC images: these figures say nothing about real data.**\n\n" if summary["synthetic"] else ""
    parts = [
        f"# Results: {summary['experiment']} on {formats.markdown(summary['data'])}\n\n{label}"
        "Written by `python -m docs_build.results_page` from a run's folder; no figure is copied by hand. Brackets "
        "are 95% intervals over draws and test images ([statistics.md](statistics.md)).",
        f"## What ran\n\n{what_ran}",
        "## What to use with how many images\n\n" + "\n".join(f"- {one['sentence']}" for one in summary["advice"]),
        *_confirmed(summary, earlier),
        "## Figures\n\n" + "\n\n".join(_figures(figures)),
        "## Labels saved\n\n" + labels_section(summary["labels_needed"]),
        "## The original report's conclusions\n\n" + claims_section(claims),
    ]
    if sources:
        parts.insert(2, "## Sources\n\n" + _sources(sources))
    return "\n\n".join(parts) + "\n"


def _confirmed(summary: Mapping[str, Any], earlier: EarlierGrid) -> list[str]:
    of_earlier = (
        " Earlier: the test accuracy of the best cell on val in the earlier grid, on the draws that chose it."
        if earlier
        else ""
    )
    found = [
        "## Every transfer on fresh draws\n\nThe best cell on val at each n, trained on draws that the search did "
        "not use. Baseline: the same architecture from random weights, on the same draws. Collapsed: how many of the "
        f"trainings that the row compares ended no better than chance.{of_earlier}\n\n"
        + tables_of_transfers(summary["confirmed_transfers"], earlier)
    ]
    if earlier:
        found.append(
            "## What changed\n\nBefore: the best cells on val in the earlier grid, on the draws that chose them, "
            "which overestimates slightly. Now: fresh draws.\n\n" + table_of_changes(summary["confirmed"], earlier)
        )
    return found


def _what_ran(
    summary: Mapping[str, Any], config: Mapping[str, Any], search: list[dict[str, str]], fresh: list[dict[str, str]],
    command: str,
) -> str:  # fmt: skip
    hours, fresh_hours = (sum(float(row["seconds"]) for row in rows) / 3600 for rows in (search, fresh))
    cells = Counter((r["transfer"], r["n"], r["freeze_count"], r["fine_tune"], r["held_from"]) for r in search)
    versions = ", ".join(f"{name} {version}" for name, version in summary["versions"].items())
    lines = [
        f"- Command: `{command}`, at commit {_commit()}; resolved configuration: [config.yaml](results/config.yaml).",
        f"- Search: {len(cells)} cells, {formats.draws(list(cells.values()))} each, {len(search)} trainings, "
        f"{hours:.1f} core-hours of training on the target.",
        f"- Fresh draws: {len(fresh)} trainings, {fresh_hours:.1f} core-hours.",
        f"- Machine: {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}. {versions}.",
        f"- Seed {config['seed']}; {summary['test_images']} test images of "
        f"{formats.markdown(' and '.join(summary['target_classes']))}.",
        f"- Every training is a row of [{LEDGER}](results/{LEDGER}) or [{FRESH}](results/{FRESH}); claims with their "
        f"figures in [{CLAIMS}](results/{CLAIMS}).",
    ]
    grid = [
        f"  - `{name}`: {len({c[1:] for c in cells if c[0] == name})} cells" for name in sorted({c[0] for c in cells})
    ]
    left_out = [f"- Left out: `{name}`. {reason}." for name, reason in summary["left_out"].items()]
    left_out += [f"- {note}" for note in divergence_notes(summary)]
    return "\n".join([*lines[:2], *grid, *lines[2:], *left_out])


def _sources(sources: list[dict[str, Any]]) -> str:
    table = [
        "| source | test accuracy on its own classes | val along training (step: accuracy) | seconds |",
        "|---|---|---|---|",
    ]
    for one in sources:
        curve = ", ".join(f"{step:,}: {formats.percent(accuracy)}" for step, accuracy in one["val_accuracy_by_step"])
        spent = "from the cache" if one["from_cache"] else f"{one['seconds']:.0f}"
        accuracy = f"{formats.percent(one['test_accuracy'])} of {one['test_images']:,}"
        table.append(f"| `{one['source']}` | {accuracy} | {curve} | {spent} |")
    return "\n".join(table)


def _figures(names: Sequence[str]) -> list[str]:
    first = [name for name in ("overview.png", "learning_curves.png") if name in names]
    ordered = [*first, *(name for name in names if name not in first)]
    titles = [name.removesuffix(".png").replace("__", ", ").replace("_", " ") for name in ordered]
    return [f"![{title}](results/{name})" for title, name in zip(titles, ordered, strict=True)]


def labels_section(labels: list[dict[str, Any]]) -> str:
    """The table of labels saved.

    Args:
      labels: `labels_needed` of summary.json, not empty.
    """
    sizes = sorted({one["n"] for one in labels})
    head = "| transfer | " + " | ".join(f"n = {n}" for n in sizes) + " |"
    table = [head, "|---" * (len(sizes) + 1) + "|"]
    for transfer in sorted({one["transfer"] for one in labels}):
        by_n = {one["n"]: one for one in labels if one["transfer"] == transfer}
        table.append(f"| `{transfer}` | " + " | ".join(_needed(by_n.get(n), sizes[0]) for n in sizes) + " |")
    return (
        "Labelled images that the best network from scratch needs to be as accurate as the transfer.\n\n"
        + "\n".join(table)
    )


def _needed(one: dict[str, Any] | None, smallest: int) -> str:
    if one is None:
        return ""
    sizes = smallest, one["largest"]
    return " ".join(filter(None, needed_in_words(one["labels_needed"], one["interval"], sizes, one["draws"])))


def claims_section(claims: list[dict[str, Any]]) -> str:
    """The table of claims.

    Args:
      claims: of claims.json.
    """
    table = ["| | the report says | verdict | finding |", "|---|---|---|---|"]
    for claim in claims:
        verdict = claim["verdict"] if claim["measured"] else "not measured"
        table.append(f"| {claim['id']} | {claim['claim']} | {verdict} | {claim['sentence']} |")
    return "\n".join(table)


def _commit() -> str:
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "(not in a git checkout)"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
