"""Gains predicted before any training on the target, as `thaw advise` and the DAG keep them. Imports advice_rule."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pydantic

from analysis.statistics import formats
from analysis.transfer_prediction.advice_rule import AdviceRule, Verdict, predictors_of, verdict_of
from experiment.config import Architecture
from experiment.errors import REPAIR, ThawError

ADVICE_FILE = "advice.json"


@dataclasses.dataclass(frozen=True)
class PredictedGain:
    """The gain that one way of transferring is expected to bring.

    Attributes:
      transfer, architecture: the transfer.
      freeze_count, fine_tune: of the cell.
      probe_accuracy: of a linear probe on the features below the cut, leaving out one image at a time; a fraction, at
        least chance. (Leaving an image out makes its class rarer, so a probe without a signal prefers the other classes
        and scores far below chance; transferability.linear_probe.)
      gain_points: expected over the baseline from random weights.
      low, high: interval of the gain that one training will show, in points.
      verdict: see advice_rule.verdict_of.
    """

    transfer: str
    architecture: Architecture
    freeze_count: int
    fine_tune: bool
    probe_accuracy: float
    gain_points: float
    low: float
    high: float
    verdict: Verdict


@dataclasses.dataclass(frozen=True)
class Estimated:
    """One estimator's value for one place of the grid; see trainer_module.sources.estimates.Estimate."""

    transfer: str
    n: int
    freeze_count: int
    draw: int
    estimator: str
    value: float
    seconds: float


class BeforeTraining(pydantic.BaseModel):
    """The node TransferAdvisor's output for the report: advice.json."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    calibration: str
    """The basis of the predicted intervals, as a sentence."""
    level: float
    """Nominal coverage of the intervals."""
    predicted_gains: dict[int, tuple[PredictedGain, ...]]
    """By n, the largest expected gain first; from the images of draw 0."""
    estimates: tuple[Estimated, ...]
    seconds: float
    """Seconds that all of it took."""


def read_before_training(path: Path) -> BeforeTraining:
    """Reads advice.json.

    Raises:
      ThawError: it can't be read, or another version wrote it.
    """
    try:
        return BeforeTraining.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ThawError(f"{path} is not advice of this version of Thaw ({error}). {REPAIR}") from error


def predicted_gains_of(
    transfer: str, architecture: Architecture, n: int, freeze_counts: Sequence[int], fine_tune: Sequence[bool],
    probes: Mapping[int, tuple[float, float]], rule: AdviceRule, *, most_frozen: int, classes: int,
    chance: float,
) -> Iterator[PredictedGain]:  # fmt: skip
    """The predicted gain of every way of one transfer.

    Args:
      transfer, architecture: the transfer.
      n: labelled images that the probes were fitted on.
      freeze_counts, fine_tune: the ways.
      probes: by cut, cut 0 among them: a linear probe's accuracy and its squared error (linear_probe.Probe).
      rule: turns probes into gains.
      most_frozen: layers or parts of the architecture that can be frozen.
      classes: of the target.
      chance: the largest class's share of the images, a fraction: the lowest accuracy shown for a probe. The rule uses
        only squared errors, unchanged.
    """
    errors = {cut: -error for cut, (_, error) in probes.items()}
    cells = [(count, tuned) for count in sorted(freeze_counts) for tuned in fine_tune]
    x = np.array([predictors_of(architecture, n, classes, count, errors, most_frozen) for count, _ in cells])
    below, above = rule.bounds(n, classes)
    for (count, tuned), expected in zip(cells, rule.expected(x).tolist(), strict=True):
        low, high = expected + below, expected + above
        yield PredictedGain(
            transfer, architecture, count, tuned, max(probes[count][0], chance), expected, low, high,
            verdict_of(expected, low, high),
        )  # fmt: skip


def ranked(predicted_gains: Iterator[PredictedGain] | Sequence[PredictedGain]) -> tuple[PredictedGain, ...]:
    """The largest expected gain first."""
    return tuple(sorted(predicted_gains, key=lambda one: (-one.gain_points, one.transfer, one.freeze_count)))


def sentence(best: PredictedGain, target: Sequence[str], n: int) -> str:
    """The answer in one sentence.

    Args:
      best: the first of the ranked predictions.
      target: its classes.
      n: labelled images of it.
    """
    if best.verdict == "do not transfer":
        return f"Do not transfer: no source is expected to gain for {' and '.join(target)} at n = {n:,}."
    return f"Try {_in_words(best)}."


def forecast(best: PredictedGain, n: int) -> str:
    """A line of a run's output. Some sweeps may have ended by then, and a search may not train this cell.

    Args:
      best, n: as in `sentence`.
    """
    expected = "no source is expected to gain" if best.verdict == "do not transfer" else _in_words(best)
    return (
        f"forecast from the sources' features, n = {n:,}: {expected}. Sweeps do not use it and may train other cells."
    )


def _in_words(best: PredictedGain) -> str:
    frozen = f"the first {best.freeze_count} frozen" if best.freeze_count else "nothing frozen"
    tuned = ", then fine-tuned" if best.fine_tune else ""
    sure = "" if best.verdict == "transfer" else "; it may gain nothing"
    return (
        f"{best.transfer}, {frozen}{tuned}: {formats.points(best.gain_points)} points expected, "
        f"{formats.points_interval((best.low, best.high))} for one training{sure}"
    )
