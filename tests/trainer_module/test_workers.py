"""Worker processes: the same results as one, and nothing lost when one is killed. Starts real processes."""

import dataclasses
import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pytest

from trainer_module import freezing
from trainer_module.selection import Cell
from trainer_module.workers import (
    Unit,
    WorkerFailed,
    WorkerPool,
    best_fit,
    default_workers,
    group_units,
    train_alone,
)

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


def test_training_alone_gives_what_the_pool_gives_bit_for_bit_and_the_weights(baseline_job, by_one):
    execution, weights = train_alone(baseline_job, Cell(16, 0, False), 1)
    alone = Outcome(execution.val.accuracy, execution.test.probabilities.tobytes())
    assert alone == by_one[Cell(16, 0, False), 1]
    engine = baseline_job.build()
    freezing.set_weights(freezing.model_variables(engine.network), weights)
    logits = engine.network.model(engine.data.test.images, training=False).numpy()[:, 0]  # [test images]
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), execution.test.probabilities[:, 1], atol=1e-5)


def test_what_training_alone_raises_is_raised_here(baseline_job):
    with pytest.raises(WorkerFailed, match="ValueError: n=50 asks for more images"):
        train_alone(baseline_job, Cell(50, 0, False), 0)


def test_a_process_that_dies_alone_is_said_with_advice(baseline_job):
    def kill_it() -> None:
        while not (started := [process for process in multiprocessing.active_children() if process not in before]):
            time.sleep(0.01)
        os.kill(started[0].pid, signal.SIGKILL)

    before = multiprocessing.active_children()
    killer = threading.Thread(target=kill_it)
    killer.start()
    with pytest.raises(WorkerFailed, match=r"exit code -9.*more memory"):
        train_alone(baseline_job, Cell(16, 0, False), 0)
    killer.join()


def test_units_hold_twins_together_and_the_longest_come_first():
    executions = [(Cell(n, k, t), d) for n in (10, 20) for k in (6, 8) for t in (True, False) for d in (0, 1)]
    units = group_units(executions)
    assert [(u.freeze_count, u.cells[0].n, u.draw) for u in units[:3]] == [(6, 20, 0), (6, 20, 1), (6, 10, 0)]
    assert all([cell.fine_tune for cell in unit.cells] == [False, True] for unit in units)
    assert sum(len(unit.cells) for unit in units) == len(executions)


def test_a_worker_stays_with_its_freeze_count_and_else_takes_one_that_no_other_has():
    units = [Unit((Cell(10, k, False),), 0) for k in (6, 6, 8)]
    assert best_fit(units, warm=8, elsewhere={6}).freeze_count == 8
    assert best_fit(units, warm=None, elsewhere={6}).freeze_count == 8
    assert best_fit(units[:2], warm=8, elsewhere={6}).freeze_count == 6


def test_by_default_there_is_a_worker_for_each_core():
    assert default_workers() == len(os.sched_getaffinity(0))
