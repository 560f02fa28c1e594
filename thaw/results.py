"""Commands on finished runs: report, labels, compare. Imports no TensorFlow."""

from __future__ import annotations

import os
from pathlib import Path

import click

from experiment.changes import changed
from experiment.config import ExperimentConfig
from experiment.errors import ThawError
from experiment.loading import validate_config
from pipeline.runs.run_digests import digest
from pipeline.runs.run_files import STARTED_FILE, SUMMARY_FILE, read_started, read_summary, unfinished_run
from pipeline.runs.run_lock import has_run
from terminal.console import console
from thaw import tables
from thaw.options import (
    PROJECT_ROOT,
    Named,
    as_json,
    complete_run,
    examples,
    find_run,
    print_json,
    run_argument,
    runs_option,
)


@click.command(epilog=examples("thaw report", "thaw report 20261126-101500-quick --json"))
@run_argument
@runs_option
@as_json
def report(run: str, runs: Path, in_json: bool) -> None:
    """Print the results of RUN and the path of its report.

    RUN is a folder below runs/; the default is the latest one. A run that was stopped gets its report here, as a new
    run, from the trainings that it finished. First it trains what every answer needs, which takes minutes.
    """
    from components.transfer_report.page.closing_table import closing_table, kept_models

    unfinished = unfinished_run(run, runs)
    config = least_of(unfinished) if unfinished and not in_json else None
    if unfinished and config and not has_run(config.pipeline_folder):
        from pipeline.runner.launch import launch

        console().print(
            f"{unfinished} did not finish. Thaw makes its report from the trainings that it finished.", soft_wrap=True
        )
        launch(config, PROJECT_ROOT, os.environ, plan_only=False, data=str(read_started(unfinished)["data"]))
        return
    folder = find_run(run, runs)
    if unfinished:
        console(stderr=True).print(f"{unfinished} has not finished. These are the results of {folder}.", soft_wrap=True)
    summary = read_summary(folder)
    if in_json:
        print_json(summary)
        return
    terminal = console()
    terminal.print(closing_table(summary))
    for line in (*kept_models(summary), f"Report: {folder / 'report.html'}"):
        terminal.print(line, soft_wrap=True)


@click.command(epilog=examples("thaw labels", "thaw labels 20261126-101500-quick --accuracy 0.9"))
@run_argument
@runs_option
@click.option("--accuracy", type=click.FloatRange(0, 1, min_open=True, max_open=True), metavar="SHARE",
              help="Accuracy to reach, such as 0.9.  [default: 0.95]")  # fmt: skip
@as_json
def labels(run: str, runs: Path, accuracy: float | None, in_json: bool) -> None:
    """Estimate how many images an accuracy needs.

    Forecasts, from RUN's learning curves, the accuracy with 2, 5 and 20 times the images, and the number of images that
    an accuracy needs.
    """
    from analysis.findings.labels_ahead import wishing
    from components.transfer_report.page.labels_ahead import label_sentences, silent_sentences

    folder = find_run(run, runs)
    summary = read_summary(folder)
    if summary.get("labels") is None:
        raise ThawError(f"{folder / SUMMARY_FILE} has no learning curves: an earlier version of Thaw wrote it. Run the "
                        "same configuration again: trainings in the ledgers are not repeated.")  # fmt: skip
    found = summary["labels"]
    if accuracy is not None:
        wished = [one | {"images": wishing(one, accuracy)} for one in found["curves"]]
        found = found | {"wished_accuracy": accuracy, "curves": wished}
    if in_json:
        print_json(found | {"data": summary["data"], "synthetic": summary["synthetic"]})
        return
    terminal = console()
    if not all(one["silent"] for one in found["curves"]):
        terminal.print(tables.labels_table(found, summary["data"], synthetic=summary["synthetic"]))
    for sentence in (*label_sentences(found), *silent_sentences(found)):
        terminal.print(sentence, markup=False, soft_wrap=True)


@click.command(epilog=examples("thaw compare 20261126-101500-quick latest"))
@click.argument("first", type=Named(), metavar="RUN_A", shell_complete=complete_run)
@click.argument("second", type=Named(), metavar="RUN_B", shell_complete=complete_run)
@runs_option
@as_json
def compare(first: str, second: str, runs: Path, in_json: bool) -> None:
    """Compare two runs' best transfers and cells, with intervals.

    Are RUN_B's transfers better than RUN_A's? Draws are paired. `latest` is the newest finished run.
    """
    from pipeline.runs import run_comparison

    folders = find_run(first, runs), find_run(second, runs)
    compared = run_comparison.compare_runs(*folders)
    differing = run_comparison.settings_that_differ(*folders)
    summaries, stacks = [read_summary(folder) for folder in folders], run_comparison.stacks_that_differ(*folders)
    data, scratch = summaries[0]["data"], [tables.advised_from_scratch(one) for one in summaries]
    if in_json:
        advised = {"first": sorted(scratch[0]), "second": sorted(scratch[1])}
        return print_json({"data": data, "settings": differing, "stack": stacks, "advised_from_scratch": advised,
                           **compared.as_json()})  # fmt: skip
    terminal = console()
    for line in (f"data: {data}", *tables.differences_in_words(differing, stacks)):
        terminal.print(line)
    for table in tables.comparison_tables(compared):
        terminal.print(table)
    for words in run_comparison.called(compared):
        terminal.print(words)
    for name, sentences in zip("AB", scratch, strict=True):
        for n in sorted({one.first_cell[1].n for one in compared.answers} & set(sentences)):
            terminal.print(f"{name} advises no transfer at n = {n:,}: {sentences[n]}", markup=False, soft_wrap=True)


def least_of(folder: Path) -> ExperimentConfig:
    """The experiment of a run that was stopped, with no time for more than a complete answer needs.

    Minutes are in the keys of TFX's cache. They differ a little from run to run, so that the report of one that was
    stopped later is not that of an earlier one with fewer trainings.

    Raises:
      ThawError: its started.json is damaged.
    """
    from pipeline.planning.budget import NO_TIME

    config = validate_config(read_started(folder)["settings"], str(folder / STARTED_FILE))
    return changed(config, budget_minutes=NO_TIME + int(digest({"run": folder.name}), 16) % 10**6 / 1e9)
