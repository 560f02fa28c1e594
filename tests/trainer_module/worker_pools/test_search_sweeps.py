"""Sweeps of which a search asks single executions: each is trained once and kept. Starts real processes."""

import contextlib
import dataclasses
import multiprocessing
import threading
import time

import pytest

from experiment.errors import ThawError
from ledger.cell_selection import Cell
from trainer_module.processes.fixed_threads import WorkerFailed
from trainer_module.worker_pools.search_sweeps import MOST_OPEN, SearchSweep, SearchSweeps, most_processes, side_by_side

CELL, TUNED = Cell(8, 0, False), Cell(8, 0, True)


def test_calls_run_at_once_and_keep_their_order():
    meeting = threading.Barrier(3, timeout=60)
    assert side_by_side([lambda n=n: (meeting.wait(), n)[1] for n in range(3)]) == [0, 1, 2]


def test_the_first_error_ends_the_waiting():
    never = threading.Event()

    def fail():
        raise ThawError("broken")

    with pytest.raises(ThawError, match="broken"):
        side_by_side([never.wait, fail])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_execution_is_trained_once_and_lies_in_the_sweeps_ledger(small_job, tmp_path):
    settings = small_job.settings.model_copy(update={"ledger_dir": tmp_path, "workers": 1})
    job = dataclasses.replace(small_job, settings=settings)
    first = SearchSweep(job)
    rows = first.rows([(CELL, 0), (TUNED, 0)])
    assert [(row.fine_tune, row.draw) for row in rows] == [(False, 0), (True, 0)]
    first.close()
    again = SearchSweep(job)
    record, ledger = again.open()
    assert set(ledger.rows) == {record.key(CELL, 0), record.key(TUNED, 0)}
    again.close()
    kept = again.rows([(TUNED, 0)])[0]  # no process is started for it
    assert again.processes == 0
    assert kept.seconds == rows[1].seconds


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_search_that_ends_while_a_sweep_begins_leaves_no_process(small_job, tmp_path):
    settings = small_job.settings.model_copy(update={"ledger_dir": tmp_path, "workers": 1})
    sweep = SearchSweep(dataclasses.replace(small_job, settings=settings))
    before = set(multiprocessing.active_children())

    def begin():
        with contextlib.suppress(ThawError):  # raised unless the processes had begun already
            sweep.open()

    thread = threading.Thread(target=begin)
    thread.start()
    while thread.is_alive() and not set(multiprocessing.active_children()) - before:
        time.sleep(0.001)
    sweep.close()
    thread.join()
    assert not set(multiprocessing.active_children()) - before
    with pytest.raises(WorkerFailed, match="Search again"):
        sweep.rows([(CELL, 1)])
    assert not set(multiprocessing.active_children()) - before


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_sweep_has_a_process_for_each_unit_asked_for_and_one_while_it_rests(small_job, tmp_path):
    settings = small_job.settings.model_copy(update={"ledger_dir": tmp_path, "workers": 3})
    with contextlib.closing(SearchSweep(dataclasses.replace(small_job, settings=settings))) as sweep:
        sweep.rows([(CELL, 0), (TUNED, 0)], most=3)  # both continue from one phase 1
        assert sweep.processes == 1
        sweep.rows([(CELL, 1), (Cell(16, 0, False), 0)], most=3)
        assert sweep.processes == 2
        sweep.rest()
        before = sweep.processes
        assert len(sweep.rows([(Cell(16, 0, False), 1)], most=3)) == before == 1


class Noted:
    """Stands in the place of a sweep; trains nothing."""

    def __init__(self):
        self.closed = self.rested = 0
        self.most = []

    def rows(self, executions, most):
        self.most.append(most)
        return list(executions)

    def rest(self):
        self.rested += 1

    def pause(self):
        self.closed += 1

    close = pause


def test_only_the_sweeps_asked_last_keep_a_process():
    sweeps = {name: Noted() for name in "abcde"}
    all_of_them = SearchSweeps(sweeps, workers=1)
    for name in "abc":
        all_of_them.rows({name: [(CELL, 0)]})
    assert not any(sweep.closed for sweep in sweeps.values())
    assert [sweeps[name].rested for name in "abc"] == [2, 1, 0]
    assert all_of_them.rows({"d": [(CELL, 1)], "b": []}) == {"d": [(CELL, 1)], "b": []}
    assert {name for name, sweep in sweeps.items() if sweep.closed} == {"a"}
    all_of_them.close()
    assert all(sweep.closed for sweep in sweeps.values())


@pytest.mark.parametrize("workers", [1, 2, 5, 8])
def test_all_sweeps_together_have_no_more_processes_than_the_memory_is_shared_by(workers):
    """Whatever is asked: as many units a round as there are workers, spread over any number of sweeps."""
    for count in range(1, workers + 1):
        sweeps = {str(number): Noted() for number in range(count)}
        units = [len(range(number, workers, count)) for number in range(count)]
        asked = {name: [(CELL, draw) for draw in range(unit)] for (name, unit) in zip(sweeps, units, strict=True)}
        SearchSweeps(sweeps, workers).rows(asked)
        in_use = [sweep.most[-1] for sweep in sweeps.values()]
        assert all(most >= unit for most, unit in zip(in_use, units, strict=True))
        assert sum(in_use) + MOST_OPEN <= most_processes(workers)
