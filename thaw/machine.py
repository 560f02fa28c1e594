"""Commands on the machine and its data: doctor, data. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
import os
import sys

import click

from experiment.config import ExperimentConfig
from terminal.console import console
from thaw import tables
from thaw.options import PROJECT_ROOT, as_json, examples, experiment, print_json


@click.command(epilog=examples("thaw doctor", "thaw doctor --config report-mini --json"))
@as_json
@experiment
def doctor(config: ExperimentConfig, in_json: bool) -> None:
    """Check this machine, the data and the weights.

    Checks Python, packages, cores, memory, disk, images, weights and GPU. For each problem it says what to do.
    """
    from pipeline.runner.doctor import examine, worst

    findings = list(examine(config, PROJECT_ROOT, os.environ))
    if in_json:
        print_json([dataclasses.asdict(finding) for finding in findings])
    else:
        terminal = console()
        for line in tables.finding_lines(findings):
            terminal.print(line, soft_wrap=True)
    sys.exit(int(worst(findings) == "problem"))


@click.command(epilog=examples("thaw data", "thaw data --data /my/records --set 'data.classes=[rose,tulip]' --json"))
@as_json
@experiment
def data(config: ExperimentConfig, in_json: bool) -> None:
    """Find the images, check every record, count each class."""
    from pipeline.runner.prepare import find_data

    terminal = console(stderr=in_json)
    dataset, found = find_data(config, PROJECT_ROOT, os.environ, terminal)
    if in_json:
        about = {"name": dataset.name, "folder": dataset.files.folder, "origin": dataset.origin}
        return print_json({**dataclasses.asdict(found), **about})
    terminal.print(tables.classes_table(dataset.name, found))
