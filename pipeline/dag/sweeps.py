"""The DAG's nodes of one baseline and of one transfer, each as one value. Imports no component."""

from __future__ import annotations

from dataclasses import dataclass

from tfx.dsl.components.base.base_component import BaseComponent as Node

from experiment.config import Architecture, Transfer


@dataclass(frozen=True)
class Sweep:
    """A sweep over the target.

    Attributes:
      name: `baseline__<architecture>`, or the transfer's id.
      tuner: trains its cells.
    """

    name: str
    tuner: Node

    @property
    def nodes(self) -> list[Node]:
        """All of its nodes, including those of a subclass."""
        return [value for value in vars(self).values() if isinstance(value, Node)]


@dataclass(frozen=True)
class Baseline(Sweep):
    """An architecture from random weights, with which its transfers are compared.

    Attributes:
      architecture: trained from random weights.
      trainer: trains the best cell.
    """

    architecture: Architecture
    trainer: Node


@dataclass(frozen=True)
class SweptTransfer(Sweep):
    """A transfer; a control is swept and shown, but has no candidate.

    Attributes:
      pair: source and architecture.
      source: the source's Trainer.
      candidate: trains the best cell.
    """

    pair: Transfer
    source: Node
    candidate: Node | None = None
