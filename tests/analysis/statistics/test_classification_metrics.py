"""TFMA's metrics, by hand and by their invariants; test_tfma.py compares them with TFMA itself. Imports only numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from analysis.statistics.classification_metrics import Metric, auc_bins, metrics_of, pseudo_values
from tests.analysis.evaluated_images import images_of, probabilities_of  # noqa: F401


def binary(*draws):
    """[draws, images, 2] from the probabilities of class 1."""
    ones = np.array(draws)
    return np.stack([1 - ones, ones], axis=-1)


def values(probabilities, labels):
    """The metrics of each draw: a list by metric."""
    found = pseudo_values(probabilities, np.array(labels)).values.mean(axis=2)
    return dict(zip(metrics_of(probabilities.shape[2]), found.tolist(), strict=True))


@st.composite
def models(draw):
    """Probabilities as float32 [draws, images, classes] and labels in which every class comes and others do, too."""
    classes, draws = draw(st.integers(2, 4)), draw(st.integers(1, 3))
    labels = [*range(classes), *draw(st.lists(st.integers(0, classes - 1), max_size=20))]
    shape = (draws, len(labels), classes)
    weights = draw(arrays.arrays(np.float64, shape, elements=st.floats(0.01, 1)))
    return (weights / weights.sum(axis=2, keepdims=True)).astype(np.float32), np.array(labels)


def test_each_metric_by_hand():
    found = values(binary([0.9, 0.6, 0.3, 0.2, 0.8]), [1, 1, 1, 0, 0])
    assert found[Metric("sparse_categorical_accuracy")] == pytest.approx([3 / 5])
    assert found[Metric("precision", 1)] == pytest.approx([2 / 3])
    assert found[Metric("recall", 1)] == pytest.approx([2 / 3])
    assert found[Metric("precision", 0)] == pytest.approx([1 / 2])
    assert found[Metric("recall", 0)] == pytest.approx([1 / 2])
    assert found[Metric("calibration", 1)] == pytest.approx([2.8 / 3])
    assert found[Metric("calibration", 0)] == pytest.approx([2.2 / 2])
    # Of the pairs of a 1 and a 0, in the order of the ones: both below, one below, one below.
    assert found[Metric("auc", 1)] == pytest.approx([(2 + 1 + 1) / 6])
    assert found[Metric("auc", 0)] == pytest.approx(found[Metric("auc", 1)])
    assert found[Metric("recall", macro=True)] == pytest.approx([(2 / 3 + 1 / 2) / 2])


def test_equal_probabilities_count_half_in_the_auc():
    assert values(binary([0.5, 0.5, 0.1]), [1, 0, 0])[Metric("auc", 1)] == pytest.approx([3 / 4])


def test_a_probability_of_one_half_calls_no_class():
    found = values(binary([0.5, 0.9]), [1, 1])
    assert found[Metric("recall", 1)] == pytest.approx([1 / 2])
    assert np.isnan(found[Metric("precision", 0)])


def test_with_three_classes_each_is_taken_against_the_rest():
    probabilities = np.array([[[0.7, 0.2, 0.1], [0.3, 0.4, 0.3], [0.1, 0.3, 0.6], [0.6, 0.3, 0.1]]])
    found = values(probabilities, [0, 1, 2, 1])
    assert found[Metric("sparse_categorical_accuracy")] == pytest.approx([3 / 4])
    # The second image's most probable class stays below 0.5: it is right, yet not called.
    assert found[Metric("recall", 1)] == pytest.approx([0])
    assert np.isnan(found[Metric("precision", 1)]) and np.isnan(found[Metric("precision", macro=True)])
    assert found[Metric("precision", 0)] == pytest.approx([1 / 2])
    # Twice of four pairs above; the equal one counts half.
    assert found[Metric("auc", 1)] == pytest.approx([(2 + 1.5) / 4])


def test_what_images_of_one_class_leave_undefined_is_nan():
    found = values(binary([0.9, 0.3]), [1, 1])
    undefined = {metric for metric, value in found.items() if np.isnan(value).all()}
    assert undefined >= {Metric("auc", 0), Metric("auc", 1), Metric("recall", 0), Metric("calibration", 0)}
    assert found[Metric("recall", 1)] == pytest.approx([1 / 2])
    assert found[Metric("precision", 1)] == pytest.approx([1])


def test_probabilities_within_one_of_tfmas_intervals_are_equal_in_the_auc():
    bins = auc_bins(np.array([0.0, 0.50001, 0.50004, 0.5003, 0.9999, 0.99999, 1.0]))
    assert bins[0] == 0 and bins[1] == bins[2] < bins[3] < bins[4] == bins[5] < bins[6] == 9998


@given(models())
def test_pseudo_values_average_to_the_plain_metrics(model):
    probabilities, labels = model
    found = values(probabilities, labels)
    for draw, rows in enumerate(probabilities.astype(np.float64)):
        for label in range(rows.shape[1]):
            truth, called = labels == label, rows[:, label] > 0.5
            assert found[Metric("recall", label)][draw] == pytest.approx(np.mean(called[truth]))
            assert found[Metric("calibration", label)][draw] == pytest.approx(rows[:, label].sum() / truth.sum())
            if called.any():
                assert found[Metric("precision", label)][draw] == pytest.approx(np.mean(truth[called]))
            bins = auc_bins(rows[:, label])
            pairs = np.sign(bins[truth][:, None] - bins[~truth])
            assert found[Metric("auc", label)][draw] == pytest.approx(np.mean((pairs + 1) / 2))


@given(models())
def test_the_order_of_images_does_not_matter(model):
    probabilities, labels = model
    order = np.random.default_rng(0).permutation(len(labels))
    before = pseudo_values(probabilities, labels)
    after = pseudo_values(probabilities[:, order], labels[order])
    np.testing.assert_allclose(after.values, before.values[:, :, order])
    np.testing.assert_allclose(after.one_image, before.one_image)


def test_pseudo_values_are_those_of_the_jackknife(images_of, probabilities_of):
    """Leaving out image i changes n T by about x[i]: n T - (n - 1) T[without i]."""
    images = images_of(400)
    probabilities = probabilities_of(images, 2, 0.8)[None]
    whole = pseudo_values(probabilities, images.labels).values[:, 0]
    count = len(images.labels)
    for place in range(0, count, 40):
        rest = np.arange(count) != place
        without = pseudo_values(probabilities[:, rest], images.labels[rest]).values[:, 0].mean(axis=1)
        left = count * whole.mean(axis=1) - (count - 1) * without
        np.testing.assert_allclose(whole[:, place], left, atol=0.02)


def test_a_wrong_image_changes_an_accuracy_by_one_and_a_recall_by_more():
    """Of ten images, five of class 1, one more that is missed lowers the sum behind its recall by 10 / 5."""
    found = pseudo_values(binary([0.9] * 5 + [0.1] * 5), np.array([1] * 5 + [0] * 5))
    one = dict(zip(metrics_of(2), found.one_image[:, 0].tolist(), strict=True))
    assert one[Metric("sparse_categorical_accuracy")] == 1
    assert one[Metric("recall", 1)] == one[Metric("calibration", 1)] == one[Metric("precision", 1)] == 2
    assert one[Metric("auc", 1)] == pytest.approx(8**0.5)


def test_draws_can_be_picked_and_subtracted():
    labels = np.array([1, 0, 1])
    first, second = binary([0.9, 0.1, 0.4]), binary([0.2, 0.6, 0.9])
    both = pseudo_values(np.concatenate([first, second]), labels)
    np.testing.assert_allclose(both.of_draws([1]).values, pseudo_values(second, labels).values)
    gain = both.of_draws([0]).minus(both.of_draws([1]))
    expected = pseudo_values(first, labels).values - pseudo_values(second, labels).values
    np.testing.assert_allclose(gain.values, expected)
    np.testing.assert_allclose(gain.one_image, both.one_image.max(axis=1, keepdims=True))
