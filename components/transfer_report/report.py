"""Writes everything a user takes away of a run, from ledgers alone. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydantic

from analysis.cells.cell_summaries import balanced_accuracy, class_f1s, summarise
from analysis.cells.grid import Grid
from analysis.cells.paired_ledgers import Ledgers, pair_ledgers
from analysis.claims.claims import write_claims
from analysis.findings.blessing import Candidate, Decision, Evaluation, Outcome, decide
from analysis.findings.confirmed import Confirmation
from analysis.findings.findings import Findings, advice_json, confirmed_json, find, labels_json
from analysis.findings.learning_curves import Pace, write_measures
from analysis.transfer_prediction.predicted_gains import BeforeTraining
from components.transfer_report.executions_table import ended_worse, executions, write_csv
from components.transfer_report.figures.figures import (
    Picture,
    is_synthetic,
    write_figures,
    write_mistakes,
    write_near_duplicates,
)
from components.transfer_report.figures.mistakes import TargetImages
from components.transfer_report.page.before_training import write_before_training
from components.transfer_report.page.controls import without_controls, write_controls
from components.transfer_report.page.page import render_page
from experiment.config import Blessing
from experiment.domains import Control
from experiment.errors import ThawError
from experiment.schedules import Search
from ledger.ledger import content_key
from ledger.rows import Header, Row

__all__ = ["Evaluation", "ReportSettings", "Summary", "write_report"]

Summary = dict[str, Any]
"""What summary.json holds: JSON values alone; accuracies as fractions, gains in percentage points."""
ABOUT = ("experiment", "data", "synthetic", "target_classes", "test_images", "seed")
"""Of a summary, what claims.json says too."""


class ReportSettings(pydantic.BaseModel):
    """What the ledgers don't say; the node's JSON parameter."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    experiment: str
    """The configuration's name."""
    deployed_size: int
    """The n at which candidates are chosen."""
    blessing: Blessing
    transfers_left_out: dict[str, str]
    """Transfer id -> why it was not swept."""
    versions: dict[str, str]
    seed: int
    records_per_image: int
    """A training image and its copies; with `batch_size` the length of an epoch in steps."""
    batch_size: int
    configuration: dict[str, Any] = {}
    """The experiment's, without the places where it keeps things; for the model card."""
    near_duplicates: tuple[tuple[str, ...], ...] = ()
    """Ids of pictures that `thaw init` kept in one split, the first sets of all."""
    near_duplicate_sets: int = 0
    """All of them."""
    controls: dict[str, Control] = {}
    """They are shown, and chosen by nothing."""
    budget_minutes: float | None = None
    search: Search = "grid"
    """Whether the sweeps of transfers train all that is planned."""
    planned: dict[str, int] = {}
    """The grid's trainings, by sweep."""


def write_report(
    out_dir: Path, ledgers: list[tuple[Header, list[Row]]], confirmation: Confirmation,
    outcomes: Mapping[str, Evaluation], settings: ReportSettings, before: BeforeTraining,
    images: TargetImages | None = None,
) -> Summary:  # fmt: skip
    """Writes report.html, summary.json, claims.json, figures/, and the tables as CSV.

    Args:
      out_dir: made when absent; files of an earlier report in it are replaced.
      ledgers: the search's header and rows of every transfer and of every baseline.
      confirmation: fresh draws of what they choose: of these is all that a user is told to act on.
      outcomes: TFMA's, by transfer id.
      settings: see ReportSettings.
      before: what was predicted before training.
      images: the target's test images, of which the page shows those that the winner calls wrongly.

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
    found = find(grid, summaries, confirmation, pace)
    summary = _summary(everything, confirmation, decision, settings, found)
    summary |= _left_undone(everything, grid, confirmation, settings)
    out_dir.mkdir(parents=True, exist_ok=True)
    write_csv(out_dir / "cells.csv", executions(everything))
    write_csv(out_dir / "confirmed.csv", executions(confirmation.ledgers))
    write_measures(out_dir / "learning_curves.csv", found.measures.values(), everything.data)
    write_claims(out_dir / "claims.json", found.claims, {key: summary[key] for key in ABOUT})
    drawn = write_figures(out_dir / "figures", summaries, grid, pace)
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
                f"Evaluator has said nothing of {transfer}; it spoke of {sorted(outcomes)}. Run the same "
                "configuration again."
            )
        classes = class_f1s(confirmation.ledgers, transfer, cell)
        candidates.append(Candidate(transfer, answer.summary, classes, outcomes[transfer], answer.scratch))
    return candidates


def _summary(
    everything: Ledgers, confirmation: Confirmation, decision: Decision, settings: ReportSettings, found: Findings
) -> Summary:
    """What summary.json says of all sweeps, and of those that are no controls; `before_training` comes later."""
    winner = decision.winner
    ledgers = confirmation.ledgers
    header = ledgers.transfers[winner.candidate.transfer].header
    return {
        "experiment": settings.experiment,
        "data": ledgers.data,
        "synthetic": is_synthetic(ledgers.data),
        "target_classes": list(header.classes),
        "test_images": len(header.test_labels),
        "test_images_of_classes": np.bincount(header.test_labels, minlength=len(header.classes)).tolist(),
        "target": {
            "content_hash": header.content_hash,
            "test_ids_hash": header.test_ids_hash,
            "test_labels_hash": content_key(labels=header.test_labels),
        },
        "deployed_size": settings.deployed_size,
        "seed": settings.seed,
        "blessing": settings.blessing.model_dump(),
        "confirmed": confirmed_json(confirmation),
        "collapsed": [sentence for answer in confirmation.answers for sentence in answer.collapses],
        "closing_table": [_closing_row(outcome, ledgers) for outcome in decision.outcomes],
        "winner": winner.candidate.transfer,
        "pushed": {
            "blessed": decision.pushed,
            "transfer": winner.candidate.transfer if decision.pushed else None,
            "path": None,
            "reason": None if decision.pushed else "; ".join(winner.reasons),
        },
        "left_out": dict(settings.transfers_left_out),
        "controls": dict(settings.controls),
        "versions": dict(settings.versions),
        "stack": dataclasses.asdict(header.stack),
        "seconds_per_node": {},
        "diverged": _named((everything, ledgers), lambda row: row.outcome in ("retried", "diverged")),
        "worse_on_val": _named((everything, ledgers), ended_worse),
        "advice": advice_json(found.advice),
        "labels_needed": labels_json(found.labels),
    }


def _left_undone(everything: Ledgers, grid: Grid, confirmation: Confirmation, settings: ReportSettings) -> Summary:
    """The grid's trainings that were not made, by sweep, and sizes without fresh draws."""
    sweeps = (*everything.baselines.values(), *everything.transfers.values())
    trained = {sweep.header.sweep: len(sweep.rows) for sweep in sweeps}
    lacking = {name: count - trained.get(name, 0) for name, count in settings.planned.items()}
    answered = {answer.question.n for answer in confirmation.answers}
    return {
        "budget_minutes": settings.budget_minutes,
        "search": settings.search,
        "planned_trainings": sum(settings.planned.values()),
        "not_trained": {name: count for name, count in lacking.items() if count},
        "not_confirmed": [n for n in grid.sizes if n not in answered],
    }


def _named(both: Sequence[Ledgers], which: Callable[[Row], bool]) -> list[dict[str, Any]]:
    """Executions that did not go as planned: their figures are in the means, so they are named."""
    return [
        {
            "sweep": sweep.header.sweep, "n": row.n, "freeze_count": row.freeze_count, "fine_tune": row.fine_tune,
            "held_from": row.held_from, "draw": row.draw, "outcome": row.outcome,
        }
        for ledgers in both
        for sweep in (*ledgers.baselines.values(), *ledgers.transfers.values())
        for row in sweep.rows
        if which(row)
    ]  # fmt: skip


def _closing_row(outcome: Outcome, ledgers: Ledgers) -> dict[str, Any]:
    summary, cell = outcome.candidate.summary, outcome.candidate.summary.cell
    scratch = outcome.candidate.scratch
    return {
        "transfer": outcome.candidate.transfer,
        "source": summary.source,
        "architecture": summary.architecture,
        "baseline_architecture": summary.baseline_architecture,
        "n": cell.n,
        "freeze_count": cell.freeze_count,
        "fine_tune": cell.fine_tune,
        "held_from": cell.held_from,
        "draws": summary.draws,
        "val_accuracy": summary.val_accuracy,
        "accuracy": summary.accuracy.estimate,
        "accuracy_interval": [summary.accuracy.low, summary.accuracy.high],
        "balanced_accuracy": balanced_accuracy(ledgers.transfers[outcome.candidate.transfer], cell),
        "baseline_accuracy": summary.baseline.estimate,
        "baseline_interval": [summary.baseline.low, summary.baseline.high],
        "gain_points": summary.gain_points.estimate,
        "gain_interval_points": [summary.gain_points.low, summary.gain_points.high],
        "improvement_percent": summary.improvement_percent,
        "from_scratch": {
            "sweep": scratch.best.sweep,
            "architecture": scratch.best.architecture,
            "val_accuracy": scratch.best.val_accuracy,
            "accuracy": scratch.best.accuracy.estimate,
            "accuracy_interval": [scratch.best.accuracy.low, scratch.best.accuracy.high],
            "lead_points": scratch.lead.estimate,
            "lead_interval_points": [scratch.lead.low, scratch.lead.high],
            "verdict": scratch.verdict,
        },
        "verdict": summary.verdict,
        "blessed": outcome.blessed,
        "reasons": list(outcome.reasons),
    }
