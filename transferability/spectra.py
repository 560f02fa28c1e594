"""Singular values and left singular vectors of features, without a d x d matrix where d > n. Imports scipy.

With d > n, U and s of X = U diag(s) V' are taken from the n x n matrix X X' = U diag(s^2) U'. That squares the
condition number: singular values below sqrt(max(n, d) eps) of the largest (1.3e-6 at d = 8192) are rounding errors
there and count as 0. No estimator asks for V, so none needs more.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import linalg


@dataclasses.dataclass(frozen=True)
class Spectrum:
    """The thin singular value decomposition of a matrix X [n, d] of rank r, without its right vectors.

    Attributes:
      left: float64 [n, r], orthonormal columns U.
      squares: float64 [r], squared singular values, the largest first; all above 0.
      width: d.
    """

    left: np.ndarray
    squares: np.ndarray
    width: int


def spectrum_of(x: np.ndarray) -> Spectrum:
    """The spectrum of float64 [n, d]; deterministic, and of rank 0 for a matrix of zeros."""
    rows, width = x.shape
    if width < rows:
        left, values, _ = linalg.svd(x, full_matrices=False, check_finite=False)
        least = values[0] * max(rows, width) * np.finfo(np.float64).eps
        kept = values > least
        return Spectrum(left[:, kept], values[kept] ** 2, width)
    squares, left = linalg.eigh(x @ x.T, check_finite=False, driver="evd")
    squares, left = squares[::-1], left[:, ::-1]
    kept = squares > max(squares[0], 0.0) * max(rows, width) * np.finfo(np.float64).eps
    return Spectrum(left[:, kept], squares[kept], width)


def centred(x: np.ndarray) -> np.ndarray:
    """x [n, d] minus the mean of its rows."""
    return x - x.mean(axis=0)


def narrowed(x: np.ndarray) -> np.ndarray:
    """A matrix R of min(n, d) rows with R'R = x'x: x [n, d] itself where d >= n, else R of its QR decomposition."""
    if x.shape[1] >= x.shape[0]:
        return x
    return linalg.qr(x, mode="r", check_finite=False)[0][: x.shape[1]]
