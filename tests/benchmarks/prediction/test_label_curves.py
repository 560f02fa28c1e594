"""The evaluation of forecasts: cut curves, naive methods, wished accuracies, on a ledger made by hand. No
TensorFlow."""

import json

import numpy as np
import pandas as pd
import pytest

from analysis.label_curves.curve_prior import read_prior
from benchmarks.prediction import label_curves
from benchmarks.prediction.label_curve_cases import (
    chosen_by_group,
    curves_by_group,
    cut,
    read_ledger_rows,
    run_cases,
)
from experiment.errors import ThawError
from pipeline.runs.run_digests import with_digests

SIZES = (10, 20, 50, 100, 200, 400, 800, 1500, 2000)


def rows(draws=2):
    """Transfer `a` with nothing and everything (k=2) frozen, and a network from scratch; errors fall as n^-0.5."""
    found = []
    for name, ways in (("a__original", ((0, False), (0, True), (2, False))), ("baseline__original", ((0, False),))):
        for frozen, tuned in ways:
            for n in SIZES:
                for draw in range(draws):
                    error = 0.5 * (1 + n / (20 if name[0] == "a" else 90)) ** -0.5 + 0.02 * frozen + 0.002 * draw
                    found.append({"transfer": name, "n": n, "freeze_count": frozen, "fine_tune": tuned, "draw": draw,
                                  "val_accuracy": 1 - error, "test_accuracy": 1 - error, "held_from": 0})  # fmt: skip
    return pd.DataFrame(found)


@pytest.fixture
def ledger(tmp_path):
    rows().to_csv(tmp_path / "ledger.csv.gz", index=False)
    return tmp_path / "ledger.csv.gz"


def test_an_execution_with_nothing_frozen_counts_once(ledger):
    curves = curves_by_group(read_ledger_rows(ledger))
    assert {name: list(ways) for name, ways in curves.items()} == {
        "a__original": ["k=0", "k=2"], "baseline__original": ["k=0"],
    }  # fmt: skip
    assert [curve.frozen for curve in curves["a__original"].values()] == [0, 1]
    assert curves["baseline__original"]["k=0"].from_scratch


def test_a_ledger_that_is_none_is_refused(tmp_path):
    with pytest.raises(ThawError, match="missing or damaged"):
        read_ledger_rows(tmp_path / "nothing.csv")


def test_a_cut_curve_knows_nothing_of_its_future(ledger):
    case = cut("a__original", "k=0", curves_by_group(read_ledger_rows(ledger))["a__original"]["k=0"], 100, (800, 2000))
    assert [point.n for point in case.known.points] == [10, 20, 50, 100] and case.most == 100
    assert list(case.future) == [800, 2000]
    assert list(case.measured[0]) == [10, 20, 50, 100, 800, 2000]


def test_what_val_chooses_is_one_curve_a_transfer(ledger):
    chosen = chosen_by_group(read_ledger_rows(ledger))
    assert chosen["a__original"].left[0] == pytest.approx((1 + 0.5) ** -0.5 + 0.002)


def judged(ledger, wide=False):
    curve = curves_by_group(read_ledger_rows(ledger))["a__original"]["k=0"]
    prior = label_curves.wide_prior(0.1) if wide else read_prior()
    case = cut("a__original", "k=0", curve, 100, (200, 800, 2000))
    return pd.DataFrame(list(label_curves._judged(case, {"Thaw": prior}, "every cell")))


def test_naive_ways_are_the_last_value_and_the_line_in_log_n(ledger):
    table = judged(ledger)
    last = table[table["method"] == "last value"].dropna(subset=["n"])
    assert np.ptp(last["expected"]) == 0
    line = table[table["method"] == "straight in log n"].dropna(subset=["n"]).set_index("n")["expected"]
    assert line[800] > line[200] > last["expected"].iloc[0] and line[2000] == 1  # it is cut at all right


@pytest.mark.parametrize("wide", [False, True])
def test_a_power_law_is_foretold_within_three_points(ledger, wide):
    table = judged(ledger, wide)
    found = label_curves.summary(table[table["method"] == "Thaw"], ["method"]).loc["Thaw"]
    assert found["forecasts"] == 3 and found["rms"] < 3


def test_wishes_are_those_first_had_beyond_what_is_known(ledger):
    table = judged(ledger)
    asked = sorted(set(table["wished"].dropna()))
    case = cut("a", "k=0", curves_by_group(read_ledger_rows(ledger))["a__original"]["k=0"], 100, (200, 800, 2000))
    sizes, means = case.measured
    assert asked == [one for one in label_curves.WISHED if means[sizes <= 100][-1] < one <= means[-1]] and asked


def test_the_last_size_of_a_run_is_its_future(tmp_path):
    some = rows()
    some[some["n"].isin((50, 200, 800)) & ~(some["fine_tune"])].to_csv(tmp_path / "confirmed.csv", index=False)
    summary = {"data": "photos", "target_classes": ["a", "b"], "target": {}, "stack": {}}
    (tmp_path / "summary.json").write_text(json.dumps(with_digests(summary, tmp_path)))
    cases = run_cases(tmp_path)
    assert {case.group for case in cases} == {"a__original", "baseline__original"}
    assert all(case.most == 200 and list(case.future) == [800] for case in cases)
    with pytest.raises(ThawError, match="missing or damaged"):
        run_cases(tmp_path / "nowhere")
    some.to_csv(tmp_path / "confirmed.csv", index=False)
    with pytest.raises(ThawError, match="it was altered"):
        run_cases(tmp_path)


def test_the_program_prints_its_tables_and_writes_every_forecast(ledger, tmp_path, capsys):
    assert label_curves.main(["--ledger", str(ledger), "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "by method" in said and "straight in log n" in said and "nothing said of 0 of" in said
    table = pd.read_csv(tmp_path / "label_curves.csv")
    assert set(table["known up to"]) == {100, 400}
    assert set(table["method"]) == {
        "Thaw", "Thaw, nothing learned from others", "last value", "straight in log n",
    }  # fmt: skip
