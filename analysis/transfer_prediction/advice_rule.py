"""The calibrated rule behind `thaw advise`: its predictors, and its file. Imports config and numpy, no TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pydantic
import yaml

from experiment.backbones import is_backbone
from experiment.config import Architecture
from experiment.errors import ThawError, listed

CALIBRATION_FILE = Path(__file__).parent / "calibration.yaml"
PREDICTORS = (
    "pixels", "here", "top", "log m", "log classes", "share", "share squared", "share x log m", "here x log m",
    "top x log m", "top x share", "mobilenet", "mobilenet x log m",
)  # fmt: skip
"""m: images of a class in n."""
PER_CLASS = 50
"""Images of a class at which log m is 0."""

Verdict = Literal["transfer", "may gain nothing", "do not transfer"]


class AdviceRule(pydantic.BaseModel):
    """The content of calibration.yaml."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    provenance: dict[str, str]
    """Where the figures come from, as a sentence."""
    level: float
    """Nominal coverage of the intervals."""
    coverage: float
    """Coverage on targets left out."""
    coverage_of_kinds: float
    """Coverage on kinds of data left out: gains predicted by a rule fitted without the kind."""
    error_points: float
    """Root mean square error for targets left out."""
    predictors: tuple[str, ...]
    mean: tuple[float, ...]
    """Of each predictor, as are `scale` and `weights`: intercept + weights . (x - mean) / scale is the gain."""
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float
    per_class: tuple[int, ...]
    """Images of a class in n, rising."""
    low: tuple[float, ...]
    """Points to add to an expected gain, by images of a class."""
    high: tuple[float, ...]

    @property
    def in_words(self) -> str:
        """The evidence for the intervals, in words."""
        targets, kinds = (self.provenance.get(key, "?") for key in ("targets", "kinds"))
        return (
            f"Calibrated on {targets} targets ({kinds}). On targets left out, the intervals included "
            f"{self.coverage:.0%} of the gains (nominal: {self.level:.0%}); on kinds of data left out, "
            f"{self.coverage_of_kinds:.0%}."
        )

    def in_words_at(self, sizes: Sequence[int], classes: int) -> str:
        """The same, and which sizes have fewer images of a class than any target of the calibration.

        Args:
          sizes: n, each in labelled images.
          classes: of the target.
        """
        small = [n for n in sizes if n < self.per_class[0] * classes]
        if not small:
            return self.in_words
        return (
            f"{self.in_words} These targets had {self.per_class[0]} images of each class or more: at n = "
            f"{listed(small)}, expected gains and intervals are extrapolated."
        )

    def expected(self, x: np.ndarray) -> np.ndarray:
        """Expected gains in points, float64 [rows], of predictors [rows, len(PREDICTORS)]."""
        return self.intercept + (np.asarray(x) - self.mean) / self.scale @ np.asarray(self.weights)

    def bounds(self, n: int, classes: int) -> tuple[float, float]:
        """The amounts to add to an expected gain for its interval, interpolated in the logarithm of the images of a
        class.

        Args:
          n: labelled images.
          classes: of the target.
        """
        at, here = np.log(self.per_class), math.log(n / classes)
        low, high = (float(np.interp(here, at, values)) for values in (self.low, self.high))
        return low, high


def predictors_of(
    architecture: Architecture, n: int, classes: int, freeze_count: int, probes: Mapping[int, float], most_frozen: int
) -> list[float]:
    """A cell's predictors, in the order of PREDICTORS; fine-tuning is not one of them.

    Args:
      architecture, n: of the cell.
      classes: of the target.
      freeze_count: of the cell.
      probes: by cut, minus the squared error of a linear probe on its features (`probe_error`); cut 0, the pixels,
        included.
      most_frozen: layers or parts of the architecture that can be frozen.
    """
    pixels, top = probes[0], probes[max(probes)]
    here, share = probes[freeze_count] - pixels, freeze_count / most_frozen
    log_m = math.log(n / classes / PER_CLASS)
    # Calibrated only on MobileNetV2; other backbones, whose weights also come from elsewhere, are treated like it.
    mobile = float(is_backbone(architecture))
    return [
        pixels, here, top - pixels, log_m, math.log(classes), share, share**2, share * log_m, here * log_m,
        (top - pixels) * log_m, (top - pixels) * share, mobile, mobile * log_m,
    ]  # fmt: skip


def verdict_of(expected: float, low: float, high: float) -> Verdict:
    """`transfer` if the interval lies above 0; `do not transfer` if a loss is likelier than a gain.

    Args:
      expected, low, high: gain in points, and the ends of its interval.
    """
    if low > 0:
        return "transfer"
    return "do not transfer" if expected <= 0 or high < 0 else "may gain nothing"


def read_rule(path: Path = CALIBRATION_FILE) -> AdviceRule:
    """Reads a calibration.

    Raises:
      ThawError: the file can't be read, or is not a calibration of this version.
    """
    try:
        rule = AdviceRule.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ThawError(f"{path} is not a calibration of `thaw advise` ({error}). Take the file of this version of "
                        "Thaw, or make one with python -m benchmarks.prediction.calibrate.") from error  # fmt: skip
    if rule.predictors != PREDICTORS:
        raise ThawError(f"{path} was made for the predictors {listed(rule.predictors)}, and this version of Thaw has "
                        f"{listed(PREDICTORS)}. Make it again: python -m benchmarks.prediction.calibrate.")  # fmt: skip
    return rule
