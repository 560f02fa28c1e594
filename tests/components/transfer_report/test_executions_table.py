"""The columns, order and precision of cells.csv. Imports no TensorFlow."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest

from analysis.cells.paired_ledgers import pair_ledgers
from components.transfer_report.executions_table import ended_worse, executions, write_csv
from ledger.rows import Header, Row
from tests.analysis.report_ledgers import make_row

HEADER = (
    "transfer,source,architecture,n,freeze_count,fine_tune,held_from,draw,val_accuracy,test_accuracy,"
    "baseline_test_accuracy,gain_points,seconds,outcome,worse_on_val,data"
)


@pytest.fixture(scope="module")
def written(quick_ledgers: list[tuple[Header, list[Row]]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("csv") / "cells.csv"
    write_csv(path, executions(pair_ledgers(quick_ledgers)))
    return path


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_columns_are_those_promised_in_their_order(written: Path) -> None:
    assert written.read_text().splitlines()[0] == HEADER


def test_there_is_one_row_per_execution(written: Path) -> None:
    # Baseline 3 sizes x 2 tunings x 2 draws; each of two transfers 3 x 3 counts x 2 x 2.
    assert len(read(written)) == 12 + 2 * 36


def test_a_baselines_comparison_is_empty(written: Path) -> None:
    rows = [row for row in read(written) if row["transfer"] == "baseline__original"]
    assert {(row["baseline_test_accuracy"], row["gain_points"], row["source"]) for row in rows} == {("", "", "")}


def test_the_gain_is_against_the_baseline_of_the_same_draw(written: Path) -> None:
    rows = read(written)
    baseline = {(r["n"], r["fine_tune"], r["draw"]): r for r in rows if r["transfer"].startswith("baseline")}
    for row in rows:
        if not row["transfer"].startswith("baseline"):
            twin = baseline[row["n"], row["fine_tune"], row["draw"]]
            assert row["baseline_test_accuracy"] == twin["test_accuracy"]
            difference = float(row["test_accuracy"]) - float(twin["test_accuracy"])
            assert float(row["gain_points"]) == pytest.approx(100 * difference)


def test_accuracies_keep_every_digit(written: Path, quick_ledgers: list[tuple[Header, list[Row]]]) -> None:
    _, rows = quick_ledgers[1]
    values = {float(row["val_accuracy"]) for row in read(written)}
    assert {row.val_accuracy for row in rows} <= values


def test_truth_values_are_lower_case_and_data_are_named(written: Path) -> None:
    rows = read(written)
    assert {row["fine_tune"] for row in rows} == {"true", "false"}
    assert {row["data"] for row in rows} == {"SYNTHETIC shapes"}


@pytest.mark.parametrize(
    ("curve", "outcome", "worse"),
    [
        (((0, 0.5), (30, 0.7)), "trained", False),
        (((0, 0.5), (30, 0.5)), "trained", False),
        (((0, 0.5), (30, 0.48)), "trained", True),
        (((0, 0.5), (30, 0.7), (45, 0.7)), "kept", True),
        (((0, 0.5),), "diverged", False),
    ],
)
def test_a_training_that_ended_below_its_start_on_val_is_marked(
    curve: tuple[tuple[int, float], ...], outcome: str, worse: bool
) -> None:
    row = make_row((20, 4, True), 0, np.ones(10, bool), curve=curve)
    assert ended_worse(dataclasses.replace(row, outcome=outcome)) == worse
