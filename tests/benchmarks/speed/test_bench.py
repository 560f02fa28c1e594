"""The benchmark's seconds are CPU seconds of one core. Trains nothing."""

import os
import time

import pytest

from benchmarks.speed import bench

pytestmark = pytest.mark.slow


def test_seconds_are_those_of_the_processor_and_those_of_the_clock():
    (cpu, wall), result = bench.timed(lambda: time.sleep(0.5) or "done")
    assert cpu < 0.25 and wall >= 0.5 and result == "done"


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system fixes no process to a core")
def test_the_process_has_one_core_while_cells_are_timed_and_all_of_them_after():
    before = os.sched_getaffinity(0)
    with bench.one_core():
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before
