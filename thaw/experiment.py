"""Commands on an experiment: init, plan, run, status. Imports no TensorFlow until one of them runs."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path
from typing import Any

import click

from experiment.config import ExperimentConfig
from terminal.console import console
from thaw import tables
from thaw.options import (
    PROJECT_ROOT,
    HomePath,
    as_json,
    examples,
    experiment,
    own_images_options,
    print_json,
    typed_command,
)
from thaw.picture_options import picture_options


@click.command(
    epilog=examples(
        "thaw init animals",
        "thaw init animals --target deer,horse --image-size 96",
        "thaw init animals --backbone EfficientNetB0 --backbone mine.keras",
        "thaw init labels.csv --group-column person",
        "thaw init photos --group '^([^_]+)_'",
        "thaw init flowers --classes rose,tulip,daisy,fern",
    )
)
@click.argument("folder", type=HomePath())
@own_images_options
@picture_options
@click.option("--force", is_flag=True, help="Replace what an earlier init wrote there.")
@as_json
def init(folder: Path, out: Path | None, name: str | None, force: bool, in_json: bool, **asked: Any) -> None:
    """Make an experiment of your own images.

    FOLDER has a subfolder of images for each class (also below train, val and test), or TFRecords. It can also be a CSV
    file with the columns file and label. Nothing in it is changed. Then start `thaw plan` and `thaw run` with --config
    thaw-<name>/config.yaml.
    """
    from pipeline.new_experiment.new_experiment import make_experiment, show_made
    from pipeline.new_experiment.picture_options import pictures_asked
    from pipeline.new_experiment.wanted import name_from, wanted_from

    place = folder.absolute()
    found_name = name_from(place.name if place.is_dir() else place.stem)
    wanted = dataclasses.replace(wanted_from(name or found_name, asked), pictures=pictures_asked(asked))
    made = make_experiment(
        folder, out or Path(f"thaw-{wanted.name}"), wanted, force=force, project_root=PROJECT_ROOT,
        environment=os.environ, terminal=console(stderr=in_json),
    )  # fmt: skip
    if in_json:
        print_json(dataclasses.asdict(made))
    else:
        show_made(made, console(), typed_command(sys.argv[0]))


@click.command(
    epilog=examples(
        "thaw plan",
        "thaw plan --config report-mini --set draws=3",
        "thaw plan --set 'sizes=[50,200]' --set 'freeze_counts.original=[0,4,8]'",
    )
)
@as_json
@experiment
def plan(config: ExperimentConfig, in_json: bool) -> None:
    """Show what would run, with the time and disk it takes."""
    from pipeline.runner.launch import launch
    from pipeline.runner.prepare import check_room, prepare

    if not in_json:
        launch(config, PROJECT_ROOT, os.environ, plan_only=True)
        return
    prepared = prepare(config, PROJECT_ROOT, os.environ, console(stderr=True))
    print_json(prepared.as_json())
    check_room(prepared)


@click.command(epilog=examples("thaw run", "thaw run --config thaw-animals/config.yaml", "thaw run --set draws=5"))
@experiment
def run(config: ExperimentConfig) -> None:
    """Run the experiment, or continue one that stopped.

    Finished trainings are not repeated. Ctrl-C stops the run; the same command continues it.
    """
    from pipeline.runner.launch import launch

    launch(config, PROJECT_ROOT, os.environ, plan_only=False)


@click.command(epilog=examples("thaw status", "thaw status --config report-mini --json"))
@as_json
@experiment
def status(config: ExperimentConfig, in_json: bool) -> None:
    """Show the progress of an experiment, also while it runs."""
    from pipeline.runner.progress_report import in_words, state_of

    state = state_of(config)
    if in_json:
        print_json(dataclasses.asdict(state))
        return
    terminal = console()
    terminal.print(tables.progress_table(config.name, state))
    terminal.print(in_words(state), soft_wrap=True)
    if other := _newer_experiment(config):
        terminal.print(other, soft_wrap=True)


def _newer_experiment(config: ExperimentConfig) -> str:
    """A sentence on the newest run if it belongs to another experiment than the one asked about; else empty."""
    from pipeline.runs.run_files import CONFIG_FILE, RUN_NAME, order_of

    names = [path.name for path in config.runs.iterdir() if path.is_dir()] if config.runs.is_dir() else []
    runs = [match for name in sorted(names, key=order_of) if (match := RUN_NAME.fullmatch(name))]
    if not runs or runs[-1]["experiment"] == config.name:
        return ""
    written = config.runs / runs[-1][0] / CONFIG_FILE  # once the run has ended
    file, which = (written, "") if written.exists() else ("FILE", ", with the file that was given to `thaw run`")
    return (f"The newest run in {config.runs} belongs to another experiment, {runs[-1]['experiment']}. `thaw status "
            f"--config {file}` shows it{which}.")  # fmt: skip
