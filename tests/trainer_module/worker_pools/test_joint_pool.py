"""Sweeps that share worker processes: the results of separate pools, and no worker idle. Starts real processes."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal

import pytest

from ledger.cell_selection import Cell
from trainer_module.processes.fixed_threads import WorkerFailed
from trainer_module.sweep.units import LONG_S
from trainer_module.worker_pools import joint_pool
from trainer_module.worker_pools.joint_pool import JointPool, KnownSweep
from trainer_module.worker_pools.process_pool import WorkerPool
from trainer_module.worker_pools.worker_process import WorkerProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SECONDS = {"a": 3.0, "b": 2.0, "c": 1.0}
"""Expected of a training."""
SMALL, LARGE = Cell(8, 0, False), Cell(16, 0, False)


@pytest.fixture(scope="module")
def sweeps_and_results(small_job):
    """Three sweeps by name, which differ in the seed of their draws and weights; and what a pool for each gives."""
    sweeps, alone = {}, {}
    for seed, name in enumerate("abc", start=1):
        job = dataclasses.replace(small_job, settings=small_job.settings.model_copy(update={"seed": seed}))
        with WorkerPool(job, 1) as pool:
            sweeps[name] = KnownSweep(job, pool.facts, lambda cell, each=SECONDS[name]: each)
            for cell, draw, execution in pool.run(asked_of({name: 2})[name]):
                alone[name, cell, draw] = execution.test.probabilities.tobytes()
    return sweeps, alone


@pytest.fixture(scope="module")
def sweeps(sweeps_and_results):
    return sweeps_and_results[0]


@pytest.fixture(scope="module")
def alone(sweeps_and_results):
    return sweeps_and_results[1]


@pytest.fixture
def processes():
    """A function that gives the processes that this test has started and that still live."""
    before = set(multiprocessing.active_children())
    return lambda: set(multiprocessing.active_children()) - before


@pytest.fixture
def begun(monkeypatch):
    """The sweeps whose processes have begun, in order."""
    names = []

    class Counted(WorkerProcess):
        def __init__(self, job, expected):
            names.append("_abc"[job.settings.seed])
            super().__init__(job, expected)

    monkeypatch.setattr(joint_pool, "WorkerProcess", Counted)
    return names


def asked_of(draws):
    return {name: [(cell, draw) for draw in range(count) for cell in (SMALL, LARGE)] for name, count in draws.items()}


def results(pool, executions):
    found = {}
    for name, cell, draw, execution in pool.run(executions):
        assert (name, cell, draw) not in found
        found[name, cell, draw] = execution.test.probabilities.tobytes()
    return found


def test_sweeps_that_share_workers_give_what_each_gives_alone_bit_for_bit(sweeps, alone, begun, processes):
    with JointPool(sweeps, 2) as pool:
        assert results(pool, asked_of(dict.fromkeys("abc", 2))) == alone
        assert len(processes()) == 2
    assert not processes()
    # Each sweep is begun by one worker, that of the longest trainings first; a second helps where no other is left.
    assert begun[:3] == ["a", "b", "c"] and len(begun) <= 4


def test_long_trainings_are_shared_out_before_another_sweep_is_begun(sweeps, alone, begun):
    long = {**sweeps, "b": dataclasses.replace(sweeps["b"], seconds=lambda cell: LONG_S)}
    with JointPool(long, 2) as pool:
        assert results(pool, asked_of({"a": 1, "b": 2})) == {one: alone[one] for one in alone if one[0] == "b"} | {
            one: alone[one] for one in alone if one[0] == "a" and one[2] == 0
        }
    assert begun[:3] == ["b", "b", "a"]


@pytest.mark.exhaustive
def test_a_second_run_goes_on_with_the_same_processes(sweeps, alone, begun):
    with JointPool(sweeps, 2) as pool:
        first = results(pool, asked_of({"a": 1, "b": 1}))
        second = results(pool, {"b": [(SMALL, 1), (LARGE, 1)]})
    assert begun[:2] == ["a", "b"]
    assert {**first, **second} == {one: alone[one] for one in (*first, *second)}
    assert len(second) == 2


@pytest.mark.exhaustive
def test_one_worker_takes_one_sweep_after_another(sweeps, begun, processes):
    with JointPool(sweeps, 1) as pool:
        order = []
        for name, *_ in pool.run(asked_of({"c": 1, "a": 1})):
            order.append(name)
            assert len(processes()) == 1
    assert order == ["a", "a", "c", "c"] and begun == ["a", "c"]


def test_no_process_starts_for_nothing(sweeps, processes):
    with JointPool(sweeps, 2) as pool:
        assert results(pool, {"a": [], "b": []}) == {}
        assert not processes()


def test_a_killed_worker_s_work_is_done_again_and_no_other(sweeps, alone, processes):
    with JointPool(sweeps, 2) as pool:
        ended = pool.run(asked_of({"a": 2, "b": 2}))
        name, cell, draw, execution = next(ended)
        found = {(name, cell, draw): execution.test.probabilities.tobytes()}
        os.kill(processes().pop().pid, signal.SIGKILL)
        for name, cell, draw, execution in ended:
            assert (name, cell, draw) not in found
            found[name, cell, draw] = execution.test.probabilities.tobytes()
    assert found == {one: value for one, value in alone.items() if one[0] != "c"}


def test_work_that_kills_every_worker_is_given_up_with_its_sweep_and_advice(sweeps, monkeypatch, processes):
    begin = WorkerProcess.begin

    def killed(self, unit):
        begin(self, unit)
        os.kill(self.process.pid, signal.SIGKILL)

    monkeypatch.setattr(WorkerProcess, "begin", killed)
    with (
        JointPool(sweeps, 1) as pool,
        pytest.raises(WorkerFailed, match=r"^b: .*draw 0: 2 worker processes died.*exit code -9.*fewer workers"),
    ):
        list(pool.run({"b": [(LARGE, 0)]}))
    assert not processes()


def test_what_an_execution_raises_is_raised_with_its_sweep(sweeps, processes):
    with JointPool(sweeps, 2) as pool, pytest.raises(WorkerFailed, match=r"^c: ValueError: n=50 asks for more images"):
        list(pool.run({"c": [(Cell(50, 0, False), 0)]}))
    assert not processes()


def test_a_worker_that_reads_other_data_than_expected_is_refused(sweeps, processes):
    other = dataclasses.replace(sweeps["a"].facts, content_hash="other")
    with (
        JointPool({"a": dataclasses.replace(sweeps["a"], facts=other)}, 1) as pool,
        pytest.raises(WorkerFailed, match=r"^a: The data or the source changed"),
    ):
        list(pool.run({"a": [(SMALL, 0)]}))
    assert not processes()
