"""The oracle that workers on other machines share: what it has given to whom, and what is lost. Imports no TFX."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from keras_tuner.engine.trial import Trial, TrialStatus

from experiment.errors import ThawError
from ledger.cell_selection import Cell
from ledger.ledger import Ledger, Row
from trainer_module.oracles.sweep_oracle import SWEEP_NAME, SweepOracle, row_metrics
from trainer_module.sweep.record import SweepRecord, add_missing
from trainer_module.sweep.units import Unit, best_fit, group_units

MOST_LOSSES = 5
"""A trial that was with this many workers when they were lost is not given out again."""


@dataclasses.dataclass
class _Worker:
    """A worker as the chief knows it.

    Attributes:
      heard: when it last asked, reported or gave a sign of life, in seconds of this process's clock.
      unit: what it was given; the cells it has not begun are kept for it, for it alone has their phase 1.
      freeze_count: of the last unit, whose program it has compiled.
      told: it knows that the sweep has ended.
      adopted: it had its trial from a chief before this one, and its name is not known.
    """

    heard: float
    unit: Unit | None = None
    freeze_count: int | None = None
    told: bool = False
    adopted: bool = False


class ChiefOracle(SweepOracle):
    """Gives trials to workers that ask over the network, and gives a lost worker's trials to others.

    A trial has ended when its row is in the ledger, whatever the worker said or could no longer say. What a worker
    reports is a hint to look there; KerasTuner's own messages would carry the scores in half the digits besides.

    Args:
      record: the sweep.
      ledger: the sweep's ledger, which this object alone writes.
      lost_after: seconds without a sign of life after which a worker is taken for lost.
      say: shows the user a line.
      clock: seconds, from any start.

    Attributes:
      finished: every planned execution has its row, and none is to be planned further.
      failure: why the sweep can't go on; None while it can.
      fresh_rows: rows that came since somebody last emptied the list.
    """

    def __init__(
        self,
        record: SweepRecord,
        ledger: Ledger,
        lost_after: float,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ):
        super().__init__(record)
        self.trials: dict[str, Trial] = {}
        self.failure: Exception | None = None
        self.fresh_rows: list[Row] = []
        self.finished = False
        self._ledger = ledger
        self._parts = record.parts()
        self._lost_after = lost_after
        self._say = say
        self._clock = clock
        self._one_at_a_time = threading.RLock()
        self._places = {key: place for place, key in enumerate(record.keys)}
        self._ended: set[int] = set()
        self._pending = group_units(record.plan)
        self._workers: dict[str, _Worker] = {}
        self._losses: collections.Counter[str] = collections.Counter()

    def workers_heard_within(self, seconds: float) -> int:
        """How many workers gave a sign of life in the last seconds and do not know yet that the sweep has ended."""
        with self._one_at_a_time:
            now = self._clock()
            return sum(not worker.told and now - worker.heard <= seconds for worker in self._workers.values())

    def settle(self, rows: Iterable[Row]) -> None:
        """Ends the trials whose rows these are, with the rows' own figures."""
        with self._alone():
            for row in rows:
                place = self._places.get(row.key)
                if place is not None and place not in self._ended:
                    self._ended.add(place)
                    trial = self._trial(place)
                    super().update_trial(trial.trial_id, row_metrics(row))
                    trial.status = TrialStatus.COMPLETED
                    super().end_trial(trial)
                    self.fresh_rows.append(row)
            if len(self._ended) == len(self.record.plan) and not self._go_on():
                self.finished = True

    def _go_on(self) -> bool:
        """Plans another draw of what is undecided, if anything is; what the ledger holds of it has ended already."""
        first = len(self.record.plan)
        further = self.record.go_on(self._ledger.rows)
        self._places.update((key, place) for place, key in enumerate(self.record.keys[first:], start=first))
        self._pending += group_units(further)
        if further:
            self._say(f"draw {further[0][1] + 1} of {len(further)} cells that are undecided")
            self.settle(self._ledger.rows.values())
        return bool(further)

    def create_trial(self, tuner_id: str) -> Trial:
        """The trial that the worker has in hand, else one that suits it; IDLE while others train what is left."""
        with self._alone():
            worker = self._heard_from(tuner_id)
            if tuner_id in self.ongoing_trials and not self.failure:
                self._take_rows()  # it was started again, and may have been killed after it wrote the row
            if self.finished or self.failure:
                worker.told = True
                return self._no_trial(TrialStatus.STOPPED)
            if tuner_id in self.ongoing_trials:
                return self.ongoing_trials[tuner_id]
            place = self._next_place(worker)
            if place is None:
                return self._no_trial(TrialStatus.IDLE)
            return self._start(tuner_id, self._trial(place))

    def get_trial(self, trial_id: str) -> Trial:
        """The trial; that a worker asks for it is the worker's sign of life.

        Raises:
          KeyError: this sweep has no such trial.
        """
        if int(trial_id) >= len(self.record.plan):
            raise KeyError(trial_id)
        with self._alone():
            trial = self._trial(int(trial_id))
            holder = self._holder(trial)
            if holder:
                self._heard_from(holder)
            else:
                self._adopt(trial)
            return trial

    def update_trial(self, trial_id: str, metrics: dict[str, Any], step: int = 0) -> Trial:
        """Nothing: the figures come from the ledger."""
        return self.get_trial(trial_id)

    def end_trial(self, trial: Trial) -> None:
        """Looks for the trial's row; a trial whose row is not to be seen yet stays with its worker.

        A worker that can't train it says FAILED, which ends the sweep; INVALID is KerasTuner's word for an error
        while it spoke with the chief.
        """
        with self._alone():
            if self.failure or trial.hyperparameters.values.get(SWEEP_NAME) != self.record.name:
                return
            holder = self._holder(self._trial(int(trial.trial_id)))
            self._take_rows()
            if trial.status == TrialStatus.FAILED:
                cell, draw = self.record.plan[int(trial.trial_id)]
                self.failure = ThawError(f"{holder} failed at {cell}, draw {draw}: see what it printed. "
                                         "Executions that had ended are kept; run again.")  # fmt: skip
            elif holder and self._heard_from(holder).adopted:
                self._take_back(holder)

    def take_back_lost(self) -> None:
        """Takes the trials of workers that were not heard of back, to give them to others."""
        with self._alone():
            lost = [name for name, worker in self._workers.items() if self._is_lost(worker)]
            if lost and not self.failure:
                self._take_rows()  # a worker may have been lost just after it wrote
                for name in lost:
                    self._take_back(name)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One call at a time; what goes wrong ends the search, where gRPC would tell the worker alone."""
        with self._one_at_a_time:
            try:
                yield
            except Exception as error:
                self.failure = self.failure or error
                raise

    def _take_rows(self) -> None:
        rows = self._parts.new_rows()
        add_missing(self._ledger, rows)
        self.settle(rows)

    def _heard_from(self, tuner_id: str) -> _Worker:
        worker = self._workers.setdefault(tuner_id, _Worker(self._clock()))
        worker.heard = self._clock()
        return worker

    def _is_lost(self, worker: _Worker) -> bool:
        return self._clock() - worker.heard > self._lost_after

    def _holder(self, trial: Trial) -> str | None:
        return next((name for name, ongoing in self.ongoing_trials.items() if ongoing is trial), None)

    def _trial(self, place: int) -> Trial:
        """The trial of a place in the plan, made when it is first asked for; `trials` stays in the plan's order."""
        trial_id = f"{place:0{len(str(self.max_trials))}d}"
        if trial_id not in self.trials:
            space = self.get_space()
            space.values = self.populate_space(trial_id)["values"]
            trial = Trial(space, trial_id, TrialStatus.IDLE)
            self.trials = dict(sorted({**self.trials, trial_id: trial}.items()))
        return self.trials[trial_id]

    def _no_trial(self, status: str) -> Trial:
        return Trial(self.get_space(), "", status)

    def _start(self, tuner_id: str, trial: Trial) -> Trial:
        trial.status = TrialStatus.RUNNING
        self.ongoing_trials[tuner_id] = trial
        self.start_order.append(trial.trial_id)
        self._save_trial(trial)
        self.save()
        return trial

    def _next_place(self, worker: _Worker) -> int | None:
        """The next cell of the worker's unit, else the first of a unit that suits it."""
        worker.unit = self._rest(worker.unit) if worker.unit else None
        if worker.unit is None:
            self._pending = [rest for unit in self._pending if (rest := self._rest(unit))]
            if not self._pending:
                return None
            elsewhere = {other.freeze_count for other in self._workers.values() if other is not worker}
            worker.unit = best_fit(self._pending, worker.freeze_count, elsewhere)
            worker.freeze_count = worker.unit.freeze_count
            self._pending.remove(worker.unit)
        return self._place(worker.unit.cells[0], worker.unit.draw)

    def _place(self, cell: Cell, draw: int) -> int:
        return self._places[self.record.key(cell, draw)]

    def _rest(self, unit: Unit) -> Unit | None:
        """What has not ended of a unit."""
        cells = tuple(cell for cell in unit.cells if self._place(cell, unit.draw) not in self._ended)
        return Unit(cells, unit.draw) if cells else None

    def _adopt(self, trial: Trial) -> None:
        """Notes that somebody trains what waits here: a worker that had it from a chief which was then killed."""
        cell, draw = self.record.plan[int(trial.trial_id)]
        unit = next((unit for unit in self._pending if unit.draw == draw and cell in unit.cells), None)
        if unit and int(trial.trial_id) not in self._ended:
            self._pending.remove(unit)
            name = f"a worker with trial {trial.trial_id}"
            self._workers[name] = _Worker(self._clock(), unit, unit.freeze_count, adopted=True)
            self._start(name, trial)

    def _take_back(self, name: str) -> None:
        """Forgets a worker; what it had in hand and what was kept for it waits for others."""
        worker = self._workers.pop(name)
        rest = self._rest(worker.unit) if worker.unit else None
        if rest:
            self._pending.insert(0, rest)
        trial = self.ongoing_trials.pop(name, None)
        if trial is not None:
            trial.status = TrialStatus.IDLE
            self._count_loss(name, trial)

    def _count_loss(self, name: str, trial: Trial) -> None:
        self._losses[trial.trial_id] += 1
        cell, draw = self.record.plan[int(trial.trial_id)]
        if self._losses[trial.trial_id] >= MOST_LOSSES:
            raise ThawError(f"{cell}, draw {draw}: {MOST_LOSSES} workers were lost while they trained it, most often "
                            "because memory ran out. Executions that ended are kept; run again with workers that have "
                            "more of it.")  # fmt: skip
        self._say(f"{name} was not heard of for {self._lost_after:.0f} s; another worker trains {cell}, draw {draw}")
