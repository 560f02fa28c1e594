"""Commands on a pushed model: tflite. Imports no TensorFlow until one of them runs."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.runs.run_log import RUN_LOG, output_to_log
from terminal.console import console
from thaw import tables
from thaw.options import as_json, examples, find_run, print_json, run_argument, runs_option


@click.command(epilog=examples("thaw tflite", "thaw tflite 20261126-101500-quick --json"))
@run_argument
@runs_option
@as_json
def tflite(run: str, runs: Path, in_json: bool) -> None:
    """Write RUN's pushed model for TensorFlow Lite.

    Writes a model in float32 and one in 8-bit integers to tflite/ in RUN's folder. Both take one upright RGB or grey
    image of the size in agreement.json (input_shape; uint8). Unlike the SavedModel, they do not resize. Compares each
    file with the SavedModel on up to 1,000 test images; agreement.json has the figures.
    """
    from pipeline.serving.tflite import export_run

    folder = find_run(run, runs)
    with output_to_log(folder / RUN_LOG):
        about = export_run(folder)
    if in_json:
        print_json(about)
        return
    terminal = console()
    terminal.print(tables.tflite_table(about))
    terminal.print(f"Written to {folder / 'tflite'}", soft_wrap=True)
