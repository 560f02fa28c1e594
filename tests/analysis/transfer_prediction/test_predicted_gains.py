"""Predicted gains: what the rule makes of probes, and the file between the nodes. No TensorFlow."""

import dataclasses

import numpy as np
import pytest

from analysis.transfer_prediction.predicted_gains import (
    BeforeTraining,
    Estimated,
    forecast,
    predicted_gains_of,
    ranked,
    read_before_training,
)
from experiment.errors import ThawError
from tests.analysis.transfer_prediction.test_advice_rule import made_rule
from transferability.linear_probe import linear_probe

PROBES = {0: (0.6, 0.9), 4: (0.7, 0.5), 8: (0.8, 0.4)}


def made_predicted_gains(**changes):
    ways = (8, 4), (False, True)
    rule = made_rule(**changes)
    return list(
        predicted_gains_of("a__original", "original", 100, *ways, PROBES, rule, most_frozen=8, classes=2, chance=0.5)
    )


def test_every_way_is_predicted_what_the_rule_expects_of_the_probes():
    found = made_predicted_gains()
    assert [(one.freeze_count, one.fine_tune, one.probe_accuracy) for one in found] == [
        (4, False, 0.7), (4, True, 0.7), (8, False, 0.8), (8, True, 0.8),
    ]  # fmt: skip
    # made_rule: 1 + 10 x (0.9 - 0.4), and half way between its bounds at 10 and at 1,000.
    assert {round(one.gain_points, 9) for one in found} == {6.0}
    assert (found[0].low, found[0].high) == pytest.approx((6.0 - 5.0, 6.0 + 4.0))
    assert {one.verdict for one in found} == {"transfer"}


def test_labels_without_signal_give_chance_and_what_the_rule_computes_with_stays():
    random = np.random.default_rng(3)
    labels = np.arange(20) % 2
    probe = linear_probe(random.normal(size=(20, 3)), labels)
    assert probe.accuracy < 0.4  # leave-one-out leans to the class of which no row was left out
    probes = {0: (probe.accuracy, probe.squared_error), 8: (probe.accuracy, probe.squared_error)}
    asked = "a__original", "original", 20, (8,), (False,), probes, made_rule()
    (floored,), (lower,) = (
        list(predicted_gains_of(*asked, most_frozen=8, classes=2, chance=chance)) for chance in (0.5, 0.0)
    )
    assert (floored.probe_accuracy, lower.probe_accuracy) == (0.5, probe.accuracy)
    assert dataclasses.replace(lower, probe_accuracy=0.5) == floored


def test_the_largest_gain_is_first_and_ties_go_by_name_and_freeze_count():
    found = made_predicted_gains()
    assert [(one.freeze_count, one.fine_tune) for one in ranked(reversed(found))] == [
        (4, True), (4, False), (8, True), (8, False),
    ]  # fmt: skip


def test_what_is_written_can_be_read(tmp_path):
    estimates = (Estimated("a__original", 100, 4, 0, "logme", 0.5, 0.1),)
    before = BeforeTraining(calibration="words", level=0.9, predicted_gains={100: tuple(made_predicted_gains())},
                            estimates=estimates, seconds=2.0)  # fmt: skip
    path = tmp_path / "advice.json"
    path.write_text(before.model_dump_json())
    assert read_before_training(path) == before


@pytest.mark.parametrize("text", [None, "{", '{"level": 1}'])
def test_a_file_that_is_no_advice_is_refused(tmp_path, text):
    path = tmp_path / "advice.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ThawError, match="is not advice of this version"):
        read_before_training(path)


def test_a_runs_output_takes_a_forecast_for_no_advice_of_what_to_do():
    best = ranked(made_predicted_gains())[0]
    assert forecast(best, 100) == (
        "forecast from the sources' features, n = 100: a__original, the first 4 frozen: +6.0 points expected, "
        "[+1.0, +10.0] for one training. Sweeps do not use it and may train other cells."
    )
    losing = dataclasses.replace(best, verdict="do not transfer")
    assert "n = 100: no source is expected to gain. Sweeps" in forecast(losing, 100)
