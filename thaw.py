"""The command `thaw`: what TFX's own command lacks. Nothing imports this; local_runner.py is what TFX runs.

Exit codes: 0 done; 1 the user must act, and the message says how; 2 wrong usage; 130 interrupted.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from pipeline import tables
from pipeline.config import ExperimentConfig
from pipeline.errors import ThawError
from pipeline.loading import load_config
from pipeline.process import prepare_process

prepare_process(os.environ)

PROJECT_ROOT = Path(__file__).resolve().parent
PRESETS = PROJECT_ROOT / "pipeline" / "presets"
EPILOG = """Exit codes: 0 done, 1 you must act (the message says how), 2 wrong usage, 130 interrupted.

Completion for bash: eval "$(_THAW_COMPLETE=bash_source thaw)"; also zsh_source and fish_source.

TFX's own command runs the same pipeline: tfx pipeline create --pipeline-path=local_runner.py --engine=local."""

Command = Callable[..., None]


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="thaw")
def cli() -> None:
    """Is it worth transferring a model? From which source, how many layers to freeze, fine-tune or not?

    Begin with `thaw doctor`, then `thaw plan`, then `thaw run`; `thaw report` shows what came out.
    `thaw init` makes an experiment of your own images.
    """


def experiment(command: Command) -> Command:
    """Adds the options that make an experiment and hands the command its configuration."""
    options = (
        click.option("--config", default="quick", show_default=True, help="A preset's name, or a YAML file of yours."),
        click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting, such as draws=3."),
        click.option("--data", type=click.Path(path_type=Path), help="Folder of TFRecords (data.path)."),
        click.option(
            "--weights", type=click.Path(path_type=Path), help="MobileNetV2's weights (mobilenet_v2.weights)."
        ),
        click.option("--workers", type=int, help="Processes that train side by side."),
        click.option("--strict", is_flag=True, help="Fail where ImageNet's weights can't be had."),
    )

    def with_config(
        config: str, settings: tuple[str, ...], data: Path | None, weights: Path | None, workers: int | None,
        strict: bool, **rest: Any,
    ) -> None:  # fmt: skip
        given = {"data.path": data, "mobilenet_v2.weights": weights, "workers": workers, "strict": strict or None}
        overrides = [f"{key}={value}" for key, value in given.items() if value is not None]
        preset = PRESETS / f"{config}.yaml"
        command(load_config(preset if preset.exists() else config, (*settings, *overrides)), **rest)

    with_config.__doc__, with_config.__name__ = command.__doc__, command.__name__
    wrapped: Command = with_config
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped


as_json = click.option("--json", "in_json", is_flag=True, help="Write JSON for scripts to standard output.")
run_argument = click.argument("run", default="latest")
runs_option = click.option(
    "--runs", type=click.Path(path_type=Path), default="runs", show_default=True, help="Folder of runs."
)


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write.  [default: thaw-<name>]")
@click.option("--name", help="Name of the experiment.  [default: the folder's name]")
@click.option("--target", default="", metavar="A,B", help="Classes to tell apart; two or more others become a source.")
@click.option("--image-size", type=click.IntRange(16, 224), metavar="PX", help="Side of the square to fit images to.")
@click.option("--classes", default="", metavar="A,B", help="TFRecords: names of the classes, in the order of labels.")
@click.option("--image-key", help="TFRecords: feature with the image, where several could be it.")
@click.option("--label-key", help="TFRecords: feature with the label.")
@click.option("--id-key", help="TFRecords: feature with the id.")
@click.option("--force", is_flag=True, help="Replace what an earlier init wrote there.")
@as_json
def init(folder: Path, out: Path | None, name: str | None, force: bool, in_json: bool, **asked: Any) -> None:
    """Make an experiment of your own images: FOLDER holds a folder of images for each class, or TFRecords.

    Nothing in FOLDER is changed. Then: thaw plan, thaw run (--config thaw-<name>/config.yaml).
    """
    from pipeline.own_images import make_experiment, show_made
    from pipeline.own_settings import name_from, wanted_from

    wanted = wanted_from(name or name_from(folder.expanduser().absolute().name), asked)
    made = make_experiment(
        folder, out or Path(f"thaw-{wanted.name}"), wanted, force=force, project_root=PROJECT_ROOT,
        environment=os.environ, terminal=Console(stderr=in_json, highlight=False),
    )  # fmt: skip
    if in_json:
        _print_json(dataclasses.asdict(made))
    else:
        show_made(made, Console(highlight=False))


@cli.command()
@as_json
@experiment
def plan(config: ExperimentConfig, in_json: bool) -> None:
    """Show what would run, how long it takes and how much disk it needs; train nothing."""
    from pipeline.launch import launch, prepare

    if not in_json:
        launch(config, PROJECT_ROOT, os.environ, plan_only=True)
        return
    prepared = prepare(config, PROJECT_ROOT, os.environ, Console(stderr=True))
    _print_json({**dataclasses.asdict(prepared.plan), "left_out": prepared.left_out, "data": prepared.dataset.origin})


@cli.command()
@experiment
def run(config: ExperimentConfig) -> None:
    """Run the experiment; what an earlier run finished is not repeated.

    Ctrl-C stops it; the same command goes on from there.
    """
    from pipeline.launch import launch

    launch(config, PROJECT_ROOT, os.environ, plan_only=False)


@cli.command()
@as_json
@experiment
def status(config: ExperimentConfig, in_json: bool) -> None:
    """Show how far an experiment is, by its ledgers; also while it runs."""
    from pipeline.progress_report import state_of

    state = state_of(config)
    if in_json:
        _print_json(dataclasses.asdict(state))
        return
    console = Console(highlight=False)
    console.print(tables.progress_table(config.name, state.sweeps))
    if state.run is None:
        console.print("Nothing ran yet: `thaw run` begins.")
    elif state.finished:
        console.print(f"The newest run is finished: {state.run / 'report.html'}", soft_wrap=True, markup=False)
    else:
        console.print(f"The newest run, {state.run}, is not finished. Its log ends with:", soft_wrap=True, markup=False)
        console.print(f"  {state.last_line}", markup=False)


@cli.command()
@run_argument
@runs_option
@as_json
def report(run: str, runs: Path, in_json: bool) -> None:
    """Print what RUN came to (a folder below runs/; the latest if none is named) and where its page lies."""
    from components.transfer_report.closing import closing_table

    folder = _run_folder(run, runs)
    summary = json.loads((folder / "summary.json").read_text())
    if in_json:
        _print_json(summary)
        return
    console = Console(highlight=False)
    console.print(closing_table(summary))
    console.print(f"Report: {folder / 'report.html'}", soft_wrap=True, markup=False)


@cli.command()
@run_argument
@runs_option
@as_json
def tflite(run: str, runs: Path, in_json: bool) -> None:
    """Write RUN's pushed model for TensorFlow Lite, as floats and as 8-bit integers, to tflite/ in its folder.

    Each file is compared with the SavedModel on 1,000 test images; agreement.json beside them holds the figures.
    """
    from pipeline.tflite import export_run

    folder = _run_folder(run, runs)
    about = export_run(folder)
    if in_json:
        _print_json(about)
        return
    console = Console(highlight=False)
    console.print(tables.tflite_table(about))
    console.print(f"Written to {folder / 'tflite'}", soft_wrap=True, markup=False)


@cli.command()
@click.argument("first")
@click.argument("second")
@runs_option
@as_json
def compare(first: str, second: str, runs: Path, in_json: bool) -> None:
    """Compare two runs cell by cell, paired by draw: is SECOND better than FIRST?"""
    from pipeline import comparison

    folders = _run_folder(first, runs), _run_folder(second, runs)
    changes = comparison.compare_runs(*folders)
    differing = comparison.settings_that_differ(*folders)
    if in_json:
        _print_json({"settings": differing, "cells": [dataclasses.asdict(change) for change in changes]})
        return
    console = Console(highlight=False)
    for name, (before, after) in differing.items():
        console.print(f"{name}: {before} -> {after}", markup=False)
    console.print(tables.comparison_table(changes))
    console.print(", ".join(f"{count} {word}" for word, count in comparison.called(changes).items()))


@cli.command()
@as_json
@experiment
def doctor(config: ExperimentConfig, in_json: bool) -> None:
    """Check Python, packages, cores, memory, disk, data, weights and GPU; say what to do about each problem."""
    from pipeline.doctor import examine, worst

    findings = list(examine(config, PROJECT_ROOT, os.environ))
    if in_json:
        _print_json([dataclasses.asdict(finding) for finding in findings])
    else:
        Console(highlight=False).print(tables.findings_table(findings))
    if worst(findings) == "problem":
        sys.exit(1)


@cli.command()
@as_json
@experiment
def data(config: ExperimentConfig, in_json: bool) -> None:
    """Find the images, check every record, and count each class."""
    from pipeline.launch import find_data

    console = Console(stderr=in_json, highlight=False)
    dataset, found = find_data(config, PROJECT_ROOT, os.environ, console)
    if in_json:
        _print_json({"name": dataset.name, "origin": dataset.origin, **dataclasses.asdict(found)})
        return
    console.print(tables.classes_table(dataset.name, found))


@cli.command()
@run_argument
@runs_option
@click.option("--target", default="", metavar="A,B", help="Classes to tell apart.  [default: those of RUN]")
@click.option("--n", type=click.IntRange(4), help="Labelled images of the target.  [default: the size to deploy]")
@as_json
def advise(run: str, runs: Path, target: str, n: int | None, in_json: bool) -> None:
    """Say which of RUN's sources to transfer to a target, and how many layers to freeze; train nothing but probes."""
    from pipeline.advice import advise_on, show

    advice = advise_on(_run_folder(run, runs), tuple(filter(None, target.split(","))), n)
    _print_json(dataclasses.asdict(advice)) if in_json else show(advice, Console(highlight=False))


def _run_folder(run: str, runs: Path) -> Path:
    """A finished run's folder, by its path or by its name below `runs`."""
    folder = next((place for place in (Path(run), runs / run) if (place / "summary.json").exists()), None)
    if folder is None:
        raise ThawError(f"{run} is no finished run: neither {Path(run)} nor {runs / run} has a summary.json. "
                        f"{runs} has {sorted(path.name for path in runs.glob('*')) or 'nothing'}.")  # fmt: skip
    return folder.resolve()


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, default=str))


def main() -> None:
    """Runs the command; what the user can put right ends it with a message and status 1."""
    try:
        cli(standalone_mode=False)
    except ThawError as error:
        click.echo(f"thaw: {error}", err=True)
        sys.exit(1)
    except click.exceptions.Abort:
        click.echo("\nStopped. Run the same command again: what was finished is not repeated.", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
