"""What all estimators have in common: order, dtype, memory, and classes apart above shuffled ones. Imports scipy."""

import tracemalloc

import numpy as np
import pytest

from transferability.class_overlap import gbc
from transferability.domain_distance import frechet_distance, proxy_a_distance
from transferability.estimators import DOMAIN_ESTIMATORS, LABEL_ESTIMATORS, NAMES
from transferability.h_score import shrunk_h_score
from transferability.leep import leep
from transferability.linear_probe import linear_probe
from transferability.logme import logme
from transferability.similarity import linear_cka


def probe_accuracy(features, labels):
    return linear_probe(features, labels).accuracy


def probe_fit(features, labels):
    return -linear_probe(features, labels).squared_error


OF_LABELS = (logme, shrunk_h_score, gbc, probe_accuracy, probe_fit)
OF_TWO_SETS = (linear_cka, frechet_distance, proxy_a_distance)


def data(seed, rows, width, shift=1.0):
    """float32 features, non-negative as ReLU gives them, with the classes apart in a third of the columns."""
    rng = np.random.default_rng(seed)
    labels = np.arange(rows) % 2
    features = rng.normal(size=(rows, width))
    features[:, : max(1, width // 3)] += shift * labels[:, None]
    return np.maximum(features, 0).astype(np.float32), labels


@pytest.mark.parametrize("score", OF_LABELS)
@pytest.mark.parametrize(("rows", "width"), [(60, 8), (60, 300), (20, 1000)])
def test_classes_apart_score_above_every_shuffling_of_the_labels(score, rows, width):
    features, labels = data(1, rows, width)
    shuffled = [np.random.default_rng(seed).permutation(labels) for seed in range(10)]
    assert score(features, labels) > max(score(features, one) for one in shuffled)


@pytest.mark.parametrize("score", [*OF_LABELS, *OF_TWO_SETS])
@pytest.mark.parametrize("width", [5, 80])
def test_the_order_of_the_rows_does_not_matter(score, width):
    features, labels = data(2, 30, width, shift=0.4)
    second = data(3, 30, width)[0] if score in OF_TWO_SETS else labels
    order = np.random.default_rng(4).permutation(30)
    assert score(features[order], second[order]) == pytest.approx(score(features, second), rel=1e-7)


@pytest.mark.parametrize("score", [*OF_LABELS, *OF_TWO_SETS])
def test_equal_input_gives_equal_output_in_any_dtype_and_is_left_as_it_was(score):
    features, labels = data(5, 30, 50)
    features = features.astype(np.float16)
    second = data(6, 30, 50)[0] if score in OF_TWO_SETS else labels
    before = features.copy(), second.copy()
    found = {score(features.astype(dtype), second) for dtype in (np.float16, np.float32, np.float64) for _ in (0, 1)}
    assert len(found) == 1 and isinstance(found.pop(), float)
    assert np.array_equal(features, before[0]) and np.array_equal(second, before[1])


@pytest.mark.parametrize("score", [*OF_LABELS, *OF_TWO_SETS])
def test_wide_features_need_no_matrix_of_their_width(score):
    features, labels = data(7, 10, 8192)
    second = data(8, 10, 8192)[0] if score in OF_TWO_SETS else labels
    tracemalloc.start()
    found = score(features, second)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.isfinite(found)
    assert peak_bytes < 16 * 10 * 8192 * 8  # 10 MB; 8192 x 8192 would be 537


@pytest.mark.parametrize("score", OF_LABELS)
def test_features_and_labels_are_checked(score):
    features, labels = data(9, 10, 4)
    broken = features.copy()
    broken[3, 2] = np.nan
    with pytest.raises(ValueError, match="features hold nan in row 3, column 2"):
        score(broken, labels)
    with pytest.raises(ValueError, match="expected one for each of the 10 rows"):
        score(features, labels[:9])
    with pytest.raises(ValueError, match="have only the class"):
        score(features, np.zeros(10, np.int64))


def test_leep_checks_probabilities_and_labels():
    labels = np.arange(10) % 2
    with pytest.raises(ValueError, match="Give the softmax"):
        leep(np.full((10, 2), 3.0), labels)
    with pytest.raises(ValueError, match="expected one for each of the 10 rows"):
        leep(np.full((10, 2), 0.5), labels[:9])


def test_a_source_that_knows_the_classes_has_a_higher_leep_than_with_shuffled_labels():
    rng = np.random.default_rng(10)
    labels = np.arange(60) % 2
    sure = 1 / (1 + np.exp(-3 * (2 * labels - 1) + rng.normal(size=60)))
    p = np.column_stack([1 - sure, sure])
    assert leep(p, labels) > max(leep(p, rng.permutation(labels)) for _ in range(10))


def test_every_estimator_has_a_name_for_the_report():
    """One without would be computed and shown nowhere."""
    assert set(NAMES) == {"leep", *LABEL_ESTIMATORS, *DOMAIN_ESTIMATORS}
