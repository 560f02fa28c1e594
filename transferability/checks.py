"""Checks of features, labels and probabilities that every estimator makes first. Imports only numpy."""

from __future__ import annotations

import numpy as np

LARGEST = float(np.finfo(np.float32).max)
"""Values beyond this overflow in sums of their fourth powers."""

SMALLEST = float(np.finfo(np.float32).smallest_subnormal)
"""Differences below this underflow there."""

LEAST_ROWS_PER_CLASS = 2
"""With one row a class has a mean and no spread, and the row left out has no other to compare with."""

SUM_TOLERANCE = 1e-4
"""How far probabilities of an image may be from 1 in total: enough for a thousand float32 values, too little for
logits."""


def checked_features(features: np.ndarray, name: str = "features") -> np.ndarray:
    """The features as float64 [n, d].

    Args:
      features: real numbers [n, d]; each row an image, flattened.
      name: their name in messages.

    Raises:
      ValueError: they are not a table of finite numbers, have fewer than two rows, or all rows are the same.
    """
    given = np.asarray(features)
    if given.ndim != 2 or given.shape[0] < 2 or given.shape[1] < 1:
        raise ValueError(
            f"{name} have the shape {given.shape}; expected [n, d] with two rows or more. Flatten each image's "
            "activations to one row."
        )
    if given.dtype.kind not in "fiu":
        raise ValueError(f"{name} have the dtype {given.dtype}; expected real numbers. Convert them to float32.")
    x = given.astype(np.float64)
    wrong = ~(np.abs(x) <= LARGEST)
    if wrong.any():
        row, column = (int(place) for place in np.argwhere(wrong)[0])
        raise ValueError(
            f"{name} hold {x[row, column]} in row {row}, column {column}; expected finite numbers as float32 holds "
            "them. The model that made them may have diverged: look at its weights."
        )
    rounding = np.finfo(np.float64).eps * np.max(np.abs(x))
    if np.max(np.ptp(x, axis=0)) < max(4 * rounding, SMALLEST):
        raise ValueError(
            f"{name} are the same in all {x.shape[0]} rows; expected rows that differ. Layers whose units are all "
            "dead give such features: leave this source or freeze count out."
        )
    return x


def checked_labels(labels: np.ndarray, rows: int) -> np.ndarray:
    """The labels as int64 [n], in which every class 0..C-1, C >= 2, occurs at least twice.

    Args:
      labels: integers [n].
      rows: how many there must be.

    Raises:
      ValueError: they are not a list of that many such integers.
    """
    given = np.asarray(labels)
    if given.shape != (rows,):
        raise ValueError(f"labels have the shape {given.shape}; expected one for each of the {rows} rows.")
    if given.dtype.kind not in "iu":
        raise ValueError(f"labels have the dtype {given.dtype}; expected integers, a class's number for each row.")
    classes = np.unique(given)
    if classes.size < 2:
        raise ValueError(f"labels have only the class {classes[0]}; expected rows of two classes or more.")
    if classes[0] != 0 or classes[-1] != classes.size - 1:
        raise ValueError(
            f"labels are in {classes[0]}..{classes[-1]} and have {classes.size} classes; expected 0..C-1 with rows of "
            "every class. Number the classes that occur from 0."
        )
    counts = np.bincount(given.astype(np.int64))
    if counts.min() < LEAST_ROWS_PER_CLASS:
        raise ValueError(
            f"class {int(counts.argmin())} has {counts.min()} row; expected {LEAST_ROWS_PER_CLASS} of every class or "
            "more. Draw more images."
        )
    return given.astype(np.int64)


def checked_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """The probabilities as float64 [n, classes], each row divided by its sum.

    Raises:
      ValueError: they are not a table of finite numbers from 0 on whose rows sum to 1.
    """
    given = np.asarray(probabilities)
    if given.ndim != 2 or given.shape[0] < 2 or given.shape[1] < 2:
        raise ValueError(
            f"probabilities have the shape {given.shape}; expected [n, classes] with two rows and two source classes "
            "or more. A model of one logit has two classes: give 1 - p and p."
        )
    if given.dtype.kind != "f":
        raise ValueError(f"probabilities have the dtype {given.dtype}; expected floats, the softmax of the logits.")
    p = given.astype(np.float64)
    sums = p.sum(axis=1)
    wrong = ~((p.min(axis=1) >= 0) & (np.abs(sums - 1) <= SUM_TOLERANCE))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"probabilities of row {row} sum to {sums[row]:g} with a minimum of {p[row].min():g}; expected "
            "non-negative numbers that sum to 1. Give the softmax of the logits, not the logits."
        )
    return p / sums[:, None]


def one_hot(labels: np.ndarray) -> np.ndarray:
    """float64 [n, C]: 1 in the column of the row's class, of checked labels [n]."""
    return np.eye(int(labels.max()) + 1)[labels]
