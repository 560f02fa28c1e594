"""What to use at each n: chosen on val, measured on fresh draws. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses

import numpy as np

from analysis.cells.cell_summaries import MeasuredCell
from analysis.claims.claim import shown
from analysis.confirmation.collapse import chance_of
from analysis.findings.confirmed import Confirmation, Confirmed
from analysis.statistics import formats
from experiment.backbones import network_in_words, unit_of
from experiment.schedules import tuned_in_words
from ledger.cell_selection import Cell, rounded_off


@dataclasses.dataclass(frozen=True)
class Advice:
    """The best transfer on val at one n, against the best network from scratch, on fresh draws.

    Attributes:
      answer: both, with the verdict.
      floor: the accuracy, a fraction, below which no network is to be deployed.
      chance: the accuracy of always predicting the test images' most frequent class, a fraction.
    """

    answer: Confirmed
    floor: float = 0.0
    chance: float = 0.0

    @property
    def n(self) -> int:
        return self.answer.question.n

    @property
    def best(self) -> MeasuredCell:
        """The model to use: the transfer, or the network from scratch if that is more accurate."""
        return self.answer.scratch.best if self._from_scratch else self.answer.summary

    @property
    def _from_scratch(self) -> bool:
        """A gain needs evidence; without it, the advice is the network that was more accurate on fresh draws."""
        scratch = self.answer.scratch
        # Rounded as it is shown: no network is called 0.0 points better.
        return scratch.verdict == "loss" or (scratch.verdict == "undecided" and round(scratch.lead.estimate, 1) < 0)

    @property
    def sentence(self) -> str:
        """`With 100 labelled images: the original network, features frozen, 88.1% [86.9, 89.2], +21 points ...`"""
        lead = self.answer.scratch.lead
        if self._from_scratch:
            worth = f", {shown(-lead)} over {model_in_words(self.answer.summary)}, the best transfer on val"
        else:
            worth = f", {shown(lead)} over {network_in_words(self.answer.scratch.best.architecture)} from scratch"
        if self.answer.scratch.verdict == "undecided":
            worth += f", undecided: {'it may be no better' if self._from_scratch else 'the transfer may gain nothing'}"
        if rounded_off(self.best.accuracy.estimate) < self.floor:
            worth += f"; but it is below the floor of {formats.percent(self.floor)}"
        elif self.best.accuracy.low <= self.chance:
            worth += f"; but its accuracy is {formats.no_better_than_chance(self.chance)}"
        return f"With {self.n:,} labelled images: {model_in_words(self.best)}, {_accuracy(self.best)}{worth}."


def _accuracy(measured: MeasuredCell) -> str:
    accuracy = measured.accuracy
    return f"{formats.percent(accuracy.estimate)} {formats.percent_interval((accuracy.low, accuracy.high))}"


def advise(confirmation: Confirmation, floor: float = 0.0) -> list[Advice]:
    """One Advice for each n that was confirmed, rising; `floor` as in Advice."""
    header = next(iter(confirmation.ledgers.transfers.values())).header
    chance = chance_of(np.bincount(header.test_labels).tolist())
    return [Advice(answer, floor, chance) for answer in confirmation.best]


def model_in_words(measured: MeasuredCell) -> str:
    """`the backbone mobilenet_v2 from imagenet, features frozen`."""
    architecture = network_in_words(measured.architecture)
    if not measured.source:
        return f"{architecture} from scratch"
    way = way_in_words(measured.cell, measured.architecture, measured.max_freeze_count)
    return f"{architecture} from {measured.source}, {way}"


def way_in_words(cell: Cell, architecture: str, most: int) -> str:
    """`features frozen`, `first 4 of 8 layers frozen, then fine-tuned`, `layers 4 to 6 of 8 tuned, the rest held`.

    Args:
      cell, architecture: what is transferred how.
      most: layers or parts that can be frozen.
    """
    if cell.held_from:
        return f"{tuned_in_words(architecture, cell.freeze_count, cell.held_from)} of {most} tuned, the rest held"
    unit = unit_of(architecture) + "s"
    if cell.freeze_count == 0:
        frozen = "nothing frozen"
    elif cell.freeze_count == most:
        frozen = "features frozen"
    else:
        frozen = f"first {cell.freeze_count} of {most} {unit} frozen"
    return f"{frozen}, then fine-tuned" if cell.fine_tune else frozen
