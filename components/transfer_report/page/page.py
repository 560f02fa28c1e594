"""The report as one self-contained HTML page. Imports jinja2, PIL and the modules of this folder."""

from __future__ import annotations

import base64
import functools
import io
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from PIL import Image

from analysis.cells.cell_summaries import FALSE_DISCOVERY_RATE, CellSummary, Summaries
from analysis.cells.grid import Grid
from analysis.claims.claim import Claim
from analysis.findings.confirmed import Confirmation
from analysis.findings.findings import Findings, labels_table, measures_table
from analysis.findings.learning_curves import FIRST_EPOCHS
from analysis.statistics import formats
from analysis.transfer_prediction.estimator_agreement import QUESTIONS
from components.transfer_report.figures.figures import Pictures, is_synthetic
from components.transfer_report.page.answer import certainty, evidence, headline
from components.transfer_report.page.before_training import BeforeTrainingShown
from components.transfer_report.page.closing_table import budget_notes, divergence_notes
from components.transfer_report.page.controls import ControlsShown
from components.transfer_report.page.labels_ahead import label_rows, label_sentences
from experiment.errors import counted, worded
from experiment.schedules import layers_in_table
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
    winner = rows[summary["winner"]]
    return template_of("page.html.j2", embedded=_embedded).render(
        summary=summary,
        headline=headline(summary),
        certainty=certainty(winner),
        evidence=evidence(winner, len(rows), summary["test_images_of_classes"]),
        everywhere=_everywhere(summary),
        notes=[*budget_notes(summary), *divergence_notes(summary)],
        found=found,
        claims=_claims(summary, found),
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


@functools.cache
def template_of(name: str, **filters: Callable[..., str]) -> jinja2.Template:
    """A template of this folder, with the number formats of all outputs; HTML is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=jinja2.select_autoescape(("html.j2",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        percent=formats.percent, percent_interval=formats.percent_interval, points=formats.points,
        points_interval=formats.points_interval, layers=layers_in_table, counted=counted, worded=worded, **filters,
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


def _everywhere(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Answers on every transfer at every n, by transfer; empty where the tables of the best have them all."""
    answers, shown = summary["confirmed_transfers"], summary["confirmed"]
    others = [one for one in answers if one not in shown and one["n"] != summary["deployed_size"]]
    return sorted(answers, key=lambda one: (one["transfer"], one["n"])) if others else []


def _claims(summary: Mapping[str, Any], found: Findings) -> Sequence[Claim]:
    """Empty if the run is not about them, or measures none."""
    shown = is_of_the_original_report(summary["data"]) and any(claim.measured for claim in found.claims)
    return found.claims if shown else ()


def is_of_the_original_report(data: str) -> bool:
    """True for CIFAR-10, which the claims are about, and for the synthetic images that replace it."""
    return is_synthetic(data) or re.search(r"cifar-?10(?!0)", data.lower()) is not None


def extremes(cells: Sequence[CellSummary]) -> list[str]:
    """The largest gain and the largest loss of a transfer, as sentences."""
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
    """The picture as lossless WebP, which every browser since 2020 shows and which is smaller than PNG."""
    packed = io.BytesIO()
    with Image.open(path) as picture:
        # Method 2 takes five times as long for files that are a quarter smaller.
        picture.save(packed, "WEBP", lossless=True, method=0)
    return "data:image/webp;base64," + base64.b64encode(packed.getvalue()).decode()
