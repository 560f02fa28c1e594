"""The report as one self-contained HTML page. Imports jinja2, PIL and the modules of this folder."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from PIL import Image

from analysis.cells.cell_summaries import FALSE_DISCOVERY_RATE, CellSummary, Summaries
from analysis.cells.grid import Grid
from analysis.findings.confirmed import Confirmation
from analysis.findings.findings import Findings, labels_table, measures_table
from analysis.findings.learning_curves import FIRST_EPOCHS
from analysis.statistics import formats
from analysis.transfer_prediction.estimator_agreement import QUESTIONS
from components.transfer_report.figures.figures import Pictures
from components.transfer_report.page.before_training import BeforeTrainingShown
from components.transfer_report.page.closing_table import budget_notes, divergence_notes
from components.transfer_report.page.controls import ControlsShown
from components.transfer_report.page.labels_ahead import label_rows, label_sentences
from experiment.backbones import from_scratch_in_words, network_in_words, unit_of
from experiment.schedules import layers_in_table, tuned_in_words
from ledger.cell_selection import Cell


def render_page(
    summary: Mapping[str, Any], summaries: Summaries, grid: Grid, confirmation: Confirmation, found: Findings,
    drawn: Pictures, before: BeforeTrainingShown, controls: ControlsShown | None = None,
) -> str:  # fmt: skip
    """Renders the page; pictures are embedded, nothing is loaded from elsewhere.

    Args:
      summary: the content of summary.json.
      summaries: every cell.
      grid: what val chose.
      confirmation: fresh draws of it.
      found: what is said beyond single cells.
      drawn: the pictures.
      before: the section on what was known before training.
      controls: the section on them; None if no control was swept.
    """
    rows = {row["transfer"]: row for row in summary["closing_table"]}
    return template_of("page.html.j2", embedded=_embedded).render(
        summary=summary,
        headline=headline(summary),
        evidence=evidence(rows[summary["winner"]], len(rows), summary["test_images_of_classes"]),
        notes=[*budget_notes(summary), *divergence_notes(summary)],
        found=found,
        labels=labels_table(found.labels, confirmation),
        more={"rows": label_rows(summary["labels"]), "sentences": label_sentences(summary["labels"])},
        drawn=drawn,
        before=before,
        questions=QUESTIONS,
        controls=controls,
        sections=[_section(transfer, cells, grid, found, drawn) for transfer, cells in summaries.transfers.items()],
        first_epochs=FIRST_EPOCHS,
        false_discovery_percent=100 * FALSE_DISCOVERY_RATE,
    )


def template_of(name: str, **filters: Callable[..., str]) -> jinja2.Template:
    """A template of this folder, which writes numbers as everything does; HTML is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=jinja2.select_autoescape(("html.j2",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=formats.percent, percent_interval=formats.percent_interval, points=formats.points,
        points_interval=formats.points_interval, layers=layers_in_table, **filters,
    )  # fmt: skip
    return environment.get_template(name)


def _section(
    transfer: str, cells: Sequence[CellSummary], grid: Grid, found: Findings, drawn: Pictures
) -> dict[str, Any]:
    """What the page shows of one transfer."""
    chosen = [(transfer, cell) for cell in grid.chosen.transfers[transfer].values()]
    return {
        "transfer": transfer,
        "cells": cells,
        "counts": Counter(cell.verdict for cell in cells),
        "extremes": extremes(cells),
        "picture": drawn.heat_maps[transfer],
        "freezing": drawn.freezing.get(transfer),
        "measures": measures_table(found.measures, chosen),
    }


def headline(summary: Mapping[str, Any]) -> str:
    """The answer in one sentence."""
    row = next(row for row in summary["closing_table"] if row["transfer"] == summary["winner"])
    if row["blessed"]:
        return f"Use {row['transfer']}: {how(row)}."
    scratch = row["from_scratch"]
    if scratch["verdict"] == "loss":
        return (
            f"Push nothing: {network_in_words(scratch['architecture'])} trained from scratch is better than "
            f"{row['transfer']}, the best transfer on val."
        )
    return f"Push nothing: {row['transfer']}, the best transfer on val, is not blessed."


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


UNBALANCED = 1.2
"""Times as many test images in the largest class as in the smallest, from where on the balanced accuracy is named."""


def evidence(row: Mapping[str, Any], transfers: int, class_images: Sequence[int] = ()) -> list[str]:
    """The figures behind the answer, as sentences.

    Args:
      row: of the closing table.
      transfers: that were compared.
      class_images: test images of each class.
    """
    drawn = formats.draws([row["draws"]])
    choice = f"It is the best of {transfers} transfers on val" if transfers > 1 else "It is the only transfer"
    low, high = row["gain_interval_points"]
    gain = f"{formats.points(row['gain_points'])} points {formats.points_interval((low, high))}"
    baseline = from_scratch_in_words(row["architecture"], row["baseline_architecture"])
    if row["draws"] < 2:
        difference = f"The difference of {gain} rests on one draw, so it is undecided."
    elif row["verdict"] == "undecided":
        lone = "it does not stand out among all comparisons of this report"
        why = "its interval contains 0" if low <= 0 <= high else lone
        difference = f"The difference of {gain} is undecided: {why}."
    else:
        difference = f"The {row['verdict']} is {gain}."
    return [
        f"With {row['n']} labelled images it reaches {formats.percent(row['accuracy'])} "
        f"{formats.percent_interval(row['accuracy_interval'])} on test ({how(row)}; {drawn} that took no part in "
        "choosing).",
        f"{baseline[0].upper()}{baseline[1:]}, trained on the same images, reaches "
        f"{formats.percent(row['baseline_accuracy'])} {formats.percent_interval(row['baseline_interval'])}.",
        *_balanced(row, class_images),
        difference,
        *_other_scratch(row),
        f"{choice} ({formats.percent(row['val_accuracy'])}); test played no part in choosing.",
    ]


def _balanced(row: Mapping[str, Any], images: Sequence[int]) -> list[str]:
    """The balanced accuracy, where the classes differ by a fifth or more in their test images."""
    if not images or max(images) < UNBALANCED * min(images):
        return []
    return [
        f"Classes have {min(images)} to {max(images)} test images; with each class counted alike (balanced accuracy) "
        f"it is {formats.percent(row['balanced_accuracy'])}."
    ]


def _other_scratch(row: Mapping[str, Any]) -> list[str]:
    """The best network from scratch, where that is another than the transfer's own baseline."""
    scratch = row["from_scratch"]
    if scratch["architecture"] == row["baseline_architecture"]:
        return []
    return [
        f"The best network from scratch on val is {network_in_words(scratch['architecture'])} with "
        f"{formats.percent(scratch['accuracy'])} {formats.percent_interval(scratch['accuracy_interval'])} on test; the "
        f"transfer's lead over it is {formats.points(scratch['lead_points'])} points "
        f"{formats.points_interval(scratch['lead_interval_points'])}."
    ]


def extremes(cells: Sequence[CellSummary]) -> list[str]:
    """The largest called gain and the largest called loss of a transfer, as sentences."""
    sentences = []
    for word, sign in (("gain", 1), ("loss", -1)):
        called = [cell for cell in cells if cell.verdict == word]
        if called:
            most = max(called, key=lambda cell: sign * cell.gain_points.estimate)
            interval = most.gain_points
            sentences.append(
                f"The largest {word} is {formats.points(interval.estimate)} points "
                f"{formats.points_interval((interval.low, interval.high))} at {_place(most.cell)}."
            )
    return sentences


def _place(cell: Cell) -> str:
    return f"n={cell.n}, k={cell.layers}, {'fine-tuned' if cell.fine_tune else 'not fine-tuned'}"


def _embedded(path: Path) -> str:
    """The picture as lossless WebP, which every browser since 2020 shows and which is half as large as PNG."""
    packed = io.BytesIO()
    with Image.open(path) as picture:
        picture.save(packed, "WEBP", lossless=True, method=2)
    return "data:image/webp;base64," + base64.b64encode(packed.getvalue()).decode()
