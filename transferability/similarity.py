"""Linear CKA: how alike two sets of features of the same images are. Imports no TensorFlow.

Kornblith, Norouzi, Lee and Hinton, Similarity of Neural Network Representations Revisited, ICML 2019
(arXiv 1905.00414). In feature space, with the columns of X and Y centred and | | the Frobenius norm,

    CKA = |Y'X|^2 / (|X'X| |Y'Y|)

Each of the three is the same in the space of rows, |Y'X|^2 = <X X', Y Y'>, which is taken where d > n.
"""

from __future__ import annotations

import math

import numpy as np

from transferability.checks import checked_features
from transferability.spectra import centred


def linear_cka(first: np.ndarray, second: np.ndarray) -> float:
    """CKA of this module's docstring: 0 for nothing in common, 1 for the same up to rotation and scale.

    Two unrelated sets of features do not give 0 where d > n, so compare values only of the same n and d.

    Args:
      first: real numbers [n, d].
      second: real numbers [n, any], of the same images in the same order.

    Raises:
      ValueError: they are not as described.
    """
    x = _scaled(checked_features(first, "the first features"))
    y = _scaled(checked_features(second, "the second features"))
    if x.shape[0] != y.shape[0]:
        raise ValueError(
            f"the first features have {x.shape[0]} rows and the second {y.shape[0]}; expected the same images in the "
            "same order."
        )
    if max(x.shape[1], y.shape[1]) < x.shape[0]:
        common, own_x, own_y = (float(np.sum((a.T @ b) ** 2)) for a, b in ((y, x), (x, x), (y, y)))
    else:
        rows_x, rows_y = x @ x.T, y @ y.T
        common, own_x, own_y = (float(np.sum(a * b)) for a, b in ((rows_y, rows_x), (rows_x, rows_x), (rows_y, rows_y)))
    return min(max(common / math.sqrt(own_x * own_y), 0.0), 1.0)


def _scaled(x: np.ndarray) -> np.ndarray:
    """Centred and divided by the largest value, which does not change CKA: no product of four overflows."""
    moved = centred(x)
    return moved / np.max(np.abs(moved))
