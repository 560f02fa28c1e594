"""A sweep's chief: serves its oracle to workers on other machines, keeps the ledger, trains nothing. Imports no TFX."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc
from keras_tuner.src import protos
from keras_tuner.src.distribute.oracle_chief import OracleServicer

from experiment.errors import ThawError
from terminal import progress
from trainer_module.oracles.chief_oracle import ChiefOracle
from trainer_module.sweep.job import SweepFacts, SweepJob
from trainer_module.sweep.record import JOB_FILE, SweepRecord
from trainer_module.tuners.sweep_tuner import LedgerTuner, row_note

LOST_AFTER = 60.0
"""Seconds without a call after which a worker counts as lost; it calls every five."""

FAREWELL = 5.0
"""Seconds for which the chief waits for workers to ask again and hear that the sweep has ended."""


class ChiefTuner(LedgerTuner):
    """Has a sweep run by workers on other machines (pipeline.runner.sweep_worker), whose rows it gathers in the ledger.

    Args:
      job: the sweep, as the workers will read it.
      facts: of its data and its source.
      address: host and port to serve at.
      lost_after: seconds; see LOST_AFTER.
    """

    def __init__(self, job: SweepJob, facts: SweepFacts, address: str, lost_after: float = LOST_AFTER):
        self.job = job
        self.address = address
        self.lost_after = lost_after
        record = SweepRecord(job.settings, facts)
        rows = record.open_ledger()
        super().__init__(record, rows, ChiefOracle(record, rows, lost_after, _say))

    def search(self, *args: Any, **kwargs: Any) -> None:
        """Serves until every planned execution has its row.

        Raises:
          ThawError: the address can't be served at, or a worker failed; executions that ended before are kept.
        """
        self.oracle.take_rows(self.ledger.rows.values())
        settings = self.record.settings
        with progress.progress_bar(f"sweep {settings.name}", len(self.record.plan)) as advance:
            self._show_progress(advance)
            if self.oracle.finished:
                return
            self.job.write(self.record.folder / JOB_FILE)
            with served(self.oracle, self.address):
                command = f"python -m pipeline.runner.sweep_worker {settings.ledger_dir}"
                _say(f"{self.record.name} waits for workers: {command}")
                self._wait(advance)
                self._say_farewell()

    def _wait(self, advance: Callable[[str], None]) -> None:
        """Waits until the sweep has ended; prints one line when there is no worker left."""
        alone = True
        while not self.oracle.finished:
            time.sleep(0.1)
            self.oracle.take_back_lost()
            self._show_progress(advance)
            if self.oracle.failure:
                self._say_farewell()
                raise self.oracle.failure
            was_alone, alone = alone, not self.oracle.workers_heard_within(self.lost_after)
            if alone and not was_alone:
                _say(f"{self.record.name}: no worker is left, waiting for one")

    def _say_farewell(self) -> None:
        deadline = time.monotonic() + FAREWELL
        while time.monotonic() < deadline and self.oracle.workers_heard_within(FAREWELL):
            time.sleep(0.1)

    def _show_progress(self, advance: Callable[[str], None]) -> None:
        while self.oracle.fresh_rows:
            advance(row_note(self.oracle.fresh_rows.pop(0)))


@contextlib.contextmanager
def served(oracle: ChiefOracle, address: str) -> Iterator[None]:
    """Answers KerasTuner's remote calls to an oracle.

    KerasTuner's own loop would wait for lost workers for ever, look for the end every 20 s, and share its port with
    another chief unnoticed.

    Raises:
      ThawError: the address is taken or not of this machine.
    """
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1), options=[("grpc.so_reuseport", 0)])
    protos.get_service_grpc().add_OracleServicer_to_server(OracleServicer(oracle), server)
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:
        raise ThawError(f"Can't serve a sweep at {address}: the port is taken, perhaps by another chief, or the "
                        "address is not this machine's. Set KERASTUNER_ORACLE_IP to an address of this machine "
                        "(0.0.0.0: all of them) and KERASTUNER_ORACLE_PORT to a free port.") from error  # fmt: skip
    server.start()
    try:
        yield
    finally:
        server.stop(grace=1).wait()


def _say(line: str) -> None:
    progress.console().print(f"  {line}")
