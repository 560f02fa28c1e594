"""Cells against their baselines on every slice: the report's accuracies, TFMA's slices, the errors. No TensorFlow."""

import dataclasses
import functools

import numpy as np
import pytest

from analysis.cells.cell_metrics import evaluate_cells
from analysis.cells.cell_summaries import summarise
from analysis.cells.paired_ledgers import pair_ledgers
from analysis.statistics.classification_metrics import Metric, metrics_of
from experiment import features
from experiment.errors import ThawError
from ledger.cell_selection import Cell
from tests.analysis.evaluated_images import images_of, ledger_of  # noqa: F401

GRID = [Cell(n, k, tuned) for n in (20, 100) for k in (6, 8) for tuned in (False, True)]
BASELINE = [Cell(n, 0, tuned) for n in (20, 100) for tuned in (False, True)]
ACCURACY = 0


@pytest.fixture(scope="module")
def images(images_of):
    return images_of(120)


@pytest.fixture(scope="module")
def evaluated(images, ledger_of):
    """A function that evaluates two transfers and their baseline with that many draws: (ledgers, cells)."""

    @functools.cache
    def evaluate(draws, baseline_draws=None):
        ledgers = pair_ledgers([
            ledger_of("baseline__original", images, BASELINE, baseline_draws or draws, skill=0.3),
            ledger_of("cats_dogs__original", images, GRID, draws),
            ledger_of("ships_planes__original", images, GRID, draws),
        ])  # fmt: skip
        return ledgers, list(evaluate_cells(ledgers, images))

    return evaluate


@pytest.mark.parametrize("draws", [1, 2, 3])
def test_accuracies_and_gains_are_the_reports(evaluated, draws):
    ledgers, cells = evaluated(draws)
    summaries = summarise(ledgers)
    reported = {(s.sweep, s.cell): s for group in summaries.transfers.values() for s in group}
    assert {(one.sweep, one.cell) for one in cells} == set(reported) and len(cells) == len(reported)
    for one in cells:
        expected = reported[one.sweep, one.cell]
        for found, interval, unit in (
            (one.candidate, expected.accuracy, 1),
            (one.baseline, expected.baseline, 1),
            (one.gain, expected.gain_points, 100),
        ):
            bounds = [array[0, ACCURACY] * unit for array in (found.low, found.estimate, found.high)]
            assert bounds == pytest.approx([interval.low, interval.estimate, interval.high])
        assert one.draws == draws


def test_values_are_means_over_draws_and_gains_are_paired(evaluated):
    two = evaluated(2)[1]
    first = {(one.sweep, one.cell): one for one in evaluated(1)[1]}
    for one in two:
        np.testing.assert_allclose(one.gain.estimate, one.candidate.estimate - one.baseline.estimate, atol=1e-12)
    # A second draw changes the mean: it is not the first draw's value.
    assert any(one.candidate.estimate[0, ACCURACY] != first[one.sweep, one.cell].candidate.estimate[0, ACCURACY]
               for one in two)  # fmt: skip


def test_a_baseline_of_more_draws_is_compared_over_the_cells_draws(evaluated):
    few, many = evaluated(1)[1], evaluated(1, baseline_draws=3)[1]
    for one, other in zip(few, many, strict=True):
        np.testing.assert_array_equal(one.baseline.estimate, other.baseline.estimate)
        assert other.draws == 1


def test_slices_are_all_images_and_every_class_and_band(images):
    slices = images.slices()
    assert [key for key in slices] == [
        (),
        ((features.CLASS_NAME, "automobile"),), ((features.CLASS_NAME, "truck"),),
        ((features.BRIGHTNESS, "bright"),), ((features.BRIGHTNESS, "dark"),), ((features.BRIGHTNESS, "medium"),),
        ((features.CONTRAST, "high"),), ((features.CONTRAST, "low"),), ((features.CONTRAST, "medium"),),
    ]  # fmt: skip
    for name in images.features:
        parts = [mask for key, mask in slices.items() if key and key[0][0] == name]
        np.testing.assert_array_equal(np.sum(parts, axis=0), 1)


def test_a_slice_counts_its_own_images_alone(evaluated, images):
    ledgers, cells = evaluated(1)
    one = cells[0]
    [row] = ledgers.transfers[one.sweep].cells[one.cell]
    correct = np.argmax(row.test_probabilities, axis=1) == images.labels
    expected = [correct[mask].mean() for mask in images.slices().values()]
    assert one.candidate.estimate[:, ACCURACY] == pytest.approx(expected)


def test_figures_stay_where_metrics_can_be_and_calibration_may_exceed_one(evaluated):
    metrics = metrics_of(2)
    highest = 0.0
    for one in evaluated(2)[1]:
        for intervals in (one.candidate, one.baseline):
            known = ~np.isnan(intervals.low)
            assert (intervals.low[known] >= 0).all() and (intervals.low <= intervals.estimate)[known].all()
            assert (intervals.estimate <= intervals.high)[known].all()
            bounded = [metric.name != "calibration" for metric in metrics]
            assert np.nanmax(intervals.high[:, bounded]) <= 1
            highest = max(highest, np.nanmax(intervals.high))
    assert highest > 1


def test_five_classes_have_their_own_figures(images_of, ledger_of):
    images = images_of(200, 5)
    ledgers = pair_ledgers([
        ledger_of("baseline__original", images, [Cell(20, 0, False)], 2, 5, skill=0.3),
        ledger_of("cats_dogs__original", images, [Cell(20, 6, False)], 2, 5, skill=1.5),
    ])  # fmt: skip
    [one] = evaluate_cells(ledgers, images)
    figures = dict(zip(metrics_of(5), one.candidate.estimate[0], strict=True))
    aucs = [figures[Metric("auc", label)] for label in range(5)]
    assert len(set(aucs)) == 5 and min(aucs) > 0.7
    assert figures[Metric("auc", macro=True)] == pytest.approx(np.mean(aucs))
    assert one.candidate.estimate.shape == (1 + 5 + 3 + 3, 1 + 4 * 5 + 4)


@pytest.mark.parametrize("changed", ["ids", "labels", "fewer"])
def test_ledgers_of_other_test_images_are_refused(evaluated, images, changed):
    ledgers, _ = evaluated(1)
    others = {
        "ids": dataclasses.replace(images, ids=np.char.add(images.ids, "x")),
        "labels": dataclasses.replace(images, labels=1 - images.labels),
        "fewer": dataclasses.replace(images, ids=images.ids[1:], labels=images.labels[1:]),
    }[changed]
    with pytest.raises(ThawError, match=r"(?s)ledger of baseline__original was written for other test images \(120\)"):
        list(evaluate_cells(ledgers, others))


def test_a_baseline_without_a_cells_draw_is_named(evaluated):
    with pytest.raises(ThawError, match=r"ledger of baseline__original has no execution with n=20.*draw=1"):
        evaluated(2, baseline_draws=1)
