"""A worker of distributed sweeps: `python -m pipeline.runner.sweep_worker LEDGERS` on each machine."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.runner import process

process.prepare_process(os.environ)

from experiment.changes import changed
from experiment.errors import ThawError
from pipeline.dag.fingerprint import SWEEP_CODE, source_fingerprint
from pipeline.runner.options import path_of
from trainer_module.distributed.addresses import worker_address

if TYPE_CHECKING:
    from trainer_module.distributed.worker import SweepWorker
    from trainer_module.sweep.record import SweepRecord

JOB_PATIENCE = 60.0
"""Seconds within which a shared file system shows a file that another machine wrote."""


def parse_arguments(argv: list[str]) -> argparse.Namespace:
    """Reads the command line; bad usage ends the process with status 2."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.runner.sweep_worker",
        description="Trains the trials of each sweep that the chief serves, one after the other.",
        epilog="KERASTUNER_TUNER_ID names this worker, KERASTUNER_ORACLE_IP and _PORT its chief: docs/distributed.md.",
    )
    parser.add_argument("ledgers", type=path_of, help="the folder `ledgers` of the chief's workspace, shared with it")
    parser.add_argument(
        "--patience", type=float, default=3600, metavar="SECONDS", help="end when no chief answers for this long (3600)"
    )
    return parser.parse_args(argv)


def work(ledgers: Path, tuner_id: str, address: str, patience: float) -> None:
    """Joins one sweep after the other until no chief has answered for `patience` seconds.

    Raises:
      ThawError: this machine's sweep differs from the chief's, or it could not train a trial.
    """
    import grpc

    from trainer_module.distributed.worker import IDLE, AnotherSweep, served_sweep
    from trainer_module.processes.fixed_threads import one_thread

    one_thread()
    worker: SweepWorker | None = None
    while name := served_sweep(address, patience):
        if worker is None or worker.record.name != name:
            worker = None  # frees its memory before the next sweep needs memory
            worker = join(ledgers, name, address, patience)
            print(f"{tuner_id}: joined {name}", flush=True)
        try:
            worker.search()
        except (AnotherSweep, grpc.RpcError) as error:
            print(f"{tuner_id}: left {name} ({type(error).__name__})", flush=True)
        time.sleep(IDLE)
    print(f"{tuner_id}: no chief at {address} for {patience:.0f} s, so this worker ends", flush=True)


def join(ledgers: Path, name: str, address: str, patience: float) -> SweepWorker:
    """Reads the sweep's job and data; the worker stops after `patience` seconds without a chief at `address`.

    Raises:
      ThawError: the job is missing, or code, data or source differ from the chief's.
    """
    from trainer_module.distributed.worker import SweepWorker
    from trainer_module.sweep.job import SweepJob, facts_of
    from trainer_module.sweep.record import JOB_FILE, SweepRecord

    path = ledgers.absolute() / name / JOB_FILE
    deadline = time.monotonic() + JOB_PATIENCE
    while not path.exists():
        if time.monotonic() > deadline:
            raise ThawError(f"The chief serves {name}, but there is no {path} here. Give the folder `ledgers` of the "
                            "chief's workspace, on a file system that both machines share.")  # fmt: skip
        time.sleep(1)
    job = SweepJob.read(path)
    if job.settings.code != source_fingerprint(*SWEEP_CODE):
        raise ThawError("This machine's version of Thaw differs from the chief's, so its results would differ. Install "
                        "the same version here.")  # fmt: skip
    engine = job.build()
    settings = changed(job.settings, ledger_dir=ledgers.absolute())
    record = SweepRecord(settings, facts_of(engine))
    if record.name != name:
        _check_stack(record, ledgers.absolute() / f"{name}.jsonl")
        raise ThawError(f"The data or the source read here ({', '.join((*job.train_files, job.base_model))}) are not "
                        f"those of the chief's sweep {name}. Both must see the same files.")  # fmt: skip
    return SweepWorker(engine, record, address, patience)


def _check_stack(record: SweepRecord, chiefs_ledger: Path) -> None:
    """Checks that this worker's stack is the chief's.

    Raises:
      ThawError: it differs.
    """
    from ledger.ledger import read_ledger

    here, there = record.header.stack, read_ledger(chiefs_ledger)[0].stack
    if here != there:
        raise ThawError(f"This machine would train with {here.in_words}; the chief with {there.in_words}: the results "
                        "would differ. Use the same on both.")  # fmt: skip


def main(argv: list[str]) -> int:
    """Trains trials; returns the exit status: 0 no chief left, 1 the user must act, 130 interrupted, 129 or 143
    terminated."""
    arguments = parse_arguments(argv)

    def train() -> None:
        work(arguments.ledgers, *worker_address(os.environ), arguments.patience)

    return process.exit_status(train, os.environ)


if __name__ == "__main__":
    process.end_with(lambda: main(sys.argv[1:]))
