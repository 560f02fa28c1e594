"""TFMA's metrics over all draws of a cell at once, and what each image adds to them. Imports only numpy.

Of a model of C classes, on any set of test images, these are computed as TensorFlow Model Analysis 0.47 defines them:

    sparse_categorical_accuracy   share of images whose most probable class is their label
    and for each class against the rest (TFMA: binarize.class_ids), y = 1 where the class is the label and p its
    probability:
    auc           area under the ROC curve on TFMA's grid of 10,000 thresholds
    precision     sum(y and p > 0.5) / sum(p > 0.5)
    recall        sum(y and p > 0.5) / sum(y)
    calibration   sum(p) / sum(y)
    and the mean of each of the four over the classes (TFMA: aggregate.macro_average).

A metric is NaN if it is undefined for the images (class never predicted, or without images), as in TFMA. The AUC of
images of a single class, which TFMA gives as 0, is NaN here too.

Every metric T comes as pseudo-values, one per image: x[i] = T + psi[i], where psi[i] is the influence of image i
(infinitesimal jackknife: Jaeckel, Bell Laboratories memorandum MM 72-1215-11, 1972; Efron, The Jackknife, the Bootstrap
and Other Resampling Plans, 1982, ch. 6). Their mean is T, and they may be treated as if T were the mean of a
measurement of each image:

    accuracy                right or wrong itself
    ratio sum(a) / sum(b)   psi = (a - T b) / mean(b) (Cochran, Sampling Techniques, 1977, ch. 6)
    AUC                     psi = (V10 - T) / share(y) where y = 1, (V01 - T) / share(not y) where y = 0; V10 is the
                            share of the images with y = 0 that lie below, V01 that of those with y = 1 that lie
                            above, ties half (DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

ACCURACY = "sparse_categorical_accuracy"
ONE_AGAINST_REST = ("auc", "precision", "recall", "calibration")
CALL_THRESHOLD = 0.5
"""TFMA's default: a class is predicted if its probability is above this."""

AUC_BUCKETS = 10_000
EPSILON = 1e-7
"""TFMA shifts its thresholds by this, so that a probability equal to one does not lie above it."""


@dataclasses.dataclass(frozen=True)
class Metric:
    """The metric of a row of figures.

    Attributes:
      name: TFMA's.
      class_id: label of the class taken against the rest; None for all classes.
      macro: the mean over the classes.
    """

    name: str
    class_id: int | None = None
    macro: bool = False


@dataclasses.dataclass(frozen=True)
class PseudoValues:
    """Metrics of one cell on one set of images.

    Attributes:
      values: float64 [metrics, draws, images]; the mean over images is the metric of that draw.
      one_image: float64 [metrics, draws]; what one image changes in a pseudo-value by being wrong (1 for accuracy).
    """

    values: np.ndarray
    one_image: np.ndarray

    def of_draws(self, places: Sequence[int]) -> PseudoValues:
        """The values of some draws, given by their positions."""
        return PseudoValues(self.values[:, places], self.one_image[:, places])

    def minus(self, other: PseudoValues) -> PseudoValues:
        """Pseudo-values of the difference of two cells on the same draws and images."""
        return PseudoValues(self.values - other.values, np.maximum(self.one_image, other.one_image))


def metrics_of(classes: int) -> tuple[Metric, ...]:
    """The metrics of a model of that many classes, in the order of `PseudoValues.values`."""
    single = [Metric(name, class_id) for name in ONE_AGAINST_REST for class_id in range(classes)]
    return (Metric(ACCURACY), *single, *(Metric(name, macro=True) for name in ONE_AGAINST_REST))


def pseudo_values(probabilities: np.ndarray, labels: np.ndarray) -> PseudoValues:
    """Every metric of `metrics_of`, draw by draw.

    Args:
      probabilities: [draws, images, classes], each 0..1.
      labels: int [images], each below classes.
    """
    by_class = np.moveaxis(np.asarray(probabilities, np.float64), 2, 0)  # [classes, draws, images]
    classes, draws = by_class.shape[:2]
    truth = np.broadcast_to(labels == np.arange(classes)[:, None, None], by_class.shape)
    called = by_class > CALL_THRESHOLD
    hits = truth & called
    parts = [
        _areas(auc_bins(by_class), truth),
        _ratios(hits, called),
        _ratios(hits, truth),
        _ratios(by_class, truth),
    ]  # [classes, draws, images] and [classes, draws] each
    correct = (np.argmax(probabilities, axis=2) == labels).astype(np.float64)
    values = [correct[None], *(value for value, _ in parts), *(value.mean(axis=0, keepdims=True) for value, _ in parts)]
    ones = [np.ones((1, draws)), *(one for _, one in parts), *(one.mean(axis=0, keepdims=True) for _, one in parts)]
    return PseudoValues(np.concatenate(values), np.concatenate(ones))


def f1_pseudo_values(called: np.ndarray, labels: np.ndarray, classes: int) -> PseudoValues:
    """F1 of each class, 2 TP / (2 TP + FP + FN) = sum(2 y c) / sum(y + c), c = 1 if the class is predicted.

    Args:
      called: int [draws, images], the predicted class of each image.
      labels: int [images], each below classes.
      classes: their number.
    """
    each = np.arange(classes)[:, None, None]
    truth, calls = np.broadcast_to(labels == each, (classes, *called.shape)), called == each  # [classes, draws, images]
    return PseudoValues(*_ratios(2.0 * (truth & calls), truth.astype(np.float64) + calls))


def auc_bins(probabilities: np.ndarray) -> np.ndarray:
    """The interval of TFMA's thresholds that each probability falls into; int, of the same shape.

    TFMA sorts predictions into 10,000 buckets and those into 10,000 thresholds i / 9999, so that probabilities less
    than about 0.0001 apart count as equal. Above the last threshold it counts nothing, so 1 falls below it.
    """
    bucket = np.floor(np.asarray(probabilities, np.float64) * AUC_BUCKETS + 1)
    start = np.where(bucket > AUC_BUCKETS, np.inf, (bucket - 1) / AUC_BUCKETS)
    thresholds = np.arange(1, AUC_BUCKETS - 1) / (AUC_BUCKETS - 1) + EPSILON
    return np.searchsorted(thresholds, start, side="right")


def _areas(bins: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pseudo-values [classes, draws, images] and one image's part [classes, draws] of the AUC."""
    images = bins.shape[2]
    positives = truth.sum(axis=2, keepdims=True)
    negatives = images - positives
    below = np.empty(bins.shape)
    for place in np.ndindex(bins.shape[:2]):
        below[place] = _share_below(bins[place], truth[place])
    with np.errstate(invalid="ignore", divide="ignore"):
        # Over positives, the mean share of negatives below; the mean over negatives of positives above is the same.
        area = np.where(truth, below, 0).sum(axis=2, keepdims=True) / positives
        influence = (below - area) * images / np.where(truth, positives, negatives)
        return area + influence, np.hypot(images / positives, images / negatives)[:, :, 0]


def _share_below(bins: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """For images with truth, the share of the others below; for the others, the share of those with truth above."""
    _, place = np.unique(bins, return_inverse=True)
    size = place.max() + 1
    positives, negatives = (np.bincount(place[mask], minlength=size) for mask in (truth, ~truth))
    negatives_below = np.cumsum(negatives) - 0.5 * negatives
    positives_above = positives.sum() - np.cumsum(positives) + 0.5 * positives
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(truth, negatives_below[place] / negatives.sum(), positives_above[place] / positives.sum())


def _ratios(numerator: np.ndarray, denominator: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As `_areas`, of sum(numerator) / sum(denominator); both [classes, draws, images]."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = numerator.sum(axis=2, keepdims=True) / denominator.sum(axis=2, keepdims=True)
        one = 1 / denominator.mean(axis=2, keepdims=True)
        return ratio + (numerator - ratio * denominator) * one, one[:, :, 0]
