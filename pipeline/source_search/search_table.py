"""The output of `thaw search`. Imports search and terminal."""

from __future__ import annotations

from rich.console import Console

from analysis.statistics import formats
from analysis.statistics.paired_intervals import Verdict
from experiment.backbones import from_scratch_in_words, network_in_words
from experiment.errors import counted
from pipeline.source_search.search import Found, in_words
from terminal.tables import FittingTable, empty_table

ADVICE: dict[Verdict, str] = {
    "gain": "Take", "undecided": "Best on val, though it may gain nothing:",
    "loss": "Do not transfer: training from scratch is better than the best on val,",
}  # fmt: skip
"""The beginning of the sentence on the chosen cell."""


def show(found: Found, terminal: Console, most: int = 8) -> None:
    """Prints the cells with most draws, the best on val first, and the chosen one's figures on test."""
    shown = found.tried[:most]
    rows = [
        (one.transfer, str(one.freeze_count), "yes" if one.fine_tune else "no", str(one.draws),
         f"{100 * one.val_accuracy:.1f}")
        for one in shown
    ]  # fmt: skip
    title = f"n = {found.wanted.n:,}, on {found.data}"
    table = empty_table("transfer", "k", "fine-\ntuned", "draws", "val %", title=title)
    terminal.print(FittingTable(table, rows))
    chosen, gain, scratch = found.chosen, found.chosen.gain_points, found.scratch
    baseline = from_scratch_in_words(chosen.architecture, chosen.baseline_architecture)
    terminal.print(
        f"{ADVICE[worst(found)]} {chosen.sweep}, {in_words(chosen.cell.freeze_count, chosen.cell.fine_tune)}: test "
        f"accuracy {formats.percent(chosen.accuracy.estimate)} "
        f"{formats.percent_interval((chosen.accuracy.low, chosen.accuracy.high))}, against {baseline} "
        f"{formats.points(gain.estimate)} points {formats.points_interval((gain.low, gain.high))}: {chosen.verdict} "
        f"({formats.draws([chosen.draws])}, on which it was chosen; fresh draws would show slightly less).",
    )  # fmt: skip
    if scratch:
        terminal.print(
            f"Best from scratch on val is {network_in_words(scratch.best.architecture)}, test accuracy "
            f"{formats.percent(scratch.best.accuracy.estimate)}: the transfer's lead over it is "
            f"{formats.points(scratch.lead.estimate)} points "
            f"{formats.points_interval((scratch.lead.low, scratch.lead.high))}: {scratch.verdict}.",
        )  # fmt: skip
    terminal.print(
        f"{found.trainings:,} of {counted(found.cells * found.wanted.draws, 'training')}, {found.share:.0%} of the "
        f"grid's expected time; {found.seconds / 60:.1f} minutes. The grid's choice may be better on val by about "
        f"{found.expected_loss:.1f} points. The search asked for {counted(found.at_once, 'cell')} at once, one for "
        "each worker: with another number of workers it may try and choose other cells.",
    )  # fmt: skip


def worst(found: Found) -> Verdict:
    """The worse of the verdicts over its own baseline and over the best network from scratch."""
    verdicts = {found.chosen.verdict, *([found.scratch.verdict] if found.scratch else [])}
    return next(one for one in ("loss", "undecided", "gain") if one in verdicts)
