"""The table of executions, `cells.csv`: one record per cell and draw. Imports no TensorFlow."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.cells.paired_ledgers import Ledgers, Sweep
from ledger.rows import Row

COLUMNS = (
    "transfer", "source", "architecture", "n", "freeze_count", "fine_tune", "held_from", "draw", "val_accuracy",
    "test_accuracy", "baseline_test_accuracy", "gain_points", "seconds", "outcome", "worse_on_val",
    "data",
)  # fmt: skip


def executions(ledgers: Ledgers) -> list[dict[str, Any]]:
    """One record per execution with the keys COLUMNS.

    The two comparison values are None for a baseline, and where the baseline was not trained: fresh draws of cells that
    only claims compare have no baseline of the same fine_tune (claims.cells_of_claims).

    Accuracies are fractions as the ledger holds them, gain_points percentage points, seconds wall time; outcome and
    worse_on_val say how training went (ledger.rows.Row, ended_worse).
    """
    records = [_record(sweep, row, None) for sweep in ledgers.baselines.values() for row in sweep.rows]
    for sweep in ledgers.transfers.values():
        records += [
            _record(sweep, row, None if baseline is None else baseline.test_accuracy)
            for row, baseline in ledgers.known_baseline_rows(sweep, sweep.rows)
        ]
    return records


def ended_worse(row: Row) -> bool:
    """True if tuning did not raise the accuracy on val and its start was kept, or the curve ends below its start."""
    return row.outcome == "kept" or row.curve[-1][1] < row.curve[0][1]


def write_csv(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Writes records with full precision; booleans as true/false, None as an empty field."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for record in records:
            writer.writerow([_field(record[column]) for column in COLUMNS])


def _record(sweep: Sweep, row: Row, baseline_accuracy: float | None) -> dict[str, Any]:
    header = sweep.header
    gain = None if baseline_accuracy is None else 100 * (row.test_accuracy - baseline_accuracy)
    values = (
        header.sweep, header.source, header.architecture, row.n, row.freeze_count, row.fine_tune, row.held_from,
        row.draw, row.val_accuracy, row.test_accuracy, baseline_accuracy, gain, row.seconds, row.outcome,
        ended_worse(row), header.data,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def _field(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
