"""The gains that `thaw advise` is calibrated on, and the file that is written; by hand, no training."""

import numpy as np
import pandas as pd
import pytest
import yaml

from analysis.transfer_prediction.advice_rule import PREDICTORS, read_rule
from benchmarks.prediction.calibrate import RECORD, gains_of, included, main, rule_of
from benchmarks.prediction.ridge_intervals import calibrate


def training(source, freeze_count, test, **changed):
    probes = {} if source == "scratch" else {"pixels": -0.5, "here": -0.4, "top": -0.2}
    return {"target": "signs 0 1", "kind": "signs", "classes": 2, "n": 20, "draw": 0, "source": source,
            "architecture": "original", "freeze_count": freeze_count, "val": test, "test": test, "collapsed": False,
            **probes, **changed}  # fmt: skip


def test_a_gain_is_over_the_mean_of_the_trainings_from_scratch_that_learned():
    rows = [
        training("scratch", 0, 0.6), training("scratch", 0, 0.7, draw=1), training("scratch", 0, 0.5, collapsed=True),
        training("scratch", 0, 0.9, n=100), training("a", 4, 0.75), training("a", 8, 0.55, collapsed=None),
        training("a", 8, 0.99, n=200),
    ]  # fmt: skip
    found = gains_of(pd.DataFrame(rows))
    assert found["gain_points"].tolist() == pytest.approx([10.0, -10.0])  # nothing is known of 200 images from scratch
    assert found["per_class"].tolist() == [10, 10]


def test_nothing_frozen_has_the_pixels_probe_and_the_top_is_the_deepest_cut():
    rows = [training("scratch", 0, 0.6), training("a", 0, 0.7), training("a", 4, 0.7)]
    first, second = gains_of(pd.DataFrame(rows))["x"]
    here, top = PREDICTORS.index("here"), PREDICTORS.index("top")
    assert first[here] == 0 and second[here] == pytest.approx(0.1)
    assert first[top] == second[top] == pytest.approx(0.3)


def test_what_is_written_predicts_as_what_was_fitted():
    random = np.random.default_rng(0)
    x, y = random.normal(5, 2, (60, len(PREDICTORS))), random.normal(size=60)
    found = calibrate(x, y, np.arange(60) % 4, np.repeat([10, 50], 30), 0.9)
    rule = rule_of(found, {"targets": "4"}, 0.8)
    assert rule.expected(x) == pytest.approx(found.rule.predict(x))
    assert (rule.per_class, rule.low, rule.high) == ((10, 50), found.low, found.high)
    within, beyond = found.low[0] / 2, 2 * found.high[1]
    assert included(found, np.array([within, beyond]), np.array([10, 50])) == 0.5


def test_the_shipped_rule_is_the_one_that_the_record_gives(tmp_path, capsys):
    main(["--out", str(tmp_path / "calibration.yaml")])
    made = yaml.safe_load((tmp_path / "calibration.yaml").read_text())
    shipped = read_rule().model_dump(mode="json")
    for name, value in made.items():
        assert shipped[name] == (pytest.approx(value, rel=1e-6) if name in ("mean", "scale", "weights", "low", "high")
                                 else pytest.approx(value) if isinstance(value, float) else value), name  # fmt: skip
    assert "rule on kinds left out" in capsys.readouterr().out


def test_the_record_has_twenty_targets_of_three_kinds_and_networks_from_scratch_on_each():
    rows = pd.read_csv(RECORD)
    assert rows["target"].nunique() == 20
    assert set(rows["kind"]) == {"cifar10", "signs", "ants_bees"}
    scratch = rows[rows["source"] == "scratch"].groupby(["target", "n"]).size()
    assert len(scratch) == len(rows.groupby(["target", "n"]))
