"""The command `thaw`: what TFX's own command lacks. Nothing imports this; local_runner.py is what TFX runs.

Exit codes: 0 done; 1 the user must act, and the message says how; 2 wrong usage; 130 interrupted; 143 terminated.
"""

from __future__ import annotations

import thaw_entry  # noqa: F401, I001, RUF100  # first: it sees to it that the others are ours
from pipeline.runner import process

process.stop_at_once()

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from experiment.config import ExperimentConfig
from experiment.errors import ThawError
from pipeline import tables
from pipeline.options import (
    EPILOG,
    InOrderOfUse,
    as_json,
    complete_run,
    examples,
    experiment,
    find_run,
    own_images_options,
    run_argument,
    runs_option,
)
from pipeline.runs.run_files import read_summary
from pipeline.runs.run_log import RUN_LOG, output_to_log
from terminal import progress
from terminal.console import console

process.prepare_process(os.environ)
process.leave_signals_alone()

PROJECT_ROOT = Path(__file__).resolve().parent


@click.group(cls=InOrderOfUse, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="thaw")
def cli() -> None:
    """Is it worth transferring a model? From which source, how many layers to freeze, fine-tune or not?

    Begin with `thaw doctor`, `thaw plan`, `thaw run`; `thaw init` makes an experiment of your own images.
    """


@cli.command(epilog=examples("thaw doctor", "thaw doctor --config report-mini --json"))
@as_json
@experiment
def doctor(config: ExperimentConfig, in_json: bool) -> None:
    """Check this machine, the data and the weights.

    Python, packages, cores, memory, disk, images, weights and GPU; for each problem it says what to do.
    """
    from pipeline.runner.doctor import examine, worst

    findings = list(examine(config, PROJECT_ROOT, os.environ))
    if in_json:
        _print_json([dataclasses.asdict(finding) for finding in findings])
    else:
        console().print(tables.findings_table(findings))
    sys.exit(int(worst(findings) == "problem"))


@cli.command(epilog=examples("thaw data", "thaw data --data /my/records --set data.classes=[rose,tulip] --json"))
@as_json
@experiment
def data(config: ExperimentConfig, in_json: bool) -> None:
    """Find the images, check every record, count each class."""
    from pipeline.runner.prepare import find_data

    terminal = console(stderr=in_json)
    dataset, found = find_data(config, PROJECT_ROOT, os.environ, terminal)
    if in_json:
        about = {"name": dataset.name, "folder": dataset.files.folder, "origin": dataset.origin}
        return _print_json({**dataclasses.asdict(found), **about})
    terminal.print(tables.classes_table(dataset.name, found))


@cli.command(
    epilog=examples(
        "thaw init animals",
        "thaw init animals --target deer,horse --image-size 96",
        "thaw init animals --model efficientnet_b0.keras",
        "thaw init flowers --classes rose,tulip,daisy,fern",
    )
)
@click.argument("folder", type=click.Path(path_type=Path))
@own_images_options
@click.option("--force", is_flag=True, help="Replace what an earlier init wrote there.")
@as_json
def init(folder: Path, out: Path | None, name: str | None, force: bool, in_json: bool, **asked: Any) -> None:
    """Make an experiment of your own images.

    FOLDER holds a folder of images for each class, or TFRecords; nothing in it is changed. `thaw plan` and `thaw run`
    then take --config thaw-<name>/config.yaml.
    """
    from pipeline.new_experiment.new_experiment import make_experiment, show_made
    from pipeline.new_experiment.own_settings import name_from, wanted_from

    wanted = wanted_from(name or name_from(folder.expanduser().absolute().name), asked)
    made = make_experiment(
        folder, out or Path(f"thaw-{wanted.name}"), wanted, force=force, project_root=PROJECT_ROOT,
        environment=os.environ, terminal=console(stderr=in_json),
    )  # fmt: skip
    if in_json:
        _print_json(dataclasses.asdict(made))
    else:
        show_made(made, console())


@cli.command(
    epilog=examples(
        "thaw plan",
        "thaw plan --config report-mini --set draws=3",
        "thaw plan --set 'sizes=[50,200]' --set 'freeze_counts.original=[0,4,8]'",
    )
)
@as_json
@experiment
def plan(config: ExperimentConfig, in_json: bool) -> None:
    """Show what would run, how long it takes, how much disk."""
    from pipeline.runner.launch import launch
    from pipeline.runner.prepare import prepare

    if not in_json:
        launch(config, PROJECT_ROOT, os.environ, plan_only=True)
        return
    _print_json(prepare(config, PROJECT_ROOT, os.environ, console(stderr=True)).as_json())


@cli.command(epilog=examples("thaw run", "thaw run --config thaw-animals/config.yaml", "thaw run --set draws=5"))
@experiment
def run(config: ExperimentConfig) -> None:
    """Run the experiment, or go on where it stopped.

    What was finished is not repeated. Ctrl-C stops it; the same command goes on from there.
    """
    from pipeline.runner.launch import launch

    launch(config, PROJECT_ROOT, os.environ, plan_only=False)


@cli.command(epilog=examples("thaw status", "thaw status --config report-mini --json"))
@as_json
@experiment
def status(config: ExperimentConfig, in_json: bool) -> None:
    """Show how far an experiment is, also while it runs."""
    from pipeline.runner.progress_report import in_words, state_of

    state = state_of(config)
    if in_json:
        _print_json(dataclasses.asdict(state))
        return
    terminal = console()
    terminal.print(tables.progress_table(config.name, state))
    terminal.print(in_words(state), soft_wrap=True)


@cli.command(epilog=examples("thaw report", "thaw report 20261126-101500-quick --json"))
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
        _print_json(summary)
        return
    terminal = console()
    terminal.print(closing_table(summary))
    terminal.print(f"Report: {folder / 'report.html'}", soft_wrap=True)


@cli.command(epilog=examples("thaw compare 20261126-101500-quick latest"))
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
        return _print_json({"data": data, "settings": differing, "stack": stacks, "cells": cells})
    terminal = console()
    for line in (f"data: {data}", *run_comparison.differences_in_words(differing, stacks)):
        terminal.print(line)
    terminal.print(tables.comparison_table(changes))
    terminal.print(", ".join(f"{count} {word}" for word, count in run_comparison.called(changes).items()))


@cli.command(epilog=examples("thaw advise", "thaw advise 20261126-101500-quick --target deer,horse --n 100"))
@run_argument
@runs_option
@click.option("--target", default="", metavar="A,B", help="Classes to tell apart.  [default: those of RUN]")
@click.option("--n", type=click.IntRange(4), help="Labelled images of the target.  [default: the size to deploy]")
@as_json
def advise(run: str, runs: Path, target: str, n: int | None, in_json: bool) -> None:
    """Say which of RUN's sources to transfer, before training.

    And how many layers to freeze, by linear probes alone; RUN must be finished, its target may be another one.
    """
    from pipeline.new_experiment.own_settings import names_in
    from pipeline.source_search.advice import advise_on, show

    names, folder = names_in(target), find_run(run, runs)
    with output_to_log(folder / RUN_LOG):
        advice = advise_on(folder, names, n)
    _print_json(dataclasses.asdict(advice)) if in_json else show(advice, console())


@cli.command(epilog=examples("thaw search --n 200", "thaw search 20261126-101500-quick --n 50 --draws 5 --budget 0.1"))
@run_argument
@runs_option
@click.option("--n", type=click.IntRange(4), help="Labelled images.  [default: the size to deploy]")
@click.option("--draws", type=click.IntRange(1), default=3, show_default=True, help="Trainings of the chosen cell.")
@click.option("--budget", type=click.FloatRange(0, 1, min_open=True), default=0.25, show_default=True,
              help="Share of the time that training every cell would take.")  # fmt: skip
@as_json
def search(run: str, runs: Path, n: int | None, draws: int, budget: float, in_json: bool) -> None:
    """Find RUN's best cell at one n, without the grid.

    Of all its transfers, any freeze count, fine-tuned or not; what was trained so far says what to train next.
    """
    from pipeline.source_search.search import search_run, show

    terminal = console(quiet=True) if in_json else progress.console()
    found = search_run(find_run(run, runs), n, draws, budget, terminal)
    _print_json(dataclasses.asdict(found)) if in_json else show(found, terminal)


@cli.command(epilog=examples("thaw tflite", "thaw tflite 20261126-101500-quick --json"))
@run_argument
@runs_option
@as_json
def tflite(run: str, runs: Path, in_json: bool) -> None:
    """Write RUN's pushed model for TensorFlow Lite.

    As floats and as 8-bit integers, to tflite/ in its folder. Each file is compared with the SavedModel on 1,000 test
    images; agreement.json beside them holds the figures.
    """
    from pipeline.serving.tflite import export_run

    folder = find_run(run, runs)
    with output_to_log(folder / RUN_LOG):
        about = export_run(folder)
    if in_json:
        _print_json(about)
        return
    terminal = console()
    terminal.print(tables.tflite_table(about))
    terminal.print(f"Written to {folder / 'tflite'}", soft_wrap=True)


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, default=str))


def main() -> None:
    """Runs the command; what the user can put right ends it with a message and status 1."""
    process.stop_by_exception()
    process.own_temporary_folder(os.environ)
    try:
        cli(standalone_mode=False)
    except ThawError as error:
        click.echo(f"thaw: {error}", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (Exception, KeyboardInterrupt) as error:
        sys.exit(process.status_of_stopped(error))


if __name__ == "__main__":
    main()
