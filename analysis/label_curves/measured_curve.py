"""The measurements of a learning curve, their variances, and why there is no estimate. Imports only numpy."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

FEWEST_SIZES = 3
"""A curve has three parameters; two sizes fit any asymptote."""
PRIOR_DRAWS = 4
"""Prior degrees of freedom of a training's usual spread, in addition to those of the draws at hand."""
MISFIT = 0.03
"""Standard deviation of a curve about its form, in units of sqrt(y (1 - y)), y being the share of chance's error that
remains."""
TOLD_APART = 3.0
"""Standard errors from which on a fall or a distance from chance counts as significant."""


@dataclasses.dataclass(frozen=True)
class SizePoint:
    """Trainings with n images that did not collapse.

    Attributes:
      n: labelled images.
      accuracies: on test by draw, fractions.
      fresh: whether the cell was chosen without these draws.
    """

    n: int
    accuracies: tuple[float, ...]
    fresh: bool = True

    @property
    def mean(self) -> float:
        """Over draws, a fraction."""
        return float(np.mean(self.accuracies))


@dataclasses.dataclass(frozen=True)
class MeasuredCurve:
    """One way of training at the sizes that it was run with.

    Attributes:
      name: of the sweep.
      classes: number of classes; a draw has equally many images of each.
      points: n rises.
      frozen: share of the network's layers that keep the source's weights to the end, 0 to 1.
      from_scratch: trained from random weights.
      collapsed: sizes at which every training collapsed.
      test_classes: classes that the test images show.
      underfit: sizes at which the network does not fit its training images: steps limit their accuracy, and not images.
    """

    name: str
    classes: int
    points: tuple[SizePoint, ...]
    frozen: float
    from_scratch: bool
    collapsed: tuple[int, ...] = ()
    test_classes: int = 2
    underfit: tuple[int, ...] = ()

    @property
    def chance_error(self) -> float:
        """Error rate of guessing, a fraction."""
        return 1 - 1 / self.classes

    @property
    def sizes(self) -> np.ndarray:
        """float64 [points]."""
        return np.array([point.n for point in self.points], np.float64)

    @property
    def left(self) -> np.ndarray:
        """The share of chance's error that remains at each point, float64 [points]; above 1 if worse than chance."""
        return np.array([(1 - point.mean) / self.chance_error for point in self.points])

    def variances(self, noise: float) -> np.ndarray:
        """Variance of each of `left`, by draws and about the form, float64 [points].

        Few draws give a poor estimate of their spread, so it is shrunk towards the usual one (a scaled inverse
        chi-squared prior: Gelman et al., Bayesian Data Analysis, 2013, section 2.6), which falls with the square root
        of n.

        Args:
          noise: standard deviation of one training's `left`, times sqrt(n).
        """
        draws = np.array([len(point.accuracies) for point in self.points])
        spread = np.array([np.var(np.divide(point.accuracies, self.chance_error)) for point in self.points])
        of_one = (PRIOR_DRAWS * noise**2 / self.sizes + draws * spread) / (PRIOR_DRAWS + draws - 1)
        return np.asarray(of_one / draws + misfit_variance(self.left))


def misfit_variance(left: np.ndarray) -> np.ndarray:
    """Variance about the form, as a share's: least near chance and near no errors."""
    inside = np.clip(left, 0.01, 0.99)
    return np.asarray(MISFIT**2 * inside * (1 - inside))


def objection(curve: MeasuredCurve, noise: float) -> str | None:
    """Why there is no estimate for further images; None if there is one.

    Args:
      curve: as measured.
      noise: as in `MeasuredCurve.variances`.
    """
    if min(curve.classes, curve.test_classes) < 2:
        return ("All test images are of one class, so a model that always answers it is right, and accuracy says "
                "nothing about more images. Add test images of another class.")  # fmt: skip
    if curve.underfit:
        return (f"At {_listed(curve.underfit)} the network does not fit its training images, so more steps would raise "
                "the accuracy, and the curve does not show what more images do. Raise schedule.max_steps.")  # fmt: skip
    if len(curve.points) < FEWEST_SIZES:
        return _too_few_sizes(curve)
    errors = np.sqrt(curve.variances(noise))
    if np.max((1 - curve.left) / errors) < TOLD_APART:
        return (f"Accuracy is not significantly better than chance at any size up to n = {curve.points[-1].n:,}, so "
                "the start of learning is unknown. Run larger sizes.")  # fmt: skip
    return _fall(curve, errors)


def _too_few_sizes(curve: MeasuredCurve) -> str:
    measured = _listed([point.n for point in curve.points])
    found = f"It was measured only at {measured}" if measured else "It was measured at no size"
    if curve.collapsed:
        found += f" (at {_listed(curve.collapsed)} every training collapsed)"
    return f"{found}; a curve needs {FEWEST_SIZES} sizes or more. Add sizes, each at least twice the one before."


def _fall(curve: MeasuredCurve, errors: np.ndarray) -> str | None:
    """A sentence on the largest fall between two sizes, if it is significant."""
    pairs = itertools.combinations(range(len(errors)), 2)
    worst = max(pairs, key=lambda pair: (curve.left[pair[1]] - curve.left[pair[0]]) / np.hypot(*errors[list(pair)]))
    before, after = (curve.points[i] for i in worst)
    if (curve.left[worst[1]] - curve.left[worst[0]]) / np.hypot(*errors[list(worst)]) < TOLD_APART:
        return None
    return (f"Accuracy falls from {before.mean:.1%} at n = {before.n:,} to {after.mean:.1%} at n = {after.n:,}, more "
            "than the variance between draws explains. A learning curve does not fall. Check the labels of the added "
            "images, and trainings that diverged.")  # fmt: skip


def _listed(sizes: Sequence[int]) -> str:
    return ", ".join(f"n = {n:,}" for n in sizes)
