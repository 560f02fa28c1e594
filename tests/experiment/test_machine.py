"""The share of the time left that a node of a run with a budget gets. Imports no TensorFlow."""

import os

import pytest

from experiment.machine import CONFIRMATION, Machine, Share, deadline_on_this_machine, usable_cores

BUDGET = Machine(
    ends_at=1000.0, shares={"a": Share(part=0.25, reserved_s=100), CONFIRMATION: Share(part=1, reserved_s=20)}
)


def test_a_node_gets_its_part_of_what_is_left_when_it_begins():
    assert BUDGET.deadline_of("a", 500) == 500 + 0.25 * 400
    assert BUDGET.deadline_of(CONFIRMATION, 500) == 980
    assert BUDGET.deadline_of("a", 100) == 100 + 0.25 * 800  # forerunners that end early leave it more


@pytest.mark.parametrize("now", [900, 950, 5000])
def test_a_node_that_begins_too_late_has_to_stop_at_once(now):
    assert BUDGET.deadline_of("a", now) == now


def test_without_a_budget_nothing_is_bounded(tmp_path):
    assert Machine().deadline_of("a", 1) is None
    assert BUDGET.deadline_of("another", 1) is None
    assert deadline_on_this_machine(tmp_path, "a", 1) is None
    BUDGET.write(tmp_path)
    assert deadline_on_this_machine(tmp_path, "a", 500) == 600


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 2),
        ({"cpu.max": "max 100000\n"}, 2),
        ({"cpu.max": "400000 100000\n"}, 2),
        ({"cpu.max": "100000 100000\n"}, 1),
        ({"cpu.max": "110000 100000\n"}, 2),
        ({"cpu.max": "5000 100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2),
        ({"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
    ],
)
def test_a_container_has_no_more_cores_than_its_limit_lets_it_use(tmp_path, monkeypatch, files, cores):
    """Its processes see every core of the machine."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 1}, raising=False)
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    assert usable_cores(tmp_path) == cores
