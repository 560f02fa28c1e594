"""The whole run killed as nodes begin and amid them: the same command ends with the ledgers of a run never killed."""

import contextlib
import os
import random
import re
import signal
import time

import pytest

from pipeline.runs.ml_metadata import latest_run_context, nodes_of_run, open_store

pytestmark = [pytest.mark.e2e, pytest.mark.exhaustive, pytest.mark.timeout(7200)]

SMALL = ("--set", "sizes=[10]", "--set", "freeze_counts={remastered: [6]}")


@pytest.fixture
def undisturbed(make_experiment):
    """An experiment, its run, which continues beside the one that is killed, and its number of nodes."""
    experiment = make_experiment("undisturbed")
    process = experiment.start(*SMALL)
    [nodes] = next(filter(None, (re.findall(r"^\[1/(\d+)\]", line) for line in process.stdout)))
    return experiment, process, int(nodes)


def kill_after_it_begins(experiment, node, seconds):
    """Runs until so long after the line that says so; returns the nodes that had ended by then."""
    process = experiment.start(*SMALL)
    seen = []
    for line in process.stdout:
        seen.append(line)
        if line.startswith(f"[{node}/"):
            time.sleep(seconds)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            break
    seen += process.communicate()[0].splitlines()
    assert process.returncode == -signal.SIGKILL, "".join(seen)
    begun = [line.split()[1] for line in seen if line.startswith("[")]
    assert len(begun) == node or seconds
    return set(begun[:-1])


def every_node_as_it_begins(nodes):
    return [(node, 0.0) for node in range(1, nodes + 1)]


def every_node_but_the_last_amid_its_work(nodes):
    """The last node of all takes less than the longest wait."""
    return [(node, random.Random(node).uniform(0, 4)) for node in range(1, nodes)]


def three_as_they_begin(nodes):
    return [(node, 0.0) for node in (7, 11, 15)]


@pytest.mark.parametrize(
    "kills_of", [three_as_they_begin, every_node_as_it_begins, every_node_but_the_last_amid_its_work]
)
def test_a_run_killed_at_nodes_is_finished_by_the_same_command(make_experiment, undisturbed, kills_of):
    whole, process, nodes = undisturbed
    experiment = make_experiment("killed")
    for node, seconds in kills_of(nodes):
        ended = kill_after_it_begins(experiment, node, seconds)
    finished = experiment.start(*SMALL)
    output, _ = finished.communicate()
    assert finished.returncode == 0, output
    store = open_store(experiment.metadata)
    run = nodes_of_run(store, latest_run_context(store))
    assert {name for name, node in run.items() if node.cached} == ended
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert len(whole.ledgers()) == 2 and experiment.ledgers() == whole.ledgers()
    assert (experiment.latest / "cells.csv").exists()
