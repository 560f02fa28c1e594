"""The page's answer in sentences: what to do, how sure that is, and why. Imports only the formats and names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.statistics import formats
from experiment.backbones import from_scratch_in_words, network_in_words, unit_of
from experiment.schedules import tuned_in_words
from ledger.cell_selection import rounded_off

UNBALANCED = 1.2
"""The balanced accuracy is named where the largest class has this many times the smallest class's test images."""


def headline(summary: Mapping[str, Any]) -> str:
    """What to do, in one sentence; a second one warns if the advised network may be no better than chance."""
    row = next(row for row in summary["closing_table"] if row["transfer"] == summary["winner"])
    scratch = row["from_scratch"]
    if row["blessed"]:
        return (
            f"Use {network_in_words(row['architecture'])}, transferred from {row['source']}: it gets "
            f"{formats.percent(row['accuracy'])} of the test images right, {_more(scratch['lead_points'])} than the "
            "best network trained from scratch."
        )
    floor = summary["blessing"]["min_accuracy"]
    ahead = scratch["verdict"] == "undecided" and round(scratch["lead_points"], 1) < 0  # as it would be shown
    if (ahead or scratch["verdict"] == "loss") and rounded_off(max(row["accuracy"], scratch["accuracy"])) < floor:
        reached, least = formats.apart(100 * max(row["accuracy"], scratch["accuracy"]), 100 * floor)
        return (
            f"Deploy none of these networks: neither {row['transfer']}, the best transfer on val, nor "
            f"{network_in_words(scratch['architecture'])} from scratch gets more than {reached}% of the test images "
            f"right, and the floor (blessing.min_accuracy) is {least}%."
        )
    if scratch["verdict"] == "loss":
        return (
            f"Do not transfer: {network_in_words(scratch['architecture'])} trained from scratch is better than "
            f"{row['transfer']}, the best transfer on val.{_of_chance(summary, scratch['accuracy_interval'])}"
        )
    if ahead:
        return (
            f"Train {network_in_words(scratch['architecture'])} from scratch: it gets "
            f"{_more(-scratch['lead_points'])} of the test images right than {row['transfer']}, the best transfer on "
            f"val, but the difference is undecided.{_of_chance(summary, scratch['accuracy_interval'])}"
        )
    if scratch["verdict"] == "undecided" and rounded_off(row["accuracy"]) >= floor:
        return (
            f"Undecided: {network_in_words(row['architecture'])}, transferred from {row['source']}, gets "
            f"{formats.percent(row['accuracy'])} of the test images right, "
            f"{network_in_words(scratch['architecture'])} from scratch {formats.percent(scratch['accuracy'])}; the "
            f"difference may be chance.{_of_chance(summary, row['accuracy_interval'])}"
        )
    return f"Do not deploy a transfer yet: {row['transfer']}, the best on val, did not pass every check."


def _of_chance(summary: Mapping[str, Any], interval: Sequence[float]) -> str:
    """A sentence where the interval of the advised network's accuracy reaches down to chance."""
    images = summary["test_images_of_classes"]
    chance = max(images) / sum(images)
    return f" Its accuracy is {formats.no_better_than_chance(chance)}." if interval[0] <= chance else ""


def _more(lead_points: float) -> str:
    return f"{formats.points(lead_points).lstrip('+')} points more"


def how(cell: Mapping[str, Any]) -> str:
    """How a cell transfers, in words: `freeze the first 4 layers, then fine-tune all layers`."""
    if cell.get("held_from"):
        tuned = tuned_in_words(cell["architecture"], cell["freeze_count"], cell["held_from"])
        return f"tune {tuned} and the head, hold the rest"
    unit = unit_of(cell["architecture"])
    count = cell["freeze_count"]
    frozen = "freeze nothing" if not count else f"freeze the first {count} {unit}s"
    if count == 1:
        frozen = f"freeze the first {unit}"
    return f"{frozen}, {'then fine-tune all layers' if cell['fine_tune'] else 'without fine-tuning'}"


def certainty(row: Mapping[str, Any]) -> list[str]:
    """How sure the answer is: the differences with their intervals, as sentences.

    Args:
      row: of the closing table.
    """
    low, high = row["gain_interval_points"]
    gain = f"{formats.points(row['gain_points'])} points {formats.points_interval((low, high))}"
    if row["draws"] < 2:
        difference = f"The difference of {gain} rests on one draw, so it is undecided."
    elif row["verdict"] == "undecided":
        lone = "it is not significant after correction for the comparisons of this report"
        why = "its interval includes 0" if low <= 0 <= high else lone
        difference = f"The difference of {gain} is undecided: {why}."
    else:
        difference = f"The {row['verdict']} is {gain}."
    drawn = formats.draws([row["draws"]])
    return [difference, *_other_scratch(row), f"Brackets: 95% intervals, from {drawn} that the search did not use."]


def evidence(row: Mapping[str, Any], transfers: int, class_images: Sequence[int] = ()) -> list[str]:
    """Why: the figures behind the answer, as sentences.

    Args:
      row: of the closing table.
      transfers: that were compared.
      class_images: test images of each class.
    """
    val = formats.percent(row["val_accuracy"])
    choice = f"{row['transfer']} is the best of {transfers} transfers on val ({val})"
    if transfers == 1:
        choice = f"There was no other transfer to choose; what to freeze was chosen on val ({val})"
    baseline = from_scratch_in_words(row["architecture"], row["baseline_architecture"])
    return [
        f"With {row['n']:,} labelled images, {row['transfer']} reaches {formats.percent(row['accuracy'])} "
        f"{formats.percent_interval(row['accuracy_interval'])} on test ({how(row)}).",
        f"{baseline[0].upper()}{baseline[1:]}, trained on the same images, reaches "
        f"{formats.percent(row['baseline_accuracy'])} {formats.percent_interval(row['baseline_interval'])}.",
        *_balanced(row, class_images),
        f"{choice}, without looking at the test images.",
    ]


def _balanced(row: Mapping[str, Any], images: Sequence[int]) -> list[str]:
    """The balanced accuracy, where the classes differ by a fifth or more in their test images."""
    if not images or max(images) < UNBALANCED * min(images):
        return []
    return [
        f"Classes have {min(images)} to {max(images)} test images. If each class counts equally (balanced accuracy), "
        f"{row['transfer']} reaches {formats.percent(row['balanced_accuracy'])}."
    ]


def _other_scratch(row: Mapping[str, Any]) -> list[str]:
    """The best network from scratch, where that is another than the transfer's own baseline."""
    scratch = row["from_scratch"]
    if scratch["architecture"] == row["baseline_architecture"]:
        return []
    return [
        f"The best network from scratch on val is {network_in_words(scratch['architecture'])} with "
        f"{formats.percent(scratch['accuracy'])} {formats.percent_interval(scratch['accuracy_interval'])} on test. The "
        f"transfer's lead over it is {formats.points(scratch['lead_points'])} points "
        f"{formats.points_interval(scratch['lead_interval_points'])}."
    ]
