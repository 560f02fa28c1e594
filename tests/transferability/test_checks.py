"""What the estimators reject, and the results for what they accept. Imports no TensorFlow."""

import numpy as np
import pytest

from transferability.checks import checked_features, checked_labels, checked_probabilities, one_hot

ROWS = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0]])


def with_value(value, dtype=np.float32):
    changed = ROWS.astype(dtype)
    changed[2, 1] = value
    return changed


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.uint8, np.int64])
def test_features_of_any_real_dtype_become_float64(dtype):
    found = checked_features(ROWS.astype(dtype))
    assert found.dtype == np.float64 and np.array_equal(found, ROWS)


def test_a_single_row_that_differs_is_enough():
    changed = np.zeros((5, 3))
    changed[4, 2] = 2e-45
    assert np.array_equal(checked_features(changed), changed)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.zeros((4, 2, 2)), r"shape \(4, 2, 2\); expected \[n, d\].*Flatten"),
        (np.ones(4), r"shape \(4,\)"),
        (ROWS[:1], r"shape \(1, 2\); expected \[n, d\] with two rows"),
        (ROWS[:, :0], r"shape \(4, 0\)"),
        (ROWS.astype(str), "dtype <U32; expected real numbers"),
        (ROWS.astype(complex), "dtype complex128"),
        (with_value(np.nan), "nan in row 2, column 1; expected finite"),
        (with_value(np.inf), "inf in row 2, column 1"),
        (with_value(-np.inf), "-inf in row 2, column 1"),
        (with_value(1e39, np.float64), r"1e\+39 in row 2, column 1"),
        (np.full((4, 3), 0.1), "same in all 4 rows.*dead"),
        (np.full((4, 3), 1e6) + np.array([[0], [0], [0], [2e-10]]), "same in all 4 rows"),
        (ROWS * 1e-46, "same in all 4 rows"),
    ],
)
def test_features_that_are_no_table_of_differing_finite_rows_are_refused(features, message):
    with pytest.raises(ValueError, match=f"^those .*{message}"):
        checked_features(features, "those")


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_labels_of_any_integer_dtype_become_int64(dtype):
    found = checked_labels(np.array([1, 0, 2, 1, 0, 2], dtype), 6)
    assert found.dtype == np.int64 and found.tolist() == [1, 0, 2, 1, 0, 2]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0, 1, 0]), r"shape \(3,\); expected one for each of the 4 rows"),
        (np.array([[0], [1], [0], [1]]), r"shape \(4, 1\)"),
        (np.array([0.0, 1.0, 0.0, 1.0]), "dtype float64; expected integers"),
        (np.array([False, True, False, True]), "dtype bool; expected integers"),
        (np.array([1, 1, 1, 1]), "only the class 1; expected rows of two"),
        (np.array([-1, -1, 0, 0]), r"-1\.\.0 and have 2 classes; expected 0\.\.C-1"),
        (np.array([-1, -1, 1, 1]), r"-1\.\.1 and have 2 classes"),
        (np.array([1, 1, 9, 9]), r"1\.\.9 and have 2 classes"),
        (np.array([0, 0, 2, 2]), r"0\.\.2 and have 2 classes"),
        (np.array([0, 0, 0, 1]), "class 1 has 1 row; expected 2 of every class"),
    ],
)
def test_labels_that_do_not_number_every_class_from_0_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        checked_labels(labels, 4)


def test_probabilities_as_float32_holds_them_are_made_to_sum_to_1():
    given = np.random.default_rng(0).dirichlet(np.ones(1000), 50).astype(np.float32)
    assert not np.array_equal(given.astype(np.float64).sum(axis=1), np.ones(50))
    found = checked_probabilities(given)
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-15)
    assert found == pytest.approx(given.astype(np.float64), abs=1e-6)


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        (np.array([0.5, 0.5]), r"shape \(2,\); expected \[n, classes\]"),
        (np.array([[0.5, 0.5]]), r"shape \(1, 2\)"),
        (np.array([[0.5], [0.5]]), r"shape \(2, 1\).*one logit"),
        (np.array([[1, 0], [0, 1]]), "dtype int64; expected floats"),
        (np.array([[0.5, 0.5], [2.0, 0.3]]), "row 1 sum to 2.3.*softmax"),
        (np.array([[0.5, 0.5], [1.5, -0.5]]), "row 1 sum to 1 with a minimum of -0.5"),
        (np.array([[0.5, 0.5], [np.nan, 1.0]]), "row 1 sum to nan"),
        (np.array([[0.5, 0.49], [0.5, 0.5]]), "row 0 sum to 0.99"),
    ],
)
def test_what_is_no_table_of_probabilities_is_refused(probabilities, message):
    with pytest.raises(ValueError, match=message):
        checked_probabilities(probabilities)


def test_one_hot_has_its_1_in_the_column_of_the_class():
    assert one_hot(np.array([0, 2, 1])).tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
