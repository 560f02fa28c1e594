"""What summary.json says of a run. Imports analysis; no page, and no TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from analysis.cells.cell_summaries import balanced_accuracy
from analysis.cells.grid import Grid
from analysis.cells.paired_ledgers import Ledgers
from analysis.findings.blessing import Decision, Outcome
from analysis.findings.confirmed import Confirmation
from analysis.findings.findings import Findings, advice_json, confirmed_json, labels_json
from components.transfer_report.executions_table import ended_worse
from components.transfer_report.figures.figures import is_synthetic
from components.transfer_report.settings import ReportSettings
from ledger.ledger import content_key
from ledger.rows import Header, Row

Summary = dict[str, Any]
"""What summary.json holds: only JSON values; accuracies as fractions, gains in percentage points."""


def summarised(
    everything: Ledgers, confirmation: Confirmation, decision: Decision, settings: ReportSettings, found: Findings
) -> Summary:
    """What summary.json says of all sweeps, and of those that are not controls; `before_training` comes later."""
    winner = decision.winner
    ledgers = confirmation.ledgers
    sweep = ledgers.transfers[winner.candidate.transfer]
    header = sweep.header
    return {
        "experiment": settings.experiment,
        "data": ledgers.data,
        "synthetic": is_synthetic(ledgers.data),
        "target_classes": list(header.classes),
        "test_images": len(header.test_labels),
        "test_images_of_classes": np.bincount(header.test_labels, minlength=len(header.classes)).tolist(),
        "test_groups": len(set(header.test_groups)) or None,
        "effective_test_images": round(sweep.effective_images),
        "target": _target(header),
        "deployed_size": settings.deployed_size,
        "seed": settings.seed,
        "blessing": settings.blessing.model_dump(),
        "confirmed": confirmed_json(confirmation.best),
        "confirmed_transfers": confirmed_json(confirmation.answers),
        "collapsed": [sentence for answer in confirmation.answers for sentence in answer.collapses],
        "underfit": [sentence for answer in confirmation.answers for sentence in answer.underfit],
        "closing_table": [_closing_row(outcome, confirmation) for outcome in decision.outcomes],
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
        "precision_why": settings.precision_why,
        "seconds_per_node": {},
        "diverged": _named((everything, ledgers), lambda row: row.outcome in ("retried", "diverged")),
        "worse_on_val": _named((everything, ledgers), ended_worse),
        "advice": advice_json(found.advice),
        "labels_needed": labels_json(found.labels),
    }


def _target(header: Header) -> dict[str, str]:
    """Fields by which two runs are known to have the same target."""
    return {
        "content_hash": header.content_hash,
        "test_ids_hash": header.test_ids_hash,
        "test_labels_hash": content_key(labels=header.test_labels),
    }


def left_undone(everything: Ledgers, grid: Grid, confirmation: Confirmation, settings: ReportSettings) -> Summary:
    """The grid's trainings that were not made, by sweep, and sizes without fresh draws."""
    sweeps = (*everything.baselines.values(), *everything.transfers.values())
    trained = {sweep.header.sweep: len(sweep.rows) for sweep in sweeps}
    lacking = {name: count - trained.get(name, 0) for name, count in settings.planned.items()}
    answered = {answer.question.n for answer in confirmation.answers}
    return {
        "budget_minutes": settings.budget_minutes,
        "search": settings.search,
        "fresh_draws": settings.fresh_draws,
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
        for row in _made(sweep.rows)
        if which(row)
    ]  # fmt: skip


def _made(rows: Sequence[Row]) -> list[Row]:
    """Each training once: with nothing frozen, a fine-tuned row is that of the same training without fine-tuning."""
    plain = {(row.n, row.freeze_count, row.held_from, row.draw): row.curve for row in rows if not row.fine_tune}
    return [
        row
        for row in rows
        if not (row.fine_tune and plain.get((row.n, row.freeze_count, row.held_from, row.draw)) == row.curve)
    ]


def _closing_row(outcome: Outcome, confirmation: Confirmation) -> dict[str, Any]:
    summary, cell = outcome.candidate.summary, outcome.candidate.summary.cell
    scratch = outcome.candidate.scratch
    sweep = confirmation.ledgers.transfers[outcome.candidate.transfer]
    answer = next(one for one in confirmation.answers if one.question.chosen == (outcome.candidate.transfer, cell))
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
        "balanced_accuracy": balanced_accuracy(sweep, cell, answer.shown_draws("chosen")),
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
