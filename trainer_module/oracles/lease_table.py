"""Which worker trains which execution of a sweep, and which executions wait again when one is lost. Imports no
KerasTuner."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Sequence

from trainer_module.sweep.units import Planned, Unit, best_fit, group_units


@dataclasses.dataclass
class _Worker:
    """A worker as the table knows it.

    Attributes:
      heard: when it last asked, reported or gave a sign of life, by the table's clock.
      unit: its assigned unit; cells not yet begun are reserved for it, since only it has their phase 1.
      in_hand: the execution that it trains now.
      freeze_count: of the last unit, whose program it has compiled.
      dismissed: it knows that the sweep has ended.
      adopted: it got its execution from an earlier table, and its name is not known.
    """

    heard: float
    unit: Unit | None = None
    in_hand: Planned | None = None
    freeze_count: int | None = None
    dismissed: bool = False
    adopted: bool = False


class LeaseTable:
    """Gives each execution to one worker at a time, until it has ended.

    It knows workers by name and time by a clock; it neither sends nor reads anything.

    Args:
      plan: the executions.
      lost_after: seconds without a sign of life after which a worker counts as lost.
      clock: seconds, from any start.
    """

    def __init__(self, plan: Sequence[Planned], lost_after: float, clock: Callable[[], float]):
        self._lost_after = lost_after
        self._clock = clock
        self._waiting = group_units(plan)
        self._planned = len(plan)
        self._ended: set[Planned] = set()
        self._workers: dict[str, _Worker] = {}
        self._losses: collections.Counter[Planned] = collections.Counter()

    @property
    def all_ended(self) -> bool:
        return len(self._ended) == self._planned

    @property
    def lost(self) -> list[str]:
        """The workers that were not heard from for too long."""
        now = self._clock()
        return [name for name, worker in self._workers.items() if now - worker.heard > self._lost_after]

    def heard_within(self, seconds: float) -> int:
        """How many workers were heard from in the last seconds and have not been dismissed."""
        now = self._clock()
        return sum(not worker.dismissed and now - worker.heard <= seconds for worker in self._workers.values())

    def in_hand(self, name: str) -> Planned | None:
        """The execution that the worker trains now."""
        worker = self._workers.get(name)
        return worker.in_hand if worker else None

    def holder(self, execution: Planned) -> str | None:
        """The worker that trains the execution."""
        return next((name for name, worker in self._workers.items() if worker.in_hand == execution), None)

    def losses(self, execution: Planned) -> int:
        """How many workers were lost while they trained the execution."""
        return self._losses[execution]

    def is_adopted(self, name: str) -> bool:
        """Whether the worker's true name is not known."""
        return self._workers[name].adopted

    def hear(self, name: str) -> None:
        """Notes a sign of life of a worker, which may be new."""
        worker = self._workers.setdefault(name, _Worker(self._clock()))
        worker.heard = self._clock()

    def dismiss(self, name: str) -> None:
        """Notes that a worker was told that the sweep has ended."""
        self._workers[name].dismissed = True

    def lease(self, name: str) -> Planned | None:
        """The worker's current execution, else the next one that suits it; None while others have the rest."""
        self.hear(name)
        worker = self._workers[name]
        if worker.in_hand is None:
            worker.unit = worker.unit.without(self._ended) if worker.unit else None
            if worker.unit is None:
                self._give_unit(worker)
            worker.in_hand = worker.unit.executions[0] if worker.unit else None
        return worker.in_hand

    def end(self, execution: Planned) -> bool:
        """Notes that an execution has ended, whichever worker trained it; False if that was known."""
        if execution in self._ended:
            return False
        self._ended.add(execution)
        for worker in self._workers.values():
            if worker.in_hand == execution:
                worker.in_hand = None
        return True

    def adopt(self, execution: Planned, name: str) -> bool:
        """Leases a waiting execution to a worker that already trains it, by an earlier table.

        Returns:
          False if the execution does not wait: it has ended, or a worker has it or will get it.
        """
        unit = next((unit for unit in self._waiting if execution in unit.executions), None)
        if unit is None or execution in self._ended:
            return False
        self._waiting.remove(unit)
        self._workers[name] = _Worker(self._clock(), unit, execution, unit.freeze_count, adopted=True)
        return True

    def take_back(self, name: str) -> Planned | None:
        """Removes a worker; its execution, which is returned, and those reserved for it wait for others."""
        worker = self._workers.pop(name)
        rest = worker.unit.without(self._ended) if worker.unit else None
        if rest:
            self._waiting.insert(0, rest)
        if worker.in_hand is not None:
            self._losses[worker.in_hand] += 1
        return worker.in_hand

    def _give_unit(self, worker: _Worker) -> None:
        """Reserves the first waiting unit that suits the worker; None if nothing waits."""
        self._waiting = [rest for unit in self._waiting if (rest := unit.without(self._ended))]
        if self._waiting:
            elsewhere = {other.freeze_count for other in self._workers.values() if other is not worker}
            worker.unit = best_fit(self._waiting, worker.freeze_count, elsewhere)
            worker.freeze_count = worker.unit.freeze_count
            self._waiting.remove(worker.unit)
