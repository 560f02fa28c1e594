"""The command `thaw`: what TFX's own command lacks. thaw_entry imports this; local_runner.py is what TFX runs.

Exit codes: 0 done; 1 the user must act, and the message says how; 2 wrong usage; 130 interrupted; 129,
143 terminated.
"""

from __future__ import annotations

from pipeline.runner import process

process.stop_at_once()

import contextlib
import os
import sys
from typing import TextIO, cast

import click

from terminal.output import Output
from thaw import experiment, export, machine, results, transfer
from thaw.options import EPILOG, InOrderOfUse

process.prepare_process(os.environ)
process.leave_signals_alone()


@click.group(cls=InOrderOfUse, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="thaw")
def cli() -> None:
    """Is it worth transferring a model? From which source, how many layers to freeze, fine-tune or not?

    Start with `thaw doctor`, `thaw plan` and `thaw run`. `thaw init` makes an experiment of your own images.
    """


for command in (
    machine.doctor, machine.data, experiment.init, experiment.plan, experiment.run, experiment.status, results.report,
    results.labels, results.compare, transfer.advise, transfer.search, export.tflite,
):  # fmt: skip
    cli.add_command(command)


def main() -> None:
    """Runs the command; what the user can correct ends it with a message and status 1."""
    process.end_with(lambda: process.exit_status(_run, os.environ))


def _run() -> None:
    # Click writes help and version by itself: a full disk must end them as it ends any other output.
    written = cast(TextIO, Output(sys.stdout, lasting=False))
    try:
        with contextlib.redirect_stdout(written):
            cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
