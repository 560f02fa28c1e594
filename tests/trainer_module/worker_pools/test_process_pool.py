"""Worker processes: the same results as one, and nothing lost when one is killed. Starts real processes."""

import contextlib
import dataclasses
import itertools
import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
import types
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from experiment.errors import ThawError
from experiment.training_settings import SETTINGS_KEY
from ledger.cell_selection import Cell
from trainer_module import tuner
from trainer_module.networks import weight_values
from trainer_module.processes.fixed_threads import WorkerFailed, run_alone
from trainer_module.sweep.model_jobs import DeployedJob, trained_cell
from trainer_module.worker_pools.process_pool import WorkerPool, default_workers
from trainer_module.worker_pools.worker_process import WorkerProcess

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
def by_one(small_job):
    with WorkerPool(small_job, 1) as pool:
        return run(pool, EXECUTIONS)


@pytest.fixture
def processes():
    """A function that gives the processes that this test has started and that still live."""
    before = set(multiprocessing.active_children())
    return lambda: set(multiprocessing.active_children()) - before


def test_two_workers_give_what_one_gives_bit_for_bit_and_are_gone_at_the_end(small_job, by_one, processes):
    with WorkerPool(small_job, 2) as pool:
        assert run(pool, EXECUTIONS) == by_one
        assert len(processes()) == 2
    assert not processes()


def test_a_second_run_of_a_pool_goes_on_with_the_same_processes(small_job, by_one, processes):
    with WorkerPool(small_job, 2) as pool:
        first, before = run(pool, EXECUTIONS[:4]), processes()
        assert {**first, **run(pool, EXECUTIONS[4:])} == by_one
        assert processes() == before


def test_the_facts_are_those_of_the_data(small_job, target_data):
    with WorkerPool(small_job, 1) as pool:
        assert pool.facts.source_hash == "" and len(pool.facts.content_hash) == 32
        np.testing.assert_array_equal(pool.facts.test_labels, target_data.test.labels)


def test_a_killed_worker_s_work_is_done_again_and_no_other(small_job, by_one, processes):
    with WorkerPool(small_job, 2) as pool:
        results = pool.run(EXECUTIONS)
        cell, draw, execution = next(results)
        found = {(cell, draw): Outcome(execution.val.accuracy, execution.test.probabilities.tobytes())}
        os.kill(processes().pop().pid, signal.SIGKILL)
        for cell, draw, execution in results:
            assert (cell, draw) not in found
            found[cell, draw] = Outcome(execution.val.accuracy, execution.test.probabilities.tobytes())
    assert found == by_one


def test_work_that_kills_every_worker_is_given_up_with_advice(small_job, processes):
    with WorkerPool(small_job, 1) as pool:
        results = pool.run([(Cell(16, 0, False), 0)])
        with killing_each(processes, 2), pytest.raises(WorkerFailed, match=r"2 worker processes died.*fewer workers"):
            list(results)


@contextlib.contextmanager
def killing_each(processes, count):
    """Kills each process that there is or comes, until so many are killed."""
    killed, ended = set(), threading.Event()

    def kill():
        deadline = time.monotonic() + 60
        while len(killed) < count and time.monotonic() < deadline and not ended.is_set():
            for process in processes() - killed:
                killed.add(process)
                os.kill(process.pid, signal.SIGKILL)
            time.sleep(0.01)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        ended.set()
        killer.join()
    assert len(killed) == count


def test_a_worker_that_is_killed_before_it_is_ready_is_started_again(small_job, by_one, processes):
    with killing_each(processes, 1), WorkerPool(small_job, 1) as pool:
        assert run(pool, EXECUTIONS[:1]) == {EXECUTIONS[0]: by_one[EXECUTIONS[0]]}


def test_workers_that_die_before_they_are_ready_are_given_up_with_advice(small_job, processes):
    with (
        killing_each(processes, 2),
        pytest.raises(WorkerFailed, match=r"2 worker processes died while they read the data.*exit code -9.*fewer"),
    ):
        WorkerPool(small_job, 1)
    assert not processes()


def test_what_an_execution_raises_is_raised_here(small_job):
    with (
        WorkerPool(small_job, 1) as pool,
        pytest.raises(WorkerFailed, match="ValueError: n=50 asks for more images"),
    ):
        list(pool.run([(Cell(50, 0, False), 0)]))


def test_data_that_cannot_be_read_is_said_and_leaves_no_process(small_job, processes):
    with pytest.raises(WorkerFailed, match="No record in"):
        WorkerPool(dataclasses.replace(small_job, train_files=("/nowhere/Split-train/*",)), 2)
    assert not processes()


def test_workers_that_read_other_data_than_each_other_are_refused(small_job, monkeypatch, processes):
    facts, reader = WorkerProcess.facts, itertools.count()
    monkeypatch.setattr(
        WorkerProcess, "facts", lambda self: dataclasses.replace(facts(self), content_hash=f"{next(reader)}")
    )
    with pytest.raises(WorkerFailed, match="changed while the sweep began"):
        WorkerPool(small_job, 2)
    assert not processes()


def test_a_worker_in_a_dead_one_s_place_that_reads_other_data_ends_the_sweep(small_job, tmp_path, processes):
    folder = shutil.copytree(Path(small_job.val_files[0]).parents[1], tmp_path / "domain")
    files = [(f"{folder}/Split-{split}/*",) for split in ("train", "val")]
    with WorkerPool(dataclasses.replace(small_job, train_files=files[0], val_files=files[1]), 1) as pool:
        results = pool.run(EXECUTIONS)
        next(results)
        shutil.copy(folder / "Split-test" / "data.tfrecord", folder / "Split-val" / "data.tfrecord")
        os.kill(processes().pop().pid, signal.SIGKILL)
        with pytest.raises(WorkerFailed, match="changed while the sweep ran"):
            list(results)


def test_a_closed_pool_starts_no_process_for_one_that_died(baseline_job, processes):
    pool = WorkerPool(baseline_job, 1)
    results = pool.run(EXECUTIONS)  # more than any machine trains in half a second
    closer = threading.Timer(0.5, pool.close)
    closer.start()
    with pytest.raises((WorkerFailed, OSError)):
        list(results)
    closer.join()
    assert not processes()


def test_a_tuner_whose_ledger_can_not_be_opened_leaves_no_process(small_job, tmp_path, processes):
    (tmp_path / "ledgers").write_text("a file in the folder's place")
    settings = small_job.settings.model_copy(update={"ledger_dir": tmp_path / "ledgers", "workers": 1})
    custom = {SETTINGS_KEY: settings.model_dump(mode="json")}
    asked = types.SimpleNamespace(
        custom_config=custom, train_files=small_job.train_files, eval_files=small_job.val_files, base_model=None
    )
    with pytest.raises(ThawError, match="Can't write the ledger"):
        tuner.tuner_fn(asked)
    assert not processes()


def deployed_job(job, n, folder):
    return DeployedJob(job.settings, job.train_files, job.val_files, "", Cell(n, 0, False), 1.0, folder)


def test_a_deployed_model_is_what_the_pool_trains_bit_for_bit(small_job, tmp_path):
    with WorkerPool(small_job, 1) as pool:
        swept = next(pool.run([(Cell(16, 0, False), 0)]))[2]
    execution, weights = run_alone(trained_cell, deployed_job(small_job, 16, tmp_path), task="trained it")
    assert execution.val.probabilities.tobytes() == swept.val.probabilities.tobytes()
    engine = small_job.build()
    weight_values.set_weights(weight_values.model_variables(engine.network), weights)
    logits = engine.network.model(engine.data.val.images, training=False).numpy()[:, 0]  # [val images]
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), execution.val.probabilities[:, 1], atol=1e-4)


def test_what_a_function_raises_alone_is_raised_here(small_job, tmp_path):
    with pytest.raises(WorkerFailed, match="ValueError: n=50 asks for more images"):
        run_alone(trained_cell, deployed_job(small_job, 50, tmp_path), task="trained it")


def test_a_process_that_dies_alone_is_said_with_advice():
    with pytest.raises(WorkerFailed, match=r"process that computed died \(exit code -9.*more memory"):
        run_alone(signal.raise_signal, signal.SIGKILL, task="computed")


def test_a_process_ends_with_the_one_that_started_it_however_that_ends(programs, tmp_path):
    begun, code = tmp_path / "process_id", tmp_path / "parent.py"
    work = f"open({str(begun)!r}, 'w').write(str(__import__('os').getpid())) and __import__('time').sleep(600)"
    run = f"run_alone(eval, {work!r}, task='slept')"
    code.write_text(
        f"from trainer_module.processes.fixed_threads import run_alone\nif __name__ == '__main__':\n    {run}\n"
    )
    with (tmp_path / "log").open("wb") as log:
        parent = programs.start([sys.executable, str(code)], tmp_path, os.environ, log, log)
    while not (begun.exists() and begun.read_text()):
        assert parent.poll() is None, (tmp_path / "log").read_text()
        time.sleep(0.1)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    child = Path("/proc", begun.read_text())
    while child.exists():  # the test's own limit of time ends this
        time.sleep(0.1)


def test_by_default_there_is_a_worker_for_each_core_and_one_where_there_is_a_gpu():
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    assert default_workers() == (1 if on_gpu else len(os.sched_getaffinity(0)))
