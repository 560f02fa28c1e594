"""A chief and workers on loopback give what one process gives, and lose nothing when one is killed. Real processes."""

import dataclasses
import json
import multiprocessing.forkserver
import os
import signal
import socket
import time

import pytest

from experiment.config import Schedule
from ledger.ledger import read_ledger
from pipeline.dag.fingerprint import SWEEP_CODE, source_fingerprint
from trainer_module.processes import fork_server
from trainer_module.tuners.sweep_tuner import SweepTuner
from trainer_module.worker_pools.process_pool import WorkerPool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

EXECUTIONS = 8
PATIENCE = 300

# What KerasTuner's users see of a search that has ended.
TELL = """
import contextlib, io, json
def tell(tuner):
    summary = io.StringIO()
    with contextlib.redirect_stdout(summary):
        tuner.results_summary(100)
    trials = {name: [trial.status, trial.score, trial.metrics.get_config(), trial.hyperparameters.values]
              for name, trial in tuner.oracle.trials.items()}
    return {"summary": summary.getvalue().splitlines()[2:], "trials": trials,
            "best": tuner.get_best_hyperparameters()[0].values}
"""
CHIEF = (
    TELL
    + """
import os, pathlib
os.environ.update(variables)
from trainer_module.distributed.chief import ChiefTuner
from trainer_module.sweep.job import facts_of
tuner = ChiefTuner(job, facts_of(job.build()), address, lost_after=20)
tuner.search()
pathlib.Path(result).write_text(json.dumps(tell(tuner)))
"""
)
WORKER = """
import os, sys
os.environ.update(variables)
from pipeline.runner.sweep_worker import main
sys.exit(main([ledgers, "--patience", patience]))
"""


def tell(tuner):
    names = {}
    exec(TELL, names)
    return json.loads(json.dumps(names["tell"](tuner)))


class Machines:
    """Processes on loopback that take each other for machines; they share a folder alone.

    Args:
      folder: what they share.
      job: the sweep.
    """

    def __init__(self, folder, job):
        self.ledgers = folder / "ledgers"
        self.job = dataclasses.replace(job, settings=job.settings.model_copy(update={"ledger_dir": self.ledgers}))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = str(free.getsockname()[1])
        self.processes = []

    def start(self, script, tuner_id, **values):
        variables = {
            "KERASTUNER_TUNER_ID": tuner_id, "KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": self.port,
        }  # fmt: skip
        process = fork_server.CONTEXT.Process(target=exec, args=(script, {"variables": variables, **values}))
        process.start()
        self.processes.append(process)
        return process

    def chief(self):
        """Starts a chief and waits until it can be asked."""
        result = self.ledgers.parent / "result.json"
        chief = self.start(CHIEF, "chief", job=self.job, address=f"127.0.0.1:{self.port}", result=str(result))
        while not list(self.ledgers.glob("*/job.json")) and chief.is_alive():
            time.sleep(0.05)
        return chief

    def worker(self, tuner_id, patience=PATIENCE):
        return self.start(WORKER, tuner_id, ledgers=str(self.ledgers), patience=str(patience))

    def clean_up(self):
        for process in self.processes:
            process.kill()
            process.join()

    def told(self, chief):
        """What the chief told when its search ended."""
        chief.join(PATIENCE)
        assert chief.exitcode == 0
        return json.loads((self.ledgers.parent / "result.json").read_text())

    def rows(self):
        return read_ledger(next(iter(self.ledgers.glob("*.jsonl"))))[1]

    def rows_written_by(self, tuner_id):
        lines = [part.read_bytes().count(b"\n") - 1 for part in self.ledgers.glob(f"*/{tuner_id}-*.jsonl")]
        return sum(count for count in lines if count > 0)

    def kill_while_it_trains(self, tuner_id, process, rows=1):
        """Kills the worker, or its chief, once the worker has written so many rows and trains a further trial."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            state = next(iter(self.ledgers.glob("keras_tuner/*/oracle.json")), None)
            ongoing = state.read_text().partition('"ongoing_trials": {')[2].partition("}")[0] if state else ""
            if tuner_id in ongoing and self.rows_written_by(tuner_id) >= rows:
                os.kill(process.pid, signal.SIGKILL)
                process.join()
                return
            time.sleep(0.02)
        pytest.fail(f"{tuner_id} got no trial")


def decisive(rows):
    """What must not depend on who trained a row, by key."""
    values = {}
    for row in rows:
        assert row.key not in values
        values[row.key] = {**dataclasses.asdict(row), "test_probabilities": row.test_probabilities.tobytes()}
        del values[row.key]["seconds"]
    return values


@pytest.fixture(scope="module")
def job(small_job):
    # So that processes begin with everything imported; first of all what sets the environment of the imports.
    fork_server.CONTEXT.set_forkserver_preload(["pipeline.runner.sweep_worker", "trainer_module.distributed.chief"])
    multiprocessing.forkserver.ensure_running()
    # Long enough that a worker can be killed while it trains.
    changes = {"schedule": Schedule(epochs=40, batch_size=16), "code": source_fingerprint(*SWEEP_CODE)}
    return dataclasses.replace(small_job, settings=small_job.settings.model_copy(update=changes))


@pytest.fixture(scope="module")
def by_one(job, tmp_path_factory):
    """The rows of a sweep without a chief, and what its tuner tells."""
    machines = Machines(tmp_path_factory.mktemp("one"), job)
    tuner = SweepTuner(WorkerPool(machines.job, 1), machines.job.settings)
    tuner.search()
    return decisive(machines.rows()), tell(tuner)


@pytest.fixture
def machines(job, tmp_path):
    machines = Machines(tmp_path, job)
    yield machines
    machines.clean_up()


def assert_same_as_one(machines, told, by_one):
    rows, told_by_one = by_one
    assert len(rows) == EXECUTIONS
    assert decisive(machines.rows()) == rows
    assert told == told_by_one


def test_a_chief_and_two_workers_give_what_one_process_gives_bit_for_bit(machines, by_one):
    chief, workers = machines.chief(), [machines.worker(f"tuner{number}", patience=5) for number in (0, 1)]
    assert_same_as_one(machines, machines.told(chief), by_one)
    assert machines.rows_written_by("tuner0") + machines.rows_written_by("tuner1") == EXECUTIONS
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0


@pytest.mark.exhaustive  # test_lease_table.py and test_chief_oracle.py lose a worker without processes
def test_a_killed_worker_s_trial_goes_to_another(machines, by_one):
    chief, killed, _ = machines.chief(), machines.worker("tuner0"), machines.worker("tuner1")
    machines.kill_while_it_trains("tuner0", killed)
    assert_same_as_one(machines, machines.told(chief), by_one)
    assert machines.rows_written_by("tuner0") + machines.rows_written_by("tuner1") == EXECUTIONS


@pytest.mark.exhaustive
def test_a_killed_worker_that_is_started_again_goes_on(machines, by_one):
    chief, killed = machines.chief(), machines.worker("tuner0")
    machines.kill_while_it_trains("tuner0", killed)
    machines.worker("tuner0")
    assert_same_as_one(machines, machines.told(chief), by_one)
    assert machines.rows_written_by("tuner0") == EXECUTIONS


@pytest.mark.exhaustive
def test_a_killed_chief_that_is_started_again_goes_on_with_the_workers_it_had(machines, by_one):
    killed, _, _ = machines.chief(), machines.worker("tuner0"), machines.worker("tuner1")
    machines.kill_while_it_trains("tuner0", killed)
    assert_same_as_one(machines, machines.told(machines.chief()), by_one)
