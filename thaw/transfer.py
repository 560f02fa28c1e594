"""Commands that say what to transfer: advise, search. Imports no TensorFlow until one of them runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from pipeline.runs.run_log import RUN_LOG, output_to_log
from terminal import progress
from terminal.console import console
from thaw.options import as_json, examples, find_run, print_json, run_argument, runs_option


@click.command(epilog=examples("thaw advise", "thaw advise 20261126-101500-quick --target deer,horse --n 100"))
@run_argument
@runs_option
@click.option("--target", metavar="A,B", help="Classes to tell apart.  [default: those of RUN]")
@click.option("--n", type=click.IntRange(4), help="Labelled images of the target.  [default: the size to deploy]")
@as_json
def advise(run: str, runs: Path, target: str | None, n: int | None, in_json: bool) -> None:
    """Predict which of RUN's sources to transfer, before training.

    Also predicts how many layers to freeze. Thaw only fits linear probes. RUN must be finished; --target may name other
    classes.
    """
    from pipeline.new_experiment.wanted import names_in
    from pipeline.source_search.advice import advise_on, show

    names, folder = names_in(target), find_run(run, runs)
    with output_to_log(folder / RUN_LOG):
        advice = advise_on(folder, names, n)
    print_json(dataclasses.asdict(advice)) if in_json else show(advice, console())


@click.command(epilog=examples("thaw search --n 200", "thaw search latest --n 50 --draws 5 --budget 0.1"))
@run_argument
@runs_option
@click.option("--n", type=click.IntRange(4), help="Labelled images.  [default: the size to deploy]")
@click.option("--draws", type=click.IntRange(1), default=3, show_default=True, help="Trainings of the chosen cell.")
@click.option("--budget", type=click.FloatRange(0, 1, min_open=True), default=0.25, show_default=True,
              help="Time limit, as a share of what training every cell would take.")  # fmt: skip
@as_json
def search(run: str, runs: Path, n: int | None, draws: int, budget: float, in_json: bool) -> None:
    """Find RUN's best cell at one n, without the grid.

    It searches all transfers with any freeze count, fine-tuned or not. Each training decides what to train next.
    """
    from pipeline.source_search.search import search_run
    from pipeline.source_search.search_table import show

    terminal = console(quiet=True) if in_json else progress.console()
    found = search_run(find_run(run, runs), n, draws, budget, terminal)
    print_json(dataclasses.asdict(found)) if in_json else show(found, terminal)
