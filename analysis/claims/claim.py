"""A claim of the original report with its verdict, and how differences become one. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Literal

from analysis.cells.grid import Grid, Terms
from analysis.statistics import formats
from analysis.statistics.paired_intervals import Interval
from experiment.backbones import is_backbone

ClaimVerdict = Literal["supported", "contradicted", "undecided"]

IMAGENET = "imagenet"
"""The source's name in the presets."""

VERY_SMALL_N = 20
SMALL_N = 50
MID_RANGE = (100, 400)
"""The report's words for sizes, made definite: n up to 20, n up to 50, n from 100 to 400."""

TEXTS = {
    "C1": "The largest gain lies at n = 100 to 400.",
    "C2": "Negative transfer occurs at very small n.",
    "C3": "The gain shrinks as n grows to 2000.",
    "C4": "Fine-tuning helps in the mid-range of n.",
    "C5": "Fine-tuning hurts at small n with most layers frozen.",
    "C6": "Freezing most layers is best when n is small.",
    "C7": "No source from CIFAR-10 ever beats MobileNetV2 as a feature extractor.",
    "C8": "Similar domains transfer better: ships and planes rather than cats and dogs, onto cars and trucks.",
}


@dataclasses.dataclass(frozen=True)
class Number:
    """One of the figures a verdict rests on: percentage points with 95% interval."""

    label: str
    points: Interval


@dataclasses.dataclass(frozen=True)
class Claim:
    """One conclusion of the original report, judged on the ledger.

    Attributes:
      id: C1 to C8.
      compared: what was subtracted from what; the difference is positive if the claim is right.
      verdict: supported if the interval of the difference lies above 0, contradicted if below, else undecided; C2 and
        C7 are about many differences at once, and `compared` says how.
      sentence: the finding in plain words.
      difference: None if the ledgers lack the cells.
      p_value: two-sided, of `difference`.
      numbers: further figures.
    """

    id: str
    compared: str
    verdict: ClaimVerdict
    sentence: str
    difference: Interval | None = None
    p_value: float | None = None
    numbers: tuple[Number, ...] = ()

    @property
    def text(self) -> str:
        """The report's conclusion."""
        return TEXTS[self.id]

    @property
    def measured(self) -> bool:
        """False if the ledgers lack the cells."""
        return self.difference is not None


def not_measured(claim_id: str, reason: str) -> Claim:
    """A claim whose cells are not in the ledgers."""
    return Claim(claim_id, "", "undecided", f"Not measured: {reason}.")


def verdict_of(difference: Interval) -> ClaimVerdict:
    """The verdict on the claim that a difference is positive; one draw decides nothing."""
    if difference.images_only or difference.low <= 0 <= difference.high:
        return "undecided"
    return "supported" if difference.low > 0 else "contradicted"


def shown(difference: Interval) -> str:
    """`+3.1 points [+1.0, +5.2]`."""
    bounds = formats.points_interval((difference.low, difference.high))
    return f"{formats.points(difference.estimate)} points {bounds}"


def but_one_draw(difference: Interval) -> str:
    """The sentence to add if there is only one draw."""
    return " One draw can't distinguish a difference from chance." if difference.images_only else ""


FRESH = "it takes fresh draws of what val chose for every transfer at each n (confirmation.every_transfer)"
"""The reason if only the draws on which val chose a cell could decide, which favour it."""


def measured_on(fresh: Grid, parts: Iterable[Terms]) -> bool:
    """Whether all cells of some differences were trained on fresh draws, and on some of them together."""
    places = {place for terms in parts for place in terms}
    known = all(name in fresh.sweeps and cell in fresh.sweeps[name].cells for name, cell in places)
    return known and bool(fresh.common_draws(places))


def domain_transfers(grid: Grid) -> list[str]:
    """Transfers from a domain of the data: those of the report's Figures 4 to 7."""
    return [name for name, sweep in grid.ledgers.transfers.items() if not is_backbone(sweep.header.architecture)]


def sizes_within(grid: Grid, low: float, high: float) -> list[int]:
    """Sizes from low to high that every domain transfer has."""
    transfers = domain_transfers(grid)
    shared = set.intersection(*(set(grid.chosen.transfers[name]) for name in transfers)) if transfers else set()
    return sorted(n for n in shared if low <= n <= high)


def sizes_in_words(sizes: Sequence[int]) -> str:
    """[10, 20, 50] as `n = 10, 20, 50`."""
    return "n = " + ", ".join(str(n) for n in sizes)
