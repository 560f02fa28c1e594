"""Commands on finished runs: report, compare. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from pipeline.runs.run_files import read_summary
from terminal.console import console
from thaw import tables
from thaw.options import as_json, complete_run, examples, find_run, print_json, run_argument, runs_option


@click.command(epilog=examples("thaw report", "thaw report 20261126-101500-quick --json"))
@run_argument
@runs_option
@as_json
def report(run: str, runs: Path, in_json: bool) -> None:
    """Print what RUN came to, and where its page lies.

    RUN is a folder below runs/; the latest finished one if none is named.
    """
    from components.transfer_report.page.closing_table import closing_table

    folder = find_run(run, runs)
    summary = read_summary(folder)
    if in_json:
        print_json(summary)
        return
    terminal = console()
    terminal.print(closing_table(summary))
    terminal.print(f"Report: {folder / 'report.html'}", soft_wrap=True)


@click.command(epilog=examples("thaw compare 20261126-101500-quick latest"))
@click.argument("first", metavar="RUN_A", shell_complete=complete_run)
@click.argument("second", metavar="RUN_B", shell_complete=complete_run)
@runs_option
@as_json
def compare(first: str, second: str, runs: Path, in_json: bool) -> None:
    """Compare two runs cell by cell, with intervals.

    Is RUN_B better than RUN_A? Draws are paired. `latest` is the newest finished run.
    """
    from pipeline.runs import run_comparison

    folders = find_run(first, runs), find_run(second, runs)
    changes = run_comparison.compare_runs(*folders)
    differing = run_comparison.settings_that_differ(*folders)
    data, stacks = read_summary(folders[0])["data"], run_comparison.stacks_that_differ(*folders)
    if in_json:
        cells = [dataclasses.asdict(change) for change in changes]
        return print_json({"data": data, "settings": differing, "stack": stacks, "cells": cells})
    terminal = console()
    for line in (f"data: {data}", *run_comparison.differences_in_words(differing, stacks)):
        terminal.print(line)
    terminal.print(tables.comparison_table(changes))
    terminal.print(", ".join(f"{count} {word}" for word, count in run_comparison.called(changes).items()))
