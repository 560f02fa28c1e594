"""Intervals of many metrics at once equal the report's, metric by metric. Imports no TensorFlow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.statistics import paired_intervals
from analysis.statistics.classification_metrics import PseudoValues, metrics_of, pseudo_values
from analysis.statistics.metric_intervals import intervals_of, metric_spread
from analysis.statistics.uncertainty import Spread


def as_metric(correct):
    """[draws, images] as the pseudo-values of one metric."""
    return PseudoValues(np.asarray(correct, np.float64)[None], np.ones((1, len(correct))))


@st.composite
def correct_pairs(draw):
    """Two bool arrays [draws, images] of one shape."""
    shape = draw(st.integers(1, 4)), draw(st.integers(2, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    share = rng.uniform(size=(shape[0], 1))
    return rng.uniform(size=shape) < share, rng.uniform(size=shape) < 0.5


@given(correct_pairs())
def test_intervals_of_accuracies_and_gains_are_those_of_the_report(pair):
    cell, baseline = pair
    expected = paired_intervals.mean_interval(cell)
    found = intervals_of(metric_spread(as_metric(cell)))
    assert found.estimate[0] == pytest.approx(expected.estimate)
    assert max(found.low[0], 0) == pytest.approx(expected.low) and min(found.high[0], 1) == pytest.approx(expected.high)
    gain, _ = paired_intervals.paired_gain_interval(cell, baseline)
    found = intervals_of(metric_spread(as_metric(cell).minus(as_metric(baseline))))
    low, high = max(100 * found.low[0], -100), min(100 * found.high[0], 100)
    assert low == pytest.approx(gain.low) and high == pytest.approx(gain.high)


def test_one_image_has_an_estimate_and_no_interval():
    for draws in (1, 2):
        found = intervals_of(metric_spread(as_metric(np.ones((draws, 1)))))
        assert found.estimate[0] == 1 and np.isnan(found.low[0]) and np.isnan(found.high[0])


def test_what_is_undefined_in_one_draw_is_undefined_in_the_mean():
    values = np.array([[[np.nan] * 3, [1.0, 0.0, 1.0]]])
    found = intervals_of(metric_spread(PseudoValues(values, np.ones((1, 2)))))
    assert np.isnan([found.low[0], found.estimate[0], found.high[0]]).all()


def spread(between, draws=2):
    between = np.array(between)
    return Spread(between * 0, between, between * 0, between * 0, between * 0 + 1, draws)


def test_stacked_spreads_keep_their_order():
    stacked = Spread.stack([spread([1.0, 2.0]), spread([3.0, 4.0])])
    np.testing.assert_array_equal(stacked.between_draws, [[1, 2], [3, 4]])
    assert stacked.draws == 2


def simulated(rng, draws, images, draw_spread=0.15):
    """Probabilities [draws, images, 2] and labels; draws differ in skill and bias, images in difficulty."""
    labels = rng.integers(2, size=images)
    skill, bias = 0.7 + rng.normal(0, draw_spread, (draws, 1)), rng.normal(0, draw_spread, (draws, 1))
    noise = rng.normal(0, 0.6, (draws, images))
    logits = (2 * labels - 1) * (skill + rng.normal(0, 0.8, images) + noise) + bias
    ones = 1 / (1 + np.exp(-2 * logits))
    return np.stack([1 - ones, ones], axis=-1), labels


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    """Each metric of a simulated cell: three draws, 300 images, 150 repeats."""
    rng = np.random.default_rng(11)
    truth = np.mean([pseudo_values(*simulated(rng, 20, 2000)).values.mean(axis=(1, 2)) for _ in range(15)], axis=0)
    held = np.zeros(len(metrics_of(2)))
    repeats = 150
    for _ in range(repeats):
        found = intervals_of(metric_spread(pseudo_values(*simulated(rng, 3, 300))))
        held += (found.low <= truth) & (truth <= found.high)
    assert np.all(held / repeats > 0.90)
