"""The calibrated rule behind `thaw advise`: its predictors, and its file. Imports config and numpy, no TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pydantic
import yaml

from experiment.backbones import is_backbone
from experiment.config import Architecture
from experiment.errors import ThawError

CALIBRATION_FILE = Path(__file__).parent / "calibration.yaml"
PREDICTORS = (
    "pixels", "here", "top", "log n", "log n squared", "share", "share squared", "share x log n", "here x log n",
    "top x log n", "top x share", "tuned", "tuned x share", "tuned x log n", "mobilenet", "mobilenet x log n",
)  # fmt: skip

Verdict = Literal["transfer", "may gain nothing", "do not transfer"]


class AdviceRule(pydantic.BaseModel):
    """What calibration.yaml holds."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    provenance: dict[str, str]
    """Where the figures come from, as a sentence."""
    level: float
    """Share of gains that intervals were made to hold."""
    coverage: float
    """Share that they held, over targets left out."""
    error_points: float
    """Root mean square error for targets left out."""
    predictors: tuple[str, ...]
    mean: tuple[float, ...]
    """Of each predictor, as are `scale` and `weights`: intercept + weights . (x - mean) / scale is the gain."""
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float
    sizes: tuple[int, ...]
    low: tuple[float, ...]
    """Points to add to an expected gain, by size."""
    high: tuple[float, ...]
    few_classes: int
    """Targets of so many classes at most are like those of the calibration."""
    low_of_many: float
    """In place of `low`, for targets of more classes: the rule expects too much of them."""

    def in_words(self, classes: int) -> str:
        """What the intervals of a target of so many classes rest on."""
        targets, data = (self.provenance.get(key, "?") for key in ("targets", "data"))
        if classes > self.few_classes:
            return (
                f"Calibrated on {targets} targets of {data}, of two classes. On targets of more than "
                f"{self.few_classes} classes this rule expected too much. Their intervals are wide to allow for it."
            )
        return (
            f"Calibrated on {targets} targets of {data}. On targets left out, the intervals included "
            f"{self.coverage:.0%} of the gains (aim {self.level:.0%}). Other data may differ more."
        )

    def expected(self, x: np.ndarray) -> np.ndarray:
        """Expected gains in points, float64 [rows], of predictors [rows, len(PREDICTORS)]."""
        return self.intercept + (np.asarray(x) - self.mean) / self.scale @ np.asarray(self.weights)

    def bounds(self, n: int, classes: int) -> tuple[float, float]:
        """What to add to an expected gain for its interval: between two sizes by the logarithm of n.

        Args:
          n: labelled images.
          classes: of the target.
        """
        at = np.log(self.sizes)
        low, high = (float(np.interp(math.log(n), at, values)) for values in (self.low, self.high))
        return (low if classes <= self.few_classes else min(low, self.low_of_many)), high


def predictors_of(
    architecture: Architecture, n: int, freeze_count: int, fine_tune: bool, probes: Mapping[int, float],
    most_frozen: int,
) -> list[float]:  # fmt: skip
    """A cell's predictors, in the order of PREDICTORS.

    Args:
      architecture, n, freeze_count, fine_tune: the cell.
      probes: by cut, less the squared error of a linear probe on its features (`probe_error`); with cut 0, the pixels.
      most_frozen: layers or parts of the architecture that can be frozen.
    """
    pixels, top = probes[0], probes[max(probes)]
    here, log_n = probes[freeze_count], math.log(n / 100)
    share, tuned = freeze_count / most_frozen, float(fine_tune)
    # Calibrated only on MobileNetV2: other backbones, whose weights were made elsewhere too, are taken for it.
    mobile = float(is_backbone(architecture))
    return [
        pixels, here - pixels, top - pixels, log_n, log_n**2, share, share**2, share * log_n, (here - pixels) * log_n,
        (top - pixels) * log_n, (top - pixels) * share, tuned, tuned * share, tuned * log_n, mobile, mobile * log_n,
    ]  # fmt: skip


def verdict_of(expected: float, low: float, high: float) -> Verdict:
    """`transfer` where the interval lies above 0; `do not transfer` where a loss is likelier than a gain.

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
        raise ThawError(f"{path} was made for the predictors {list(rule.predictors)}, and this version of Thaw has "
                        f"{list(PREDICTORS)}. Make it again: python -m benchmarks.prediction.calibrate.")  # fmt: skip
    return rule
