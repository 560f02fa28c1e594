"""The oracle that workers on other machines share, between KerasTuner, the ledger and the leases. Imports no TFX."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from keras_tuner.engine.trial import Trial, TrialStatus

from experiment.errors import ThawError
from ledger.ledger import Ledger
from ledger.rows import Row
from trainer_module.oracles.lease_table import LeaseTable
from trainer_module.oracles.sweep_oracle import SWEEP_NAME, SweepOracle, row_metrics
from trainer_module.sweep.record import SweepRecord, add_missing
from trainer_module.sweep.units import Planned

MOST_LOSSES = 5
"""A trial is not assigned again after this many workers were lost while they trained it."""


class ChiefOracle(SweepOracle):
    """Assigns trials to workers that ask over the network, and a lost worker's trials to others.

    A trial has ended when its row is in the ledger, whatever the worker reported. A report only makes the oracle read
    the ledger: KerasTuner's messages carry scores with half the digits.

    Args:
      record: the sweep.
      ledger: the sweep's ledger, which this object alone writes.
      lost_after: seconds without a sign of life after which a worker counts as lost.
      say: shows the user a line.
      clock: seconds, from any start.

    Attributes:
      finished: every planned execution has its row, and no more will be planned.
      failure: why the sweep can't continue; None while it can.
      fresh_rows: rows that arrived since the list was last emptied.
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
        self._one_at_a_time = threading.RLock()
        self._places = {key: place for place, key in enumerate(record.keys)}
        self._leases = LeaseTable(record.plan, lost_after, clock)

    def workers_heard_within(self, seconds: float) -> int:
        """How many workers gave a sign of life in the last seconds and do not know yet that the sweep has ended."""
        with self._one_at_a_time:
            return self._leases.heard_within(seconds)

    def take_rows(self, rows: Iterable[Row]) -> None:
        """Ends the trials whose rows these are, with the rows' own figures."""
        with self._alone():
            for row in rows:
                place = self._places.get(row.key)
                if place is not None and self._leases.end(self.record.plan[place]):
                    trial = self._trial(place)
                    super().update_trial(trial.trial_id, row_metrics(row))
                    trial.status = TrialStatus.COMPLETED
                    super().end_trial(trial)
                    self.fresh_rows.append(row)
            self.finished = self._leases.all_ended

    def create_trial(self, tuner_id: str) -> Trial:
        """The trial that the worker is training, else one that suits it; IDLE while others train the rest."""
        with self._alone():
            self._leases.hear(tuner_id)
            if self._leases.in_hand(tuner_id) and not self.failure:
                self._take_rows()  # it was restarted, and may have been killed after it wrote the row
            if self.finished or self.failure:
                self._leases.dismiss(tuner_id)
                return self._no_trial(TrialStatus.STOPPED)
            if self._leases.in_hand(tuner_id):
                return self.ongoing_trials[tuner_id]
            execution = self._leases.lease(tuner_id)
            if execution is None:
                return self._no_trial(TrialStatus.IDLE)
            return self._start(tuner_id, self._trial_of(execution))

    def get_trial(self, trial_id: str) -> Trial:
        """The trial; that a worker asks for it is the worker's sign of life.

        Raises:
          KeyError: this sweep has no such trial.
        """
        if int(trial_id) >= len(self.record.plan):
            raise KeyError(trial_id)
        with self._alone():
            trial, execution = self._trial(int(trial_id)), self.record.plan[int(trial_id)]
            holder = self._leases.holder(execution)
            # The worker may have it from a chief before this one, which was killed.
            stranger = f"a worker with trial {trial.trial_id}"
            if holder:
                self._leases.hear(holder)
            elif self._leases.adopt(execution, stranger):
                self._start(stranger, trial)
            return trial

    def update_trial(self, trial_id: str, metrics: dict[str, Any], step: int = 0) -> Trial:
        """Nothing: the figures come from the ledger."""
        return self.get_trial(trial_id)

    def end_trial(self, trial: Trial) -> None:
        """Looks for the trial's row; a trial whose row is not visible yet stays with its worker.

        A worker that can't train it reports FAILED, which ends the sweep. INVALID is KerasTuner's status for an error
        while it called the chief.
        """
        with self._alone():
            if self.failure or trial.hyperparameters.values.get(SWEEP_NAME) != self.record.name:
                return
            cell, draw = self.record.plan[int(trial.trial_id)]
            holder = self._leases.holder((cell, draw))
            self._take_rows()
            if trial.status == TrialStatus.FAILED:
                self.failure = ThawError(f"{holder} failed at {cell}, draw {draw}: see its output. "
                                         "Finished executions are kept; run again.")  # fmt: skip
            elif holder:
                self._leases.hear(holder)
                if self._leases.is_adopted(holder):
                    self._take_back(holder)

    def take_back_lost(self) -> None:
        """Takes back the trials of workers that were not heard from, to give them to others."""
        with self._alone():
            lost = self._leases.lost
            if lost and not self.failure:
                self._take_rows()  # a worker may have been lost just after it wrote
                for name in lost:
                    self._take_back(name)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One call at a time. An error ends the search; gRPC would report it only to the worker."""
        with self._one_at_a_time:
            try:
                yield
            except Exception as error:
                self.failure = self.failure or error
                raise

    def _take_rows(self) -> None:
        rows = self._parts.new_rows()
        add_missing(self._ledger, rows)
        self.take_rows(rows)

    def _trial_of(self, execution: Planned) -> Trial:
        return self._trial(self._places[self.record.key(*execution)])

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
        """Records it for KerasTuner, whose file says who trains what."""
        trial.status = TrialStatus.RUNNING
        self.ongoing_trials[tuner_id] = trial
        self.start_order.append(trial.trial_id)
        self._save_trial(trial)
        self.save()
        return trial

    def _take_back(self, name: str) -> None:
        """Removes a worker; its trial and the units reserved for it wait for others."""
        execution = self._leases.take_back(name)
        if execution is None:
            return
        self.ongoing_trials.pop(name).status = TrialStatus.IDLE
        cell, draw = execution
        if self._leases.losses(execution) >= MOST_LOSSES:
            raise ThawError(f"{cell}, draw {draw}: {MOST_LOSSES} workers were lost while they trained it, most often "
                            "because memory ran out. Executions that ended are kept; run again with workers that have "
                            "more of it.")  # fmt: skip
        self._say(f"{name} was not heard from for {self._lost_after:.0f} s; another worker trains {cell}, draw {draw}")
