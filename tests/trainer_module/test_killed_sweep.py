"""A sweep killed in the middle goes on where it stopped. Kills real processes."""

import dataclasses
import os
import pickle
import signal
import subprocess
import sys
import time

import pytest

from trainer_module.ledger import read_ledger

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SWEEP = """
import pickle, sys
from trainer_module.sweep_tuner import SweepTuner
from trainer_module.workers import WorkerPool
with open(sys.argv[1], "rb") as file:
    job = pickle.load(file)
SweepTuner(WorkerPool(job, 2), job.settings).search()
"""
EXECUTIONS = 16


@pytest.fixture
def sweep(baseline_job, tmp_path):
    """Starts the sweep in a process of its own; its ledger lies in `ledgers`."""
    settings = baseline_job.settings.model_copy(update={"ledger_dir": tmp_path / "ledgers", "draws": 4})
    with (tmp_path / "job.pickle").open("wb") as file:
        pickle.dump(dataclasses.replace(baseline_job, settings=settings), file)
    command = [sys.executable, "-c", SWEEP, str(tmp_path / "job.pickle")]
    return lambda: subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def ledger_file(tmp_path):
    return next(iter((tmp_path / "ledgers").glob("*.jsonl")), None)


def wait_for_rows(tmp_path, count, process):
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None:
        path = ledger_file(tmp_path)
        if path and path.read_bytes().count(b"\n") > count:
            return
        time.sleep(0.02)
    pytest.fail(f"The sweep ended before its row {count}: {process.communicate()[1][-2000:]}")


def test_a_killed_sweep_repeats_nothing_that_it_had_written(sweep, tmp_path):
    process = sweep()
    wait_for_rows(tmp_path, 4, process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = ledger_file(tmp_path).read_bytes()
    kept = before[: before.rfind(b"\n") + 1]

    again = sweep()
    _, errors = again.communicate(timeout=300)
    assert again.returncode == 0, errors
    after = ledger_file(tmp_path).read_bytes()
    assert after.startswith(kept) and len(after) > len(kept)
    _, rows = read_ledger(ledger_file(tmp_path))
    assert len(rows) == len({row.key for row in rows}) == EXECUTIONS
