"""Worker processes: the same results as one, and nothing lost when one is killed. Starts real processes."""

import dataclasses
import multiprocessing
import os
import signal
import threading
import time
import types

import numpy as np
import pytest
import tensorflow as tf

from experiment.errors import ThawError
from experiment.training_settings import SETTINGS_KEY
from ledger.cell_selection import Cell
from trainer_module import tuner
from trainer_module.networks import weight_values
from trainer_module.processes.single_thread import WorkerFailed, run_alone
from trainer_module.sweep.model_jobs import DeployedJob, trained_cell
from trainer_module.sweep.process_pool import WorkerPool, default_workers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CELLS = [Cell(n, 0, tuned) for n in (8, 16) for tuned in (False, True)]
EXECUTIONS = [(cell, draw) for cell in CELLS for draw in (0, 1)]


@dataclasses.dataclass(frozen=True)
class Outcome:
    val: float
    probabilities: bytes


def run(pool, executions):
    found = {}
    for cell, draw, execution in pool.run(executions):
        assert (cell, draw) not in found
        found[cell, draw] = Outcome(execution.val.accuracy, execution.test.probabilities.tobytes())
    return found


@pytest.fixture(scope="module")
def by_one(baseline_job):
    pool = WorkerPool(baseline_job, 1)
    try:
        return run(pool, EXECUTIONS)
    finally:
        pool.close()


def test_two_workers_give_what_one_gives_bit_for_bit(baseline_job, by_one):
    pool = WorkerPool(baseline_job, 2)
    assert run(pool, EXECUTIONS) == by_one
    processes = [worker.process for worker in pool._workers]
    pool.close()
    assert not any(process.is_alive() for process in processes)


def test_the_facts_are_those_of_the_data(baseline_job, target_data):
    pool = WorkerPool(baseline_job, 1)
    pool.close()
    assert pool.facts.source_hash == "" and len(pool.facts.content_hash) == 32
    np.testing.assert_array_equal(pool.facts.test_labels, target_data.test.labels)


def test_a_killed_worker_s_work_is_done_again_and_no_other(baseline_job, by_one):
    pool = WorkerPool(baseline_job, 2)
    results = pool.run(EXECUTIONS)
    cell, draw, execution = next(results)
    found = {(cell, draw): Outcome(execution.val.accuracy, execution.test.probabilities.tobytes())}
    busy = next(worker for worker in pool._workers if worker.unit)
    os.kill(busy.process.pid, signal.SIGKILL)
    for cell, draw, execution in results:
        assert (cell, draw) not in found
        found[cell, draw] = Outcome(execution.val.accuracy, execution.test.probabilities.tobytes())
    pool.close()
    assert found == by_one


def test_work_that_kills_every_worker_is_given_up_with_advice(baseline_job):
    pool = WorkerPool(baseline_job, 1)
    results = pool.run([(Cell(16, 0, False), 0)])
    killed = set()

    def kill_each_worker_in_turn():
        deadline = time.monotonic() + 60
        while len(killed) < 2 and time.monotonic() < deadline:
            process = pool._workers[0].process
            if process.pid not in killed:
                killed.add(process.pid)
                os.kill(process.pid, signal.SIGKILL)
            time.sleep(0.01)

    killer = threading.Thread(target=kill_each_worker_in_turn)
    killer.start()
    with pytest.raises(WorkerFailed, match=r"2 processes died of it.*fewer workers"):
        list(results)
    killer.join()
    pool.close()


def test_what_an_execution_raises_is_raised_here(baseline_job):
    pool = WorkerPool(baseline_job, 1)
    with pytest.raises(WorkerFailed, match="ValueError: n=50 asks for more images"):
        list(pool.run([(Cell(50, 0, False), 0)]))
    pool.close()


def test_data_that_cannot_be_read_is_said(baseline_job):
    with pytest.raises(WorkerFailed, match="No record in"):
        WorkerPool(dataclasses.replace(baseline_job, train_files=("/nowhere/Split-train/*",)), 1)


def test_a_pool_that_can_not_be_made_leaves_no_process(baseline_job):
    before = set(multiprocessing.active_children())
    with pytest.raises(WorkerFailed, match="No record in"):
        WorkerPool(dataclasses.replace(baseline_job, train_files=("/nowhere/Split-train/*",)), 2)
    assert not set(multiprocessing.active_children()) - before


def test_a_closed_pool_starts_no_process_for_one_that_died(baseline_job):
    pool = WorkerPool(baseline_job, 1)
    results = pool.run(EXECUTIONS)  # more than any machine trains in half a second
    closer = threading.Timer(0.5, pool.close)
    closer.start()
    with pytest.raises((WorkerFailed, OSError)):
        list(results)
    closer.join()
    assert not any(worker.process.is_alive() for worker in pool._workers)


def test_a_tuner_whose_ledger_can_not_be_opened_leaves_no_process(baseline_job, tmp_path):
    before = set(multiprocessing.active_children())
    (tmp_path / "ledgers").write_text("a file in the folder's place")
    settings = baseline_job.settings.model_copy(update={"ledger_dir": tmp_path / "ledgers", "workers": 1})
    custom = {SETTINGS_KEY: settings.model_dump(mode="json")}
    asked = types.SimpleNamespace(
        custom_config=custom, train_files=baseline_job.train_files, eval_files=baseline_job.val_files, base_model=None
    )
    with pytest.raises(ThawError, match="Can't write the ledger"):
        tuner.tuner_fn(asked)
    assert not set(multiprocessing.active_children()) - before


def deployed_job(job, n, folder):
    return DeployedJob(job.settings, job.train_files, job.val_files, "", Cell(n, 0, False), 1.0, folder)


def test_a_deployed_model_is_what_the_pool_trains_bit_for_bit(baseline_job, tmp_path):
    pool = WorkerPool(baseline_job, 1)
    swept = next(pool.run([(Cell(16, 0, False), 0)]))[2]
    pool.close()
    execution, weights = run_alone(trained_cell, deployed_job(baseline_job, 16, tmp_path), task="trained it")
    assert execution.val.probabilities.tobytes() == swept.val.probabilities.tobytes()
    engine = baseline_job.build()
    weight_values.set_weights(weight_values.model_variables(engine.network), weights)
    logits = engine.network.model(engine.data.val.images, training=False).numpy()[:, 0]  # [val images]
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), execution.val.probabilities[:, 1], atol=1e-4)


def test_what_a_function_raises_alone_is_raised_here(baseline_job, tmp_path):
    with pytest.raises(WorkerFailed, match="ValueError: n=50 asks for more images"):
        run_alone(trained_cell, deployed_job(baseline_job, 50, tmp_path), task="trained it")


def test_a_process_that_dies_alone_is_said_with_advice():
    with pytest.raises(WorkerFailed, match=r"process that computed died \(exit code -9.*more memory"):
        run_alone(signal.raise_signal, signal.SIGKILL, task="computed")


def test_by_default_there_is_a_worker_for_each_core_and_one_where_there_is_a_gpu():
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    assert default_workers() == (1 if on_gpu else len(os.sched_getaffinity(0)))
