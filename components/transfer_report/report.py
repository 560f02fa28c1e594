"""Writes all results of a run for the user, only from ledgers. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

from analysis.cells.cell_summaries import class_f1s, summarise
from analysis.cells.grid import Grid
from analysis.cells.paired_ledgers import pair_ledgers
from analysis.claims.claims import write_claims
from analysis.findings.blessing import Candidate, Decision, Evaluation, decide
from analysis.findings.confirmed import Confirmation
from analysis.findings.findings import find
from analysis.findings.labels_ahead import labels_ahead, labels_ahead_json
from analysis.findings.learning_curves import Pace, write_measures
from analysis.transfer_prediction.predicted_gains import BeforeTraining
from components.transfer_report.executions_table import executions, write_csv
from components.transfer_report.figures.figures import (
    Picture,
    write_figures,
    write_labels,
    write_mistakes,
    write_near_duplicates,
)
from components.transfer_report.figures.mistakes import TargetImages
from components.transfer_report.page.before_training import write_before_training
from components.transfer_report.page.controls import without_controls, write_controls
from components.transfer_report.page.page import render_page
from components.transfer_report.settings import ReportSettings
from components.transfer_report.summary import Summary, left_undone, summarised
from experiment.errors import ThawError, listed
from ledger.ledger import content_key
from ledger.rows import Header, Row

__all__ = ["Evaluation", "Summary", "write_report"]

ABOUT = ("experiment", "data", "synthetic", "target_classes", "test_images", "seed")
"""Of a summary, what claims.json says too."""


def write_report(
    out_dir: Path, ledgers: list[tuple[Header, list[Row]]], confirmation: Confirmation,
    outcomes: Mapping[str, Evaluation], settings: ReportSettings, before: BeforeTraining,
    images: TargetImages | None = None,
) -> Summary:  # fmt: skip
    """Writes report.html, summary.json, claims.json, figures/, and the tables as CSV.

    Args:
      out_dir: made when absent; files of an earlier report in it are replaced.
      ledgers: the search's header and rows of every transfer and of every baseline.
      confirmation: fresh draws of what they choose: all advice comes from these.
      outcomes: TFMA's, by transfer id.
      settings: see ReportSettings.
      before: what was predicted before training.
      images: the target's test images, of which the page shows those that the winner classifies wrongly.

    Returns:
      What was written to summary.json.

    Raises:
      ThawError: the ledgers don't fit together (see pair_ledgers), all of them are controls', a transfer has no
        execution at the deployed size, or no outcome.
    """
    everything = pair_ledgers(ledgers)
    grid, shown = without_controls(everything, settings.controls)
    summaries = summarise(grid.ledgers)
    decision = decide(_candidates(confirmation, outcomes, settings), settings.blessing)
    pace = Pace(settings.records_per_image, settings.batch_size)
    undone = left_undone(everything, grid, confirmation, settings)
    complete = settings.search == "grid" or not undone["not_trained"]
    found = find(grid, summaries, confirmation, pace, complete=complete, floor=settings.blessing.min_accuracy)
    summary = summarised(everything, confirmation, decision, settings, found) | undone
    winner = decision.winner.candidate.transfer
    summary["labels"] = labels_ahead_json(labels_ahead(grid, confirmation, settings.deployed_size, winner))
    out_dir.mkdir(parents=True, exist_ok=True)
    write_csv(out_dir / "cells.csv", executions(everything))
    write_csv(out_dir / "confirmed.csv", executions(confirmation.ledgers))
    write_measures(out_dir / "learning_curves.csv", found.measures.values(), everything.data)
    write_claims(out_dir / "claims.json", found.claims, {key: summary[key] for key in ABOUT})
    drawn = write_figures(out_dir / "figures", summaries, grid, pace)
    drawn = dataclasses.replace(drawn, labels=write_labels(out_dir / "figures", summary["labels"], everything.data))
    if images is not None:
        drawn = dataclasses.replace(
            drawn,
            mistakes=_mistakes(out_dir / "figures", images, grid, decision),
            near_duplicates=write_near_duplicates(
                out_dir / "figures", images, settings.near_duplicates, settings.near_duplicate_sets, everything.data
            ),
        )
    controls = write_controls(out_dir / "figures", shown, summaries, settings.controls, pace) if shown else None
    predicted = write_before_training(out_dir, before, grid.ledgers, grid.sizes)
    summary["before_training"] = predicted.as_json()
    page = render_page(summary, summaries, grid, confirmation, found, drawn, predicted, controls)
    (out_dir / "report.html").write_text(page, encoding="utf-8")
    text = json.dumps(summary, indent=2, allow_nan=False, ensure_ascii=False)
    (out_dir / "summary.json").write_text(text + "\n", encoding="utf-8")
    return summary


def _mistakes(folder: Path, images: TargetImages, grid: Grid, decision: Decision) -> Picture | None:
    """Those of the winner's first draw, which is the model that is pushed."""
    best = decision.winner.candidate.summary
    sweep = grid.sweeps[best.sweep]
    if content_key(ids=list(images.ids)) != sweep.header.test_ids_hash:
        raise ThawError("The target's test images are not those that the ledgers were written for. Run the same "
                        "configuration again.")  # fmt: skip
    return write_mistakes(folder, images, sweep, sweep.cells[best.cell][0])


def _candidates(
    confirmation: Confirmation, outcomes: Mapping[str, Evaluation], settings: ReportSettings
) -> list[Candidate]:
    """Each transfer's cell of the deployed size, with the evidence on it."""
    candidates = []
    for answer in confirmation.answers:
        transfer, cell = answer.question.chosen
        if answer.question.n != settings.deployed_size:
            continue
        if transfer not in outcomes:
            raise ThawError(
                f"Evaluator has no result of {transfer}. It has results of {listed(sorted(outcomes))}. Run the same "
                "configuration again."
            )
        classes = class_f1s(confirmation.ledgers, transfer, cell, answer.shown_draws("chosen", "baseline"))
        candidates.append(Candidate(transfer, answer.summary, classes, outcomes[transfer], answer.scratch))
    return candidates
