"""The table printed at the end of a run, from summary.json's values. Imports only rich and the formats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from analysis.statistics import formats
from experiment.errors import counted
from experiment.schedules import layers_in_table
from terminal.tables import FittingTable

_STYLES = {"gain": "green", "loss": "red", "undecided": "yellow"}


def closing_table(summary: dict[str, Any]) -> FittingTable:
    """Builds the closing table, or blocks if the terminal is too narrow for it; the reasons follow in full.

    Args:
      summary: the content of summary.json.
    """
    title, data = f"Experiment {summary['experiment']}", summary["data"]
    if data != summary["experiment"]:  # `thaw init` gives both the name of the folder
        title += f" on {data}"
    if summary["synthetic"]:
        title = f"SYNTHETIC images: {title}"
    table = Table(
        title=Text(title, style="bold red" if summary["synthetic"] else "bold"),
        caption=_notes(summary),
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=0,
    )
    table.add_column("transfer")
    for name in ("best\nk", "fine-\ntune", "n", "draws", "accuracy\n%", "baseline\n%", "gain\npoints"):
        table.add_column(name, justify="right")
    table.add_column("verdict,\nblessed")
    rows = [_row(row, is_winner=row["transfer"] == summary["winner"]) for row in summary["closing_table"]]
    return FittingTable(table, rows, [row["transfer"] for row in summary["closing_table"]])


def _row(row: dict[str, Any], is_winner: bool) -> list[Text]:
    def bounds(interval: list[float]) -> str:
        return f"{100 * interval[0]:.1f}-{100 * interval[1]:.1f}"

    low, high = (formats.points(bound) for bound in row["gain_interval_points"])
    gain = Text(f"{formats.points(row['gain_points'])}\n{low}, {high}", style=_STYLES[row["verdict"]])
    return [
        Text(f"{row['source']}\n{row['architecture']}", style="bold" if is_winner else ""),
        Text(layers_in_table(row["freeze_count"], row.get("held_from", 0))),
        Text("yes" if row["fine_tune"] else "no"),
        Text(str(row["n"])),
        Text(str(row["draws"])),
        Text(f"{100 * row['accuracy']:.1f}\n{bounds(row['accuracy_interval'])}"),
        Text(f"{100 * row['baseline_accuracy']:.1f}\n{bounds(row['baseline_interval'])}"),
        gain,
        Text(f"{row['verdict']},\n{'yes' if row['blessed'] else 'no'}", style=_STYLES[row["verdict"]]),
    ]


def _against_scratch(row: Mapping[str, Any]) -> str:
    """The lead over the best network from scratch, if that is not the baseline; otherwise the lead is the gain."""
    best = row["from_scratch"]
    return (
        f"{row['transfer']} against the best network from scratch on val, {best['sweep']} "
        f"({formats.percent(best['accuracy'])}): {formats.points(best['lead_points'])} points "
        f"{formats.points_interval(best['lead_interval_points'])}."
    )


_DIVERGED = {
    "retried": "diverged; repeated at a quarter of the learning rate, it did not",
    "diverged": "diverged, and again at a quarter of the learning rate: all means include the accuracy of its initial "
    "weights",
}
_WORSE_ON_VAL = "worse_on_val in cells.csv and confirmed.csv"


def _notes(summary: dict[str, Any]) -> Text:
    """The lines below the table: the winner, every reason, what was left out."""
    winner = summary["winner"]
    fate = "blessed" if summary["pushed"]["blessed"] else "not blessed, so nothing is pushed"
    lines = [f"Best on val: {winner}, {fate}.", *(one["sentence"] for one in summary.get("advice", ()))]
    for row in summary["closing_table"]:
        if not row["blessed"]:
            lines.append(f"{row['transfer']} is not blessed: {'; '.join(row['reasons'])}.")
    lines += [_against_scratch(row) for row in summary["closing_table"]
              if row["from_scratch"]["architecture"] != row["baseline_architecture"]]  # fmt: skip
    lines += [f"{transfer} was left out: {reason}" for transfer, reason in summary["left_out"].items()]
    lines += [*budget_notes(summary), *divergence_notes(summary)]
    note = (
        "All figures come from fresh draws, which the search did not use; below each is its 95% interval. The verdict "
        "is on the gain and allows for the number of comparisons (Holm), so an interval above 0 can still be undecided."
    )
    lines.append(note)
    return Text("\n".join(lines), style="not italic")


def kept_models(summary: Mapping[str, Any]) -> list[str]:
    """Where the pushed model is, or if none is pushed, the trained ones; to print below the table, in lines that are
    not broken: paths are copied."""
    pushed = summary["pushed"]
    if pushed["blessed"]:
        return [f"{pushed['transfer']} is pushed and can be served: {pushed['path']}"] if pushed["path"] else []
    models = summary.get("trained_models", {})
    return [f"{name} is trained and can be served: {path}" for name, path in models.items()]


def budget_notes(summary: Mapping[str, Any]) -> list[str]:
    """Sentences about what a search left out and a run had no time for; empty where all was trained and confirmed."""
    missing, unconfirmed, notes = summary.get("not_trained", {}), summary.get("not_confirmed", []), []
    searched = missing and summary.get("search") == "bayesian"
    if searched:
        planned = summary["planned_trainings"]
        reason = ", or had no time for" if summary.get("budget_minutes") else ""
        notes.append(f"The search made {planned - sum(missing.values()):,} of the grid's {planned:,} trainings and "
                     f"left out those that it expected no gain from{reason}. --set search=grid makes all.")  # fmt: skip
    elif missing:
        by_sweep = ", ".join(f"{count:,} of {name}" for name, count in missing.items())
        share = f"{sum(missing.values()):,} of the search's {summary['planned_trainings']:,} trainings"
        notes.append(f"Unfinished: {share} were not made ({by_sweep}). Thaw chose the best of the others.")
    if unconfirmed:
        sizes = ", ".join(f"n = {n:,}" for n in unconfirmed)
        have = "has" if len(unconfirmed) == 1 else "have"
        notes.append(f"Unfinished: {sizes} {have} no fresh draws yet, so the report has no answer there.")
    wanted = summary.get("fresh_draws", 0)
    fewer = [
        f"n = {row['n']:,} has {row['draws']} of {wanted} fresh draws"
        for row in summary.get("confirmed", ())
        if row["draws"] < wanted
    ]
    if fewer:
        notes.append(f"Unfinished: {', '.join(fewer)}. More draws make the intervals narrower.")
    if unconfirmed or fewer or (missing and summary.get("budget_minutes")):
        notes.append("`thaw run` with the same options, and more minutes or no time limit, continues from here.")
    return notes


def divergence_notes(summary: Mapping[str, Any]) -> list[str]:
    """Sentences about trainings that diverged, learned too little or ended below their start; empty if none did."""
    counts = {outcome: sum(one["outcome"] == outcome for one in summary["diverged"]) for outcome in _DIVERGED}
    notes = list(dict.fromkeys([*summary["collapsed"], *summary.get("underfit", ())]))  # older runs lack the second
    notes += [f"{_trainings(count)} {_DIVERGED[outcome]} (summary.json names which)."
             for outcome, count in counts.items() if count]  # fmt: skip
    worse = summary["worse_on_val"]
    kept = sum(one["outcome"] == "kept" for one in worse)
    if kept:
        notes.append(f"In {_trainings(kept)}, tuning did not raise the accuracy on val, so the network before tuning "
                     f"was kept ({_WORSE_ON_VAL}).")  # fmt: skip
    if len(worse) > kept:
        notes.append(
            f"{_trainings(len(worse) - kept)} ended with a lower accuracy on val than before training "
            f"({_WORSE_ON_VAL})."
        )
    return notes


def _trainings(count: int) -> str:
    return counted(count, "training")
