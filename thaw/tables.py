"""What the command `thaw` shows as tables. Imports rich; what the tables show is only named for the types."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from analysis.cells.paired_ledgers import BASELINE_PREFIX
from analysis.statistics import formats
from terminal.progress import clock_time
from terminal.tables import FittingTable, between, empty_table, in_two_lines

if TYPE_CHECKING:
    from acquisition.tfrecords.inspection import Inspection
    from pipeline.runner.doctor import Finding
    from pipeline.runner.progress_report import ExperimentState
    from pipeline.runs.run_comparison import Change, Comparison, SweptCell

STYLES = {"ok": "green", "warning": "yellow", "problem": "red", "gain": "green", "loss": "red", "undecided": "yellow"}


def progress_table(experiment: str, state: ExperimentState) -> FittingTable:
    """The progress of each sweep."""
    title = f"Experiment {experiment}" + (f" on {state.data}" if state.data not in ("", experiment) else "")
    rows = [
        (one.sweep, str(one.done), between(one.fewest, one.planned, one.bound), str(one.diverged),
         clock_time(one.training_s))
        for one in state.sweeps
    ]  # fmt: skip
    table = empty_table("sweep", "done", "of", "diverged", "core time", title=title)
    return FittingTable(table, rows)


def tflite_table(about: Mapping[str, Any]) -> FittingTable:
    """Each TensorFlow Lite file against the SavedModel, from agreement.json."""
    rows = []
    for one in about["files"]:
        shares = (f"{one[key]:.1%}" for key in ("accuracy", "saved_model_accuracy", "equal_decisions"))
        rows.append((one["file"], f"{one['size_bytes'] / 1e6:.2f}", *shares, f"{one['largest_difference']:.2g}"))
    table = empty_table(
        "file", "MB", "accuracy", "Saved-\nModel's", "equal\ndecisions", "largest\ndifference",
        caption=f"Against the SavedModel, on {about['test_images']:,} test images of {about['data']}.",
    )  # fmt: skip
    return FittingTable(table, rows)


def comparison_tables(compared: Comparison) -> Iterator[FittingTable]:
    """Two runs cell by cell, then what they chose: a table for each number of draws, those of the search first."""
    for changes, made in ((compared.cells, _cells_table), (compared.answers, _answers_table)):
        for fresh, draws in sorted({(one.fresh, one.points.draws) for one in changes}):
            alike = [one for one in changes if (one.fresh, one.points.draws) == (fresh, draws)]
            many = "s" * (draws > 1)
            yield made(alike, f"{draws} fresh draw{many}" if fresh else f"{draws} draw{many} of the search")


def _cells_table(changes: Sequence[Change], draws: str) -> FittingTable:
    rows = []
    for one in changes:
        sweep, cell = one.first_cell
        tuned = "yes" if cell.fine_tune else "no"
        accuracies = f"{100 * one.first:.1f}", f"{100 * one.second:.1f}"
        rows.append((in_two_lines(sweep), str(cell.n), cell.layers, tuned, *accuracies, *_difference(one)))
    table = empty_table(
        "sweep", "n", "k", "fine-\ntuned", "A %", "B %", "points", "verdict",
        title=f"The same cell in both, on {draws}",
        caption="Points of test accuracy, RUN_B minus RUN_A, with 95% intervals over draws, on these test images "
        "alone. There is none for one draw, or if all draws are equal."
        + " Each run chose its cells on the draws of its search." * (not changes[0].fresh),
    )  # fmt: skip
    return FittingTable(table, rows, [one.first_cell[0] for one in changes])


def _answers_table(changes: Sequence[Change], draws: str) -> FittingTable:
    rows = [
        (str(one.first_cell[1].n), _choice(one.first_cell), _choice(one.second_cell),
         f"{100 * one.first:.1f}\n{100 * one.second:.1f}", *_difference(one))
        for one in changes
    ]  # fmt: skip
    table = empty_table(
        "n", "A's", "B's", "A %\nB %", "points", "verdict", title=f"Best transfers on val, on {draws}",
        caption="Points of test accuracy, RUN_B minus RUN_A, with 95% intervals over draws, on these test "
        "images alone. No cell was chosen on these draws.",
    )  # fmt: skip
    return FittingTable(table, rows, [f"n = {one.first_cell[1].n}" for one in changes])


def advised_from_scratch(summary: Mapping[str, Any]) -> dict[int, str]:
    """By n, the sentence with which a run's report advises a network from scratch, though it chose a transfer too."""
    return {one["n"]: one["sentence"] for one in summary.get("advice", ())
            if one.get("sweep", "").startswith(BASELINE_PREFIX)}  # fmt: skip


def _choice(place: SweptCell) -> str:
    sweep, cell = place
    return f"{in_two_lines(sweep)}\nk={cell.layers}{' fine-tuned' * cell.fine_tune}"


def _difference(change: Change) -> tuple[str, Text]:
    """Its points with their interval, and its verdict."""
    low, high = change.points.bounds
    interval = "[one draw]" if change.points.images_only else "[equal draws]"
    if low is not None and high is not None:
        interval = formats.points_interval((low, high))
    points = f"{formats.points(change.points.estimate)} {interval}"
    return points, Text(change.verdict, style=STYLES[change.verdict])


def labels_table(labels: Mapping[str, Any], data: str, *, synthetic: bool) -> FittingTable:
    """The accuracy expected with more images, a row for each curve with a forecast."""
    from components.transfer_report.page.labels_ahead import label_rows, wished_in_words

    said = [row for row in label_rows(labels) if not row["silent"]]
    rows = [(in_two_lines(row["name"]), row["measured"], *row["ahead"], row["images"]) for row in said]
    ahead = (f"n =\n{times * labels['n']:,}" for times in (2, 5, 20))
    table = empty_table(
        "curve", "measured", *ahead, f"images for\n{wished_in_words(labels['wished_accuracy'])}",
        title=f"{'SYNTHETIC images: ' * synthetic}Accuracy on test with more images, on {data}",
        caption="Expected, with 90% intervals over draws, forms of the curve and test images.",
    )  # fmt: skip
    return FittingTable(table, rows, [row["name"] for row in said])


def finding_lines(findings: Iterable[Finding]) -> Iterator[Text]:
    """What `thaw doctor` found, a line each, with what to do in the line below; only the terminal breaks a path."""
    width = len(max(("ok", "warning", "problem"), key=len))
    for one in findings:
        yield Text.assemble((one.state.ljust(width), STYLES[one.state]), f"  {one.subject}: {one.found}")
        if one.advice:
            yield Text(f"{'':{width}}    {one.advice}")


def classes_table(name: str, found: Inspection) -> FittingTable:
    """Images of each class."""
    rows = [(label, f"{count:,}", f"{found.test_counts[label]:,}") for label, count in found.train_counts.items()]
    return FittingTable(empty_table("class", "train", "test", title=name), rows)


def differences_in_words(
    settings: Mapping[str, tuple[Any, Any]], stacks: Mapping[str, tuple[Any, Any]]
) -> Iterator[str]:  # fmt: skip
    """A line for each setting that differs, within sections that both runs have; and one for the stack."""
    for name, (before, after) in settings.items():
        yield from _changes(name, before, after)
    if stacks:
        parts = "; ".join(f"{name} {_as_yaml(one)} -> {_as_yaml(other)}" for name, (one, other) in stacks.items())
        yield f"Trained with a different stack, which alone may change every figure: {parts}"


def _changes(name: str, before: Any, after: Any) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in (key for key in dict.fromkeys([*before, *after]) if before.get(key) != after.get(key)):
            yield from _changes(f"{name}.{key}", before.get(key), after.get(key))
    else:
        yield f"{name}: {_as_yaml(before)} -> {_as_yaml(after)}"


def _as_yaml(value: Any) -> str:
    """JSON is YAML too; text without quotes, as most would write it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
