"""The rule behind `thaw advise`: predictors, verdicts, and a file that must be of this version. No TensorFlow."""

import math

import numpy as np
import pytest
import yaml

from analysis.transfer_prediction.advice_rule import (
    CALIBRATION_FILE,
    PREDICTORS,
    AdviceRule,
    predictors_of,
    read_rule,
    verdict_of,
)
from experiment.errors import ThawError


def made_rule(**changes):
    """Expects 10 points for every point of `top`, whatever else."""
    weights = [0.0] * len(PREDICTORS)
    weights[PREDICTORS.index("top")] = 10.0
    values = {
        "provenance": {"targets": "5", "kinds": "SYNTHETIC shapes"}, "level": 0.9,
        "coverage": 0.91, "coverage_of_kinds": 0.8, "error_points": 3.0,
        "predictors": PREDICTORS, "mean": [0.0] * len(PREDICTORS),
        "scale": [1.0] * len(PREDICTORS), "weights": weights, "intercept": 1.0, "per_class": [5, 500],
        "low": [-8.0, -2.0], "high": [6.0, 2.0],
    }  # fmt: skip
    return AdviceRule(**{**values, **changes})


def test_predictors_are_taken_from_the_cut_the_top_and_the_pixels():
    x = dict(zip(PREDICTORS, predictors_of("original", 100, 2, 4, {0: -0.5, 4: -0.4, 8: -0.2}, 8), strict=True))
    assert (x["pixels"], x["log m"], x["log classes"], x["share"], x["mobilenet"]) == (-0.5, 0.0, math.log(2), 0.5, 0.0)
    assert x["here"] == pytest.approx(0.1)
    assert x["top"] == pytest.approx(0.3)
    assert x["top x share"] == pytest.approx(0.15)
    other = predictors_of("mobilenet_v2", 200, 2, 18, {0: -0.5, 18: -0.1}, 18)
    assert other[PREDICTORS.index("mobilenet x log m")] == pytest.approx(math.log(2))


def test_another_backbone_is_taken_for_mobilenet_with_a_share_of_its_own_parts():
    x = dict(zip(PREDICTORS, predictors_of("mine", 100, 2, 3, {0: -0.5, 3: -0.4}, 4), strict=True))
    assert (x["share"], x["mobilenet"]) == (0.75, 1.0)


def test_an_expected_gain_follows_the_rule_and_its_interval_narrows_with_n():
    rule = made_rule()
    x = np.array([predictors_of("original", 100, 2, 8, {0: -0.5, 8: -0.2}, 8)])
    assert rule.expected(x)[0] == pytest.approx(4.0)
    assert rule.bounds(100, 2) == pytest.approx((-5.0, 4.0))
    assert rule.bounds(500, 10) == pytest.approx((-5.0, 4.0))
    assert rule.bounds(4, 3) == (-8.0, 6.0)
    assert rule.bounds(5000, 3) == (-2.0, 2.0)


@pytest.mark.parametrize(
    ("gain", "verdict"),
    [((5, 1, 9), "transfer"), ((5, -1, 9), "may gain nothing"), ((0, -3, 3), "do not transfer"),
     ((-5, -9, -1), "do not transfer")],
)  # fmt: skip
def test_transfer_is_advised_where_the_interval_lies_above_zero_and_refused_where_a_loss_is_likelier(gain, verdict):
    assert verdict_of(*gain) == verdict


def test_the_calibration_that_is_shipped_is_of_this_version_and_says_where_it_comes_from():
    rule = read_rule()
    assert rule.provenance["record_sha256"]
    assert rule.coverage >= rule.level - 0.05
    assert rule.in_words.startswith(
        "Calibrated on 20 targets (CIFAR-10, hand signs, ants and bees). On targets left out"
    )


def test_fewer_images_of_a_class_than_in_the_calibration_are_said_to_be_extrapolated():
    rule = read_rule()
    assert rule.in_words_at([20, 100], 2) == rule.in_words_at([1000], 3) == rule.in_words
    assert rule.in_words_at([8, 10, 400], 2).endswith(
        "10 images of each class or more: at n = 8, 10, expected gains and intervals are extrapolated."
    )


def test_a_calibration_of_another_version_is_refused(tmp_path):
    path = tmp_path / "calibration.yaml"
    values = yaml.safe_load(CALIBRATION_FILE.read_text())
    path.write_text(yaml.safe_dump({**values, "predictors": ["magic"]}))
    with pytest.raises(ThawError, match=r"predictors magic.*benchmarks.prediction.calibrate"):
        read_rule(path)


@pytest.mark.parametrize("text", [None, "", "[", "level: 0.9"])
def test_a_file_that_is_no_calibration_is_refused(tmp_path, text):
    path = tmp_path / "calibration.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ThawError, match=r"is not a calibration of `thaw advise`"):
        read_rule(path)
