"""What the command `thaw` shows as tables. Imports rich; what the tables show is only named for the types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from acquisition.inspection import Inspection
    from pipeline.comparison import Change
    from pipeline.doctor import Finding
    from pipeline.progress_report import ExperimentState

STYLES = {"ok": "green", "warning": "yellow", "problem": "red", "gain": "green", "loss": "red", "undecided": "yellow"}
WORDS = ("sweep", "class", "file", "verdict")
"""Columns that are read from the left; figures are aligned on the right."""


def progress_table(experiment: str, state: ExperimentState) -> Table:
    """How far each sweep is."""
    title = f"Experiment {experiment}" + (f" on {state.data}" if state.data else "")
    table = _table("sweep", "done", "planned", "diverged", "core-hours", title=escape(title))
    for one in state.sweeps:
        hours = f"{one.training_s / 3600:.2f}"
        table.add_row(one.sweep, str(one.done), str(one.planned), str(one.diverged), hours)
    return table


def tflite_table(about: Mapping[str, Any]) -> Table:
    """Each TensorFlow Lite file against the SavedModel, from agreement.json."""
    table = _table(
        "file", "MB", "accuracy", "SavedModel's", "equal decisions", "largest difference",
        caption=f"Against the SavedModel, on {about['test_images']} test images of {about['data']}.",
    )  # fmt: skip
    for one in about["files"]:
        shares = (f"{one[key]:.1%}" for key in ("accuracy", "saved_model_accuracy", "equal_decisions"))
        table.add_row(one["file"], f"{one['size_bytes'] / 1e6:.2f}", *shares, f"{one['largest_difference']:.2g}")
    return table


def comparison_table(changes: Iterable[Change]) -> Table:
    """Two runs cell by cell."""
    table = _table(
        "sweep", "n", "k", "fine-tuned", "A %", "B %", "points", "verdict",
        caption="Points of test accuracy, RUN_B less RUN_A, with 95% intervals over draws.",
    )  # fmt: skip
    for one in changes:
        points = f"{one.points.estimate:+.1f} [{one.points.low:+.1f}, {one.points.high:+.1f}]"
        accuracies = f"{100 * one.first:.1f}", f"{100 * one.second:.1f}"
        verdict = f"[{STYLES[one.verdict]}]{one.verdict}[/]"
        tuned = "yes" if one.fine_tune else "no"
        name = one.sweep.replace("__", "\n")  # else cut off at 80 columns
        table.add_row(name, str(one.n), str(one.freeze_count), tuned, *accuracies, points.replace("[", "\\["), verdict)
    return table


def findings_table(findings: Iterable[Finding]) -> Table:
    """What `thaw doctor` found."""
    table = Table(show_edge=False)
    for column in ("", "", "found", "what to do"):
        table.add_column(column, overflow="fold")
    for one in findings:
        table.add_row(f"[{STYLES[one.state]}]{one.state}[/]", one.subject, one.found, one.advice)
    return table


def classes_table(name: str, found: Inspection) -> Table:
    """Images of each class."""
    table = _table("class", "train", "test", title=name)
    for label, count in found.train_counts.items():
        table.add_row(label, f"{count:,}", f"{found.test_counts[label]:,}")
    return table


def _table(*columns: str, title: str | None = None, caption: str | None = None) -> Table:
    table = Table(title=title, title_justify="left", caption=caption)
    for column in columns:
        table.add_column(column, justify="left" if column in WORDS else "right")
    return table
