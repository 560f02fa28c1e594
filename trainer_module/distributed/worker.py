"""A KerasTuner worker of a sweep whose chief is on another machine: trains trials, writes their rows. Imports no
TFX."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

import grpc
import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.src import protos

from experiment.errors import ThawError
from ledger.cell_selection import Cell
from trainer_module.oracles.sweep_oracle import SWEEP_NAME, SweepOracle, no_hypermodel, row_metrics
from trainer_module.sweep.engine import SweepEngine
from trainer_module.sweep.record import SweepRecord, keras_tuner_folder
from trainer_module.tuners.sweep_tuner import row_note

SIGN_OF_LIFE = 5.0
"""Seconds between two signs of life while a trial is trained."""

IDLE = 1.0
"""Seconds before the next request to a chief that had no work."""


class AnotherSweep(keras_tuner.errors.FatalError):
    """The chief now serves another sweep."""


class SweepWorker(keras_tuner.Tuner):
    """Asks the chief for trials until it has no more; a row is durable before its trial is reported.

    KerasTuner reads the worker's name from KERASTUNER_TUNER_ID.

    Args:
      engine: trains this sweep's cells.
      record: the sweep; its folder is the one that the chief reads.
      address: the chief's, as host:port.
      patience: seconds after which a call that the chief does not answer fails.
      sign_of_life: seconds; see SIGN_OF_LIFE.
    """

    def __init__(
        self,
        engine: SweepEngine,
        record: SweepRecord,
        address: str,
        patience: float,
        sign_of_life: float = SIGN_OF_LIFE,
    ):
        self.engine = engine
        self.record = record
        self.sign_of_life = sign_of_life
        self._trial_id = ""
        self._idle = False
        super().__init__(
            oracle=SweepOracle(record),
            hypermodel=no_hypermodel,
            directory=str(keras_tuner_folder(record.settings.ledger_dir)),
            project_name=record.name,
        )
        # KerasTuner's client would wait an hour for a chief that ended before this worker heard of it.
        channel = grpc.intercept_channel(_channel(address), _Patience(patience))
        self.oracle.stub = protos.get_service_grpc().OracleStub(channel)
        self.written = record.parts().new_writer(self.tuner_id)

    def search(self, *args: Any, **kwargs: Any) -> None:
        """Trains until the chief has no more trials.

        Raises:
          AnotherSweep: see there.
          grpc.RpcError: the chief went away in the middle of a call, or did not answer one for too long.
          ThawError: a trial could not be trained; the chief knows.
        """
        ended = threading.Event()
        threading.Thread(target=self._give_signs_of_life, args=(ended,), daemon=True).start()
        try:
            super().search(*args, **kwargs)
        finally:
            ended.set()

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Trains the trial's cell and writes its row.

        Raises:
          keras_tuner.errors.FailedTrialError: it can't be trained; the reason is in the trial's message.
          AnotherSweep: see there.
        """
        values = trial.hyperparameters.values
        if values[SWEEP_NAME] != self.record.name:
            raise AnotherSweep(values[SWEEP_NAME])
        cell, draw = Cell.of_values(values), values["draw"]
        key = self.record.key(cell, draw)
        if key in self.written.rows:
            time.sleep(IDLE)  # the shared file system has not shown the chief this row yet
        else:
            try:
                self.written.append(self.record.row(cell, draw, self.engine.run(cell, draw)))
            except Exception as error:
                raise keras_tuner.errors.FailedTrialError(f"{cell}, draw {draw}") from error
            print(f"{self.tuner_id}: {row_note(self.written.rows[key])}", flush=True)
        return row_metrics(self.written.rows[key])

    def pre_create_trial(self) -> None:
        if self._idle:
            time.sleep(IDLE)
        self._idle = True

    def on_trial_begin(self, trial: Trial) -> None:
        self._idle, self._trial_id = False, trial.trial_id

    def on_trial_end(self, trial: Trial) -> None:
        self._trial_id = ""
        super().on_trial_end(trial)
        if trial.status == TrialStatus.FAILED:
            raise ThawError(f"{self.record.name}: this worker failed; the chief ends the sweep.\n{trial.message}")

    def save(self) -> None:
        """Nothing: the chief keeps KerasTuner's files, and the ledger has the results."""

    def _give_signs_of_life(self, ended: threading.Event) -> None:
        while not ended.wait(self.sign_of_life):
            trial_id = self._trial_id
            if trial_id:
                with contextlib.suppress(grpc.RpcError):
                    self.oracle.get_trial(trial_id)


class _Patience(grpc.UnaryUnaryClientInterceptor):
    """Gives every call the same number of seconds."""

    def __init__(self, seconds: float):
        self.seconds = seconds

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return continuation(client_call_details._replace(timeout=self.seconds), request)


def _channel(address: str) -> grpc.Channel:
    """A channel to a chief that may return at any time: gRPC alone would look for it every two minutes."""
    return grpc.insecure_channel(address, options=[("grpc.max_reconnect_backoff_ms", 2000)])


def served_sweep(address: str, patience: float) -> str | None:
    """The name of the sweep that the chief serves; waits for the chief, and gives up after `patience` seconds."""
    deadline = time.monotonic() + patience
    while True:
        with _channel(address) as channel:
            try:
                grpc.channel_ready_future(channel).result(timeout=max(0.0, deadline - time.monotonic()))
                stub = protos.get_service_grpc().OracleStub(channel)
                space = stub.GetSpace(protos.get_service().GetSpaceRequest(), timeout=10).hyperparameters
                return keras_tuner.HyperParameters.from_proto(space).values[SWEEP_NAME]
            except grpc.FutureTimeoutError:
                return None
            except grpc.RpcError:
                time.sleep(IDLE)  # it went away again
